"""The first of two passes over features in chunks of rows, so that they need not fit in memory.

It finds the class means, which :mod:`lpc_scratch.metrics.spread` needs. Chunks are added in their
order whatever the number of threads, so that no number depends on it. N samples, D coordinates, C
classes; arithmetic is float64.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.arrays import Rows, chunks, in_order, read_finite
from lpc_scratch.metrics.classes import FloatArray, IntArray, as_labels, one_hot
from lpc_scratch.metrics.collapse import mean_axes

Progress = Callable[[int], object]
"""Told how many rows have been read since the last time; each row is read twice."""


@dataclass(frozen=True, eq=False)
class Centres:
    """What the first pass finds.

    Attributes
    ----------
    classes : (C,) the labels present, sorted
    index : (N,) position in ``classes`` of every sample's label
    counts : (C,) samples of each class
    first : (D,) the first sample
    means : (C, D) class means
    offsets : (C, D) the same, measured from the first sample
    norm : mean ||z||
    least : the smallest entry of all
    """

    classes: IntArray
    index: IntArray
    counts: IntArray
    first: FloatArray
    means: FloatArray
    offsets: FloatArray
    norm: float
    least: float


@dataclass(frozen=True, eq=False)
class Judge:
    """Finds the nearest of C class means, in the space that they span.

    Attributes
    ----------
    classes : (C,) their labels
    centre : (D,) their mean
    points : (C, r) the means in the axes of that space, from the centre
    s, V : (r,) and (D, r), see :func:`~lpc_scratch.metrics.collapse.mean_axes`
    """

    classes: IntArray
    centre: FloatArray
    points: FloatArray
    s: FloatArray
    V: FloatArray

    @classmethod
    def of(cls, centres: Centres) -> Self:
        """Return the judge of the class means that a first pass has found."""
        mean = centres.offsets.mean(axis=0)
        M = centres.offsets - mean
        s, V = mean_axes(M) if M.any() else (np.zeros(0), np.zeros((M.shape[1], 0)))
        return cls(centres.classes, centres.first + mean, M @ V, s, V)

    def nearest(self, y: FloatArray) -> IntArray:
        """Return the position of the nearest mean to points y (n, r) in its axes, from the centre.

        Between equally near ones the first wins.
        """
        return (y @ self.points.T - (self.points**2).sum(axis=1) / 2).argmax(axis=1)


def find_centres(rows: Rows, labels: npt.ArrayLike, jobs: int, progress: Progress) -> Centres:
    """Read the features once; ValueError for labels that do not fit and entries not finite."""
    N, D = rows.shape
    classes, index, counts = np.unique(
        as_labels(labels, "labels", N), return_inverse=True, return_counts=True
    )
    C = len(classes)
    first = read_finite(rows, "features", 0, 1)[0]

    def sums(start: int, stop: int) -> tuple[IntArray, FloatArray, FloatArray, float, float]:
        z = read_finite(rows, "features", start, stop)
        present, local = np.unique(index[start:stop], return_inverse=True)
        of_classes = one_hot(local, len(present))
        norms = np.sqrt(np.einsum("nd,nd->n", z, z)).sum()
        return present, of_classes @ z, of_classes @ (z - first), norms, z.min()

    means, offsets, norm, least = np.zeros((C, D)), np.zeros((C, D)), 0.0, np.inf
    bounds = chunks(N, max(D, C))
    for (start, stop), (present, total, moved, lengths, low) in zip(
        bounds, in_order(sums, bounds, jobs), strict=True
    ):
        means[present] += total
        offsets[present] += moved
        norm, least = norm + lengths, min(least, low)
        progress(stop - start)
    means /= counts[:, None]
    offsets /= counts[:, None]
    return Centres(classes, index, counts, first, means, offsets, float(norm) / N, float(least))
