"""The latent layer of a trained network in a few small arrays, from which its figures are drawn."""

import numpy as np

from lpc_scratch.backend import Array
from lpc_scratch.metrics import class_means, fit_mixtures

COORDINATES = 4  # coordinates with a histogram and a mixture
POINTS = 1000  # projected samples at most
# Wider than those of a run's histograms: a unit that fires for one class in ten has its second
# peak at three standard deviations.
EDGES = np.linspace(-5, 5, 201)
ARRAYS = (
    *("class_shares", "final_means", "coordinates", "histogram_edges", "histogram_counts"),
    *("mixture_means", "mixture_sigmas", "mixture_weights"),
    *("projection", "projection_labels", "projected_means", "projection_share"),
)
"""Names of the arrays of a portrait."""
CORRECT = "test_correct"
"""Name of the array beside them: which test images the network is right about, (N,) bool."""


def portray(latent: Array, labels: Array) -> dict[str, Array]:
    """Return histograms, mixtures, class means and a projection of a float64 latent (N, D).

    ``class_shares`` (C,): shares of the samples. ``final_means`` (C, D): class means.
    ``coordinates`` (k,): at most COORDINATES of them at even distances, with ``histogram_edges``
    (bins + 1,), ``histogram_counts`` (k, bins) and the components ``mixture_means``,
    ``mixture_sigmas``, ``mixture_weights`` (k, 2), all in standard deviations of the coordinate;
    values outside count in the outermost bins. ``projection`` (n, 2), ``projection_labels`` (n,),
    ``projected_means`` (C, 2) and ``projection_share`` (2,): at most POINTS samples on the first
    two principal components, and the share of the variance that each of them holds; a missing
    second one is 0.
    """
    means = class_means(latent, labels)
    dims = latent.shape[1]
    coordinates = np.linspace(0, dims - 1, min(dims, COORDINATES)).astype(int)
    chosen = latent[:, coordinates]
    deviation = chosen.std(axis=0)
    standardised = (chosen - chosen.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    clipped = np.clip(standardised, EDGES[0], EDGES[-1])
    mixtures = fit_mixtures(chosen)
    return {
        "class_shares": np.unique(labels, return_counts=True)[1] / len(labels),
        "final_means": means,
        "coordinates": coordinates,
        "histogram_edges": EDGES,
        "histogram_counts": np.stack([np.histogram(z, EDGES)[0] for z in clipped.T]),
        "mixture_means": mixtures.means,
        "mixture_sigmas": mixtures.sigmas,
        "mixture_weights": mixtures.weights,
        **_project(latent, labels, means),
    }


def _project(latent: Array, labels: Array, means: Array) -> dict[str, Array]:
    center = latent.mean(axis=0)
    centered = latent - center
    variances, directions = np.linalg.eigh(centered.T @ centered / len(latent))  # ascending
    first_two = directions[:, ::-1][:, :2]
    planar = np.zeros((latent.shape[1], 2))
    planar[:, : first_two.shape[1]] = first_two
    share = np.zeros(2)
    share[: first_two.shape[1]] = variances[::-1][:2] / max(variances.sum(), np.finfo(float).tiny)
    samples = np.random.default_rng(0).permutation(len(latent))[:POINTS]
    return {
        "projection": centered[samples] @ planar,
        "projection_labels": labels[samples],
        "projected_means": (means - center) @ planar,
        "projection_share": share,
    }
