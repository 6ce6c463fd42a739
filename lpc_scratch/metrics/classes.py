"""Checked float64 arrays, and the samples of a latent grouped by class.

Nearly every metric averages something over the samples of each class. :class:`ClassGroups` does
that with one sparse matrix product, and holds what several metrics need so that it is computed
once: every metric of ``latent`` and ``labels`` takes the groups in their place.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.arrays import as_array, describe_infinite

if TYPE_CHECKING:
    from scipy.sparse import csc_array

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer[Any]]


def as_matrix(values: npt.ArrayLike, name: str, min_rows: int = 1) -> FloatArray:
    """Return ``values`` as a finite float64 matrix with at least ``min_rows`` rows.

    The message of its ValueError starts with ``name``.
    """
    matrix = np.asarray(as_array(values, name), dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"{name} must be 2-D, not of shape {matrix.shape}.")
    if matrix.shape[0] < min_rows or matrix.shape[1] < 1:
        raise ValueError(
            f"{name} needs at least {min_rows} row(s) and 1 column, not shape {matrix.shape}."
        )
    if not np.isfinite(matrix).all():
        raise ValueError(describe_infinite(name, matrix))
    return matrix


def as_labels(labels: npt.ArrayLike | None, name: str, samples: int) -> IntArray:
    """Return ``labels`` as a 1-D integer array of length ``samples``, checked as `as_matrix`."""
    array = np.asarray(labels if labels is None else as_array(labels, name))
    if array.shape != (samples,):
        raise ValueError(f"{name} must have shape ({samples},), one per sample, not {array.shape}.")
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integers, not {array.dtype}.")
    return array


def as_scores(values: npt.ArrayLike, name: str) -> FloatArray:
    """Return a finite float64 matrix with one column for each of two or more classes."""
    scores = as_matrix(values, name)
    if scores.shape[1] < 2:
        raise ValueError(f"{name} must have at least 2 classes, not {scores.shape[1]}.")
    return scores


def as_classes(labels: npt.ArrayLike, scores: FloatArray) -> IntArray:
    """Return labels (N,) in 0..K-1 for scores (N, K)."""
    y = as_labels(labels, "labels", samples=len(scores))
    classes = scores.shape[1]
    if y.min() < 0 or y.max() >= classes:
        raise ValueError(f"labels must be in 0..{classes - 1}, not {y.min()}..{y.max()}.")
    return y


def draw(samples: int, most: int, seed: int) -> IntArray:
    """Return the rows (most,) of the subsample that every estimate from fewer samples takes."""
    return np.random.default_rng(seed).choice(samples, most, replace=False)


def squared_distances(z: FloatArray, points: FloatArray | None = None) -> FloatArray:
    """Squared Euclidean distances (N, M) from the rows of z to the M points; by default to z's own.

    SciPy takes them from differences of coordinates. scikit-learn's "euclidean", and its
    brute-force search, take them from products, which lose the digits of collapsed points.
    """
    from scipy.spatial.distance import cdist, pdist, squareform

    if points is None:
        return squareform(pdist(z, "sqeuclidean"))
    return cdist(z, points, "sqeuclidean")


@dataclass(frozen=True, eq=False)
class ClassMoments:
    """Means and variances of C classes in D coordinates, without the samples.

    Attributes
    ----------
    classes : (C,) the labels present, sorted
    means : (C, D) class means mu_c
    offsets : (C, D) the same, measured from the first sample
    variances : (C,) v_c = mean over class c of ||z - mu_c||²
    """

    classes: IntArray
    means: FloatArray
    offsets: FloatArray
    variances: FloatArray

    @property
    def centered_means(self) -> FloatArray:
        """M with rows mu_c - mu_G, (C, D); mu_G is the unweighted mean of the class means."""
        return self.offsets - self.offsets.mean(axis=0)


@dataclass(frozen=True, eq=False)
class ClassGroups:
    """A latent of N samples and D coordinates, grouped into C classes.

    Attributes
    ----------
    latent : (N, D) float64
    classes : (C,) the labels present, sorted
    index : (N,) position in ``classes`` of every sample's label
    one_hot : (C, N) sparse, 1 where sample n is of class c
    """

    latent: FloatArray
    classes: IntArray
    index: IntArray
    one_hot: "csc_array"

    def average(self, values: npt.NDArray) -> FloatArray:
        """Mean over each class, (C,) or (C, M), of ``values`` (N,) or (N, M)."""
        counts = np.bincount(self.index)
        return ((self.one_hot @ values).T / counts).T

    @cached_property
    def means(self) -> FloatArray:
        """Class means mu_c, (C, D), exactly 0 where a whole class is (a ReLU unit that is off)."""
        return self.average(self.latent)

    @cached_property
    def offsets(self) -> FloatArray:
        """Class means measured from the first sample, (C, D).

        Equal points give exact zeros, and a large common shift of the latent costs no precision.
        """
        return self.average(self.latent - self.latent[0])

    @property
    def centered_means(self) -> FloatArray:
        """M, as that of `ClassMoments`."""
        return self.offsets - self.offsets.mean(axis=0)

    @cached_property
    def deviations(self) -> FloatArray:
        """Every sample minus its class mean, (N, D)."""
        return self.latent - (self.latent[0] + self.offsets)[self.index]

    @cached_property
    def variances(self) -> FloatArray:
        """v_c = mean over class c of ||z - mu_c||², (C,)."""
        return self.average(np.einsum("nd,nd->n", self.deviations, self.deviations))


Latent: TypeAlias = npt.ArrayLike | ClassGroups
"""A latent (N, D), or one that is already grouped and then needs no labels."""


def class_moments(
    latent: Latent | ClassMoments, labels: npt.ArrayLike | None = None, min_classes: int = 1
) -> ClassMoments | ClassGroups:
    """Return moments as they are, and a latent as `group_by_class`, with its errors."""
    if not isinstance(latent, ClassMoments):
        return group_by_class(latent, labels, min_classes)
    _check_classes(latent, min_classes)
    return latent


def group_by_class(
    latent: Latent, labels: npt.ArrayLike | None = None, min_classes: int = 1
) -> ClassGroups:
    """Check ``latent`` (N, D) and ``labels`` (N,) and group the samples by label.

    A latent that is already grouped is returned as it is, so that several metrics share the work.
    The groups take a few numbers for each sample, however many classes there are. Raises ValueError
    if ``latent`` is not a finite matrix, ``labels`` are not N integers, or fewer than
    ``min_classes`` different labels occur; or for labels beside a grouped latent.
    """
    if isinstance(latent, ClassGroups):
        if labels is not None:
            raise ValueError("labels must be left out where the latent is already grouped.")
        groups = latent
    else:
        z = as_matrix(latent, "latent")
        y = as_labels(labels, "labels", samples=len(z))
        classes, index = np.unique(y, return_inverse=True)
        groups = ClassGroups(z, classes, index, one_hot(index, len(classes)))
    _check_classes(groups, min_classes)
    return groups


def one_hot(index: IntArray, classes: int) -> "csc_array":
    """Return a sparse matrix (C, N) that is 1 where sample n has ``index`` c."""
    from scipy.sparse import csr_array

    # a row for each sample, whose only entry is in the column of its class
    rows = (np.ones(len(index)), index, np.arange(len(index) + 1))
    return csr_array(rows, (len(index), classes)).T


def _check_classes(moments: ClassMoments | ClassGroups, least: int) -> None:
    if len(moments.classes) < least:
        raise ValueError(f"labels must hold at least {least} classes, not {len(moments.classes)}.")
