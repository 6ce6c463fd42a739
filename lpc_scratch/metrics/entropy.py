"""Entropy of the latent: how little room its points leave one another.

The estimate needs no histogram and no labels: the distance from a point to its k-th nearest
neighbour says how dense the points are there. All arithmetic is float64.
"""

from math import lgamma, log, pi

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.classes import as_matrix, draw, squared_distances


def latent_entropy(
    latent: npt.ArrayLike, neighbors: int = 3, seed: int = 0, max_samples: int = 2000
) -> float:
    """Differential entropy of the latent, estimated from distances to the k-th neighbour.

    H = ψ(N) - ψ(k) + log V_D + (D/N) Σ_i log eps_i, with ψ the digamma function, V_D the volume
    of the D-dimensional unit ball and eps_i the Euclidean distance from sample i to its k-th
    nearest neighbour, itself not counted. Source: Kozachenko and Leonenko 1987, in the form of
    Kraskov, Stögbauer and Grassberger 2004.

    More than ``max_samples`` samples are replaced by that many, drawn without replacement from
    a generator seeded with ``seed``. ``neighbors`` is k, at least 1: a larger one gives less
    variance and more bias.

    In nats, of any sign; the lower, the more the points have collapsed. Unchanged by shifts and
    rotations of the latent, but aZ has D log(a) more than Z: read it beside the norm. In many
    dimensions the estimate is biased, so compare only equal N, D and k. -inf where a sample
    coincides with its k-th neighbour. Raises ValueError if ``latent`` (N, D) is not a finite
    matrix, ``neighbors`` is less than 1, or no more than ``neighbors`` samples are left.
    """
    z = as_matrix(latent, "latent")
    if neighbors < 1:
        raise ValueError(f"neighbors must be at least 1, not {neighbors}.")
    N, D = min(len(z), max_samples), z.shape[1]
    if neighbors >= N:
        raise ValueError(f"neighbors={neighbors} needs at least {neighbors + 1} samples, not {N}.")
    if len(z) > N:
        z = z[draw(len(z), N, seed)]

    squared = squared_distances(z)
    squared.partition(neighbors, axis=1)  # the nearest of all, in column 0, is the sample itself
    squared = squared[:, neighbors]
    if not squared.all():
        return -np.inf
    digammas = np.sum(1 / np.arange(neighbors, N))  # ψ(n + 1) = ψ(n) + 1/n
    log_ball = D / 2 * log(pi) - lgamma(D / 2 + 1)
    return float(digammas + log_ball + D / 2 * np.log(squared).mean())
