"""Checked float64 arrays, and the samples of a latent grouped by class.

Nearly every metric averages something over the samples of each class. :class:`ClassGroups` does
that with one matrix product, and holds what several metrics need so that it is computed once.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer[Any]]


def as_matrix(values: npt.ArrayLike, name: str, min_rows: int = 1) -> FloatArray:
    """Return ``values`` as a finite float64 matrix with at least ``min_rows`` rows.

    Raises
    ------
    ValueError
        If ``values`` is not 2-D, is too small, or holds a nan or an infinity; the message
        starts with ``name``.
    """
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"{name} must be 2-D, not of shape {matrix.shape}.")
    if matrix.shape[0] < min_rows or matrix.shape[1] < 1:
        raise ValueError(
            f"{name} needs at least {min_rows} row(s) and 1 column, not shape {matrix.shape}."
        )
    if not np.isfinite(matrix).all():
        raise ValueError(f"{name} must be finite, but holds a nan or an infinity.")
    return matrix


def as_labels(labels: npt.ArrayLike, name: str, samples: int) -> IntArray:
    """Return ``labels`` as a 1-D integer array of length ``samples``.

    Raises
    ------
    ValueError
        If ``labels`` has another shape or another kind of entries; the message starts with
        ``name``.
    """
    array = np.asarray(labels)
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


@dataclass(frozen=True, eq=False)
class ClassGroups:
    """A latent of N samples and D coordinates, grouped into C classes.

    Attributes
    ----------
    latent : (N, D) float64
    classes : (C,) the labels present, sorted
    index : (N,) position in ``classes`` of every sample's label
    one_hot : (C, N) 1 where sample n is of class c, else 0
    """

    latent: FloatArray
    classes: IntArray
    index: IntArray
    one_hot: FloatArray

    def average(self, values: npt.NDArray) -> FloatArray:
        """Mean of ``values`` (N, ...) over each class, (C, ...)."""
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
        """M with rows mu_c - mu_G, (C, D); mu_G is the unweighted mean of the class means."""
        return self.offsets - self.offsets.mean(axis=0)

    @cached_property
    def deviations(self) -> FloatArray:
        """Every sample minus its class mean, (N, D)."""
        return self.latent - (self.latent[0] + self.offsets)[self.index]

    @cached_property
    def variances(self) -> FloatArray:
        """v_c = mean over class c of ||z - mu_c||², (C,)."""
        return self.average(np.einsum("nd,nd->n", self.deviations, self.deviations))


def group_by_class(
    latent: npt.ArrayLike, labels: npt.ArrayLike, min_classes: int = 1
) -> ClassGroups:
    """Check ``latent`` (N, D) and ``labels`` (N,) and group the samples by label.

    Raises
    ------
    ValueError
        If ``latent`` is not a finite matrix, ``labels`` are not N integers, or fewer than
        ``min_classes`` different labels occur.
    """
    z = as_matrix(latent, "latent")
    y = as_labels(labels, "labels", samples=len(z))
    classes, index = np.unique(y, return_inverse=True)
    if len(classes) < min_classes:
        raise ValueError(f"labels must hold at least {min_classes} classes, not {len(classes)}.")
    one_hot = np.zeros((len(classes), len(z)))
    one_hot[index, np.arange(len(z))] = 1
    return ClassGroups(z, classes, index, one_hot)
