"""The second pass over features: how the samples lie around their class means.

See :mod:`lpc_scratch.metrics.centres` for the first.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.arrays import Rows, chunks, in_order, read_finite
from lpc_scratch.metrics.centres import Centres, Judge, Progress
from lpc_scratch.metrics.classes import ClassMoments, FloatArray, IntArray, one_hot
from lpc_scratch.metrics.heads import Decide


@dataclass(frozen=True, eq=False)
class Spread(ClassMoments):
    """What the second pass finds beside the means.

    Attributes
    ----------
    classes, means, offsets, variances
        See `ClassMoments`.
    axes, along : (r,) each
        s of :func:`~lpc_scratch.metrics.collapse.mean_axes`, and the variance within classes along
        the same axes, a mean over classes.
    positive : (C, D) share of each class above the origin of the codes
    on_code : (C,) share of each class with exactly the signs of its mean
    misplaced : (C,) share of each class that is nearer to the mean of another
    disagree, correct : share of predictions other than the nearest class mean, and of right ones;
        nan without predictions
    farthest : (M, 5) class, squared distance to its mean, row, signs off its code, and nearest
        class of the samples farthest from their class mean, sorted by class and distance; classes
        are positions in ``classes``, and the nearest ones in those of the judge
    drawn : the values of the subsamples that were asked for
    """

    axes: FloatArray
    along: FloatArray
    positive: FloatArray
    on_code: FloatArray
    misplaced: FloatArray
    disagree: float
    correct: float
    farthest: FloatArray
    drawn: tuple[FloatArray, ...]


def find_spread(
    rows: Rows,
    centres: Centres,
    own: Judge,
    judge: Judge,
    decide: Decide | None,
    origin: FloatArray,
    drawn: tuple[tuple[IntArray, IntArray], ...],
    farthest: int,
    jobs: int,
    progress: Progress,
) -> Spread:
    """Read the features again.

    Parameters
    ----------
    rows, centres
        The features, and what the first pass has found of them.
    own, judge : Judge
        Of these class means, and the same one or that of others, as those of the training set.
    decide : Decide, optional
        What predicts.
    origin : (D,)
        What a coordinate must exceed to be 1 in a code.
    drawn : pairs of (m,) sorted rows and columns
        Which values to keep.
    farthest : int
        Samples that are kept for each class.
    """
    N, D = rows.shape
    C, index, points = len(centres.classes), centres.index, centres.first + centres.offsets
    weights, codes = 1 / (C * centres.counts), centres.means > origin
    labels, position = centres.classes, _positions(centres.classes, judge.classes)

    def look(start: int, stop: int) -> "_Part":
        z, of = read_finite(rows, "features", start, stop), index[start:stop]
        deviations = z - points[of]
        squared = np.einsum("nd,nd->n", deviations, deviations)
        along = deviations @ own.V
        y = along + own.points[of] if judge is own else (z - judge.centre) @ judge.V
        nearest = judge.nearest(y)
        positive = z > origin
        off = (positive != codes[of]).sum(axis=1)
        present, local = np.unique(of, return_inverse=True)
        predicted = decide(start, stop, z) if decide else None
        samples = np.stack([of, squared, np.arange(start, stop), off, nearest], axis=1)
        return _Part(
            (
                _count(of, squared, C),
                _count(of, off == 0, C),
                _count(of, nearest != position[of], C),
            ),
            weights[of] @ along**2,
            (present, one_hot(local, len(present)) @ positive),
            _farthest(samples, farthest),
            0 if predicted is None else int(np.sum(judge.classes[nearest] != predicted)),
            0 if predicted is None else int(np.sum(labels[of] == predicted)),
            tuple(_drawn(z, start, stop, *which) for which in drawn),
        )

    variances, on_code, misplaced = np.zeros((3, C))
    along, positive = np.zeros(len(own.s)), np.zeros((C, D))
    far, disagree, correct = np.zeros((0, 5)), 0, 0
    values: list[list[FloatArray]] = [[] for _ in drawn]
    bounds = chunks(N, max(D, C))
    for (start, stop), part in zip(bounds, in_order(look, bounds, jobs), strict=True):
        for total, more in zip((variances, on_code, misplaced), part.by_class, strict=True):
            total += more
        along += part.along
        positive[part.positive[0]] += part.positive[1]
        far = _farthest(np.concatenate([far, part.farthest]), farthest)
        disagree, correct = disagree + part.disagree, correct + part.correct
        for kept, more in zip(values, part.drawn, strict=True):
            kept.append(more)
        progress(stop - start)
    shares = (disagree / N, correct / N) if decide else (np.nan, np.nan)
    counts = centres.counts
    return Spread(
        *(centres.classes, centres.means, centres.offsets, variances / counts, own.s, along),
        *(positive / counts[:, None], on_code / counts, misplaced / counts, *shares, far),
        tuple(np.concatenate(kept) for kept in values),
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """What a chunk adds; see `Spread`."""

    by_class: tuple[FloatArray, FloatArray, FloatArray]
    along: FloatArray
    positive: tuple[IntArray, FloatArray]
    farthest: FloatArray
    disagree: int
    correct: int
    drawn: tuple[FloatArray, ...]


def _count(index: IntArray, values: npt.NDArray, classes: int) -> npt.NDArray:
    """Sum values (n,) over each class, (C,)."""
    return np.bincount(index, weights=values, minlength=classes)


def _positions(classes: IntArray, among: IntArray) -> IntArray:
    """Return where each class is among others, -1 where it is not."""
    place = np.minimum(np.searchsorted(among, classes), len(among) - 1)
    return np.where(among[place] == classes, place, -1)


def _farthest(samples: FloatArray, most: int) -> FloatArray:
    """Return at most so many samples of each class, the farthest first; see `Spread`."""
    samples = samples[np.lexsort((samples[:, 2], -samples[:, 1], samples[:, 0]))]
    starts = np.flatnonzero(np.diff(samples[:, 0], prepend=-1))
    rank = np.arange(len(samples)) - np.repeat(starts, np.diff([*starts, len(samples)]))
    return samples[rank < most]


def _drawn(z: FloatArray, start: int, stop: int, chosen: IntArray, columns: IntArray) -> FloatArray:
    low, high = np.searchsorted(chosen, (start, stop))
    return z[np.ix_(chosen[low:high] - start, columns)]
