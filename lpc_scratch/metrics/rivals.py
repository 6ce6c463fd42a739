"""Detection scores of other authors that look at the latent alone: NECO, NCI and KNN.

As in :mod:`lpc_scratch.metrics.detection` a score is higher, the more a sample is like those of the
training set; packages such as pytorch-ood give the same numbers with the other sign. N samples, D
latent coordinates, K classes; all arithmetic is float64. The fourth score of others, ODIN, needs
the network, and is :func:`lpc_scratch.evaluation.odin.odin_scores`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.classes import FloatArray, as_matrix, as_scores

if TYPE_CHECKING:
    from sklearn.neighbors import NearestNeighbors

_LEAST = np.finfo(np.float64).tiny  # divides a vector of zeros, and leaves it one


@dataclass(frozen=True, eq=False)
class Neco:
    """Share of a latent's length that lies in the space of the classes.

    Under neural collapse the class means span K - 1 dimensions, and what the network does not know
    leaves them. Source: Ben Ammar, Belkhir, Popescu, Manzanera and Franchi 2024 ("NECO: neural
    collapse based out-of-distribution detection", arXiv 2310.06823), without scaling the
    coordinates, which their code advises against where classes have collapsed.

    Attributes
    ----------
    centre : (D,) mean of the training set
    axes : (D, d) its first d principal axes, columns of length 1
    """

    centre: FloatArray
    axes: FloatArray

    @classmethod
    def fit(cls, latent: npt.ArrayLike, dimensions: int) -> Self:
        """Find the first ``dimensions`` principal axes of the training set's ``latent`` (N, D).

        K - 1 is the dimension of the simplex that collapse ends in. With all D the score says
        nothing: it is 1 everywhere. Raises ValueError unless ``latent`` is a finite matrix and
        1 ≤ ``dimensions`` ≤ D.
        """
        z = as_matrix(latent, "latent")
        if not 1 <= dimensions <= z.shape[1]:
            raise ValueError(f"dimensions must be from 1 to {z.shape[1]}, not {dimensions}.")
        centre = z.mean(axis=0)
        _, axes = np.linalg.eigh((z - centre).T @ (z - centre))  # ascending
        return cls(centre, axes[:, ::-1][:, :dimensions])

    def score(self, latent: npt.ArrayLike) -> FloatArray:
        """||Pᵀ(z - mu)|| / ||z - mu||, (N,), for axes P and centre mu: between 0 and 1.

        0 at the centre itself. Raises ValueError unless ``latent`` is a finite matrix with D
        columns.
        """
        z = _like(latent, len(self.centre)) - self.centre
        inside = np.linalg.norm(z @ self.axes, axis=1)
        return inside / np.maximum(np.linalg.norm(z, axis=1), _LEAST)


def nci(
    latent: npt.ArrayLike,
    logits: npt.ArrayLike,
    weights: npt.ArrayLike,
    centre: npt.ArrayLike,
    alpha: float = 0.0,
) -> FloatArray:
    """NCI, (N,): (z - mu)ᵀ w_c / ||z - mu|| + alpha ||z||_1 for the predicted class c.

    How much of the class's weight vector points along the centred latent, and how far the latent
    is from the origin: under neural collapse class means lie along the weights, and unknown inputs
    nearer to 0. Source: Liu and Qin 2025 ("Detecting out-of-distribution through the lens of neural
    collapse", arXiv 2311.01479).

    Parameters
    ----------
    latent : (N, D)
    logits : (N, K), whose largest is the predicted class
    weights : (D, K) weights of the output layer
    centre : (D,) mean latent of the training set
    alpha : weight of the length, in units of ``weights`` per unit of the latent; by default none

    Raises
    ------
    ValueError
        For arrays that are not finite or do not fit together, or an ``alpha`` below 0.
    """
    w, mu = as_matrix(weights, "weights"), np.asarray(centre, dtype=np.float64)
    z, s = _like(latent, len(w)), as_scores(logits, "logits")
    if s.shape != (len(z), w.shape[1]) or mu.shape != (len(w),):
        raise ValueError(
            f"logits {s.shape} and centre {mu.shape} do not fit a latent of shape {z.shape} and "
            f"weights {w.shape}."
        )
    if not 0 <= alpha < np.inf:
        raise ValueError(f"alpha must be at least 0 and finite, not {alpha}.")
    centred = z - mu
    along = np.einsum("nd,nd->n", centred, w.T[s.argmax(axis=1)])
    nearness = along / np.maximum(np.linalg.norm(centred, axis=1), _LEAST)
    return nearness + alpha * np.abs(z).sum(axis=1)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Distance to the k-th nearest sample of the training set, of latents of length 1.

    Source: Sun, Ming, Zhu and Li 2022 ("Out-of-distribution detection with deep nearest
    neighbors", arXiv 2204.06507).

    Attributes
    ----------
    index : of scikit-learn, which holds the training set and k
    """

    index: "NearestNeighbors"

    @classmethod
    def fit(cls, latent: npt.ArrayLike, neighbours: int = 50) -> Self:
        """Keep the training set's ``latent`` (N, D), each sample divided by its length.

        k is ``neighbours``, by default the authors' choice for CIFAR-10, and N where that is less.
        Raises ValueError unless ``latent`` is a finite matrix and ``neighbours`` at least 1.
        """
        from sklearn.neighbors import NearestNeighbors

        z = as_matrix(latent, "latent")
        if neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, not {neighbours}.")
        return cls(NearestNeighbors(n_neighbors=min(neighbours, len(z))).fit(_directions(z)))

    def score(self, latent: npt.ArrayLike) -> FloatArray:
        """-||z / ||z|| - z_(k)||, (N,), between -2 and 0, for the k-th nearest z_(k).

        A latent of zeros stays at 0. Raises ValueError unless ``latent`` is a finite matrix with D
        columns.
        """
        z = _like(latent, self.index.n_features_in_)
        distances, _ = self.index.kneighbors(_directions(z))
        return -distances[:, -1]


def _directions(z: FloatArray) -> FloatArray:
    return z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), _LEAST)


def _like(latent: npt.ArrayLike, columns: int) -> FloatArray:
    """Return the latent as a finite float64 matrix with so many columns."""
    z = as_matrix(latent, "latent")
    if z.shape[1] != columns:
        raise ValueError(f"latent must have {columns} columns, not {z.shape[1]}.")
    return z
