"""Which class has not collapsed yet, and which of its samples lie farthest away."""

from dataclasses import dataclass

import numpy as np

from lpc_scratch.metrics.classes import FloatArray, squared_distances
from lpc_scratch.metrics.features import Measured
from lpc_scratch.metrics.pairs import pair_cosines


@dataclass(frozen=True)
class ClassRow:
    """One class.

    Attributes
    ----------
    label, samples : which class, and how many samples it has
    variance : v_c = mean ||z - mu_c||², in squared units of the features
    nearest : label of the class with the nearest mean
    distance : to that mean, in units of the features
    margin : distance / (2 √v_c): standard deviations from the mean to the plane half-way; inf for
        a point
    off_code : share of its samples without exactly the signs of its mean
    misplaced : share of its samples that are nearer to the mean of another class
    """

    label: int
    samples: int
    variance: float
    nearest: int | None
    distance: float
    margin: float
    off_code: float
    misplaced: float


@dataclass(frozen=True)
class FarSample:
    """A sample that is among the farthest from the point that its class collapses to.

    Attributes
    ----------
    label, row : its class, and its row in the features, from 0
    distance : to its class mean, in standard deviations √v_c of the class; nan for a point
    bits_off : coordinates whose sign is not that of the class mean
    nearest : label of the class with the nearest mean; where it is another, the label may be wrong
    """

    label: int
    row: int
    distance: float
    bits_off: int
    nearest: int


@dataclass(frozen=True)
class PairRow:
    """Two classes: distance of their means, cosine of the centred ones, CDNV, and code distance."""

    first: int
    second: int
    distance: float
    cosine: float
    cdnv: float
    code_distance: float


def class_table(measured: Measured) -> list[ClassRow]:
    """Return a row for each class, the one that has collapsed least first.

    They are sorted by the margin, in which a class far from all others may have more variance.
    """
    centres, spread = measured.centres, measured.spread
    squared = squared_distances(centres.offsets)
    np.fill_diagonal(squared, np.inf)
    nearest, C = squared.argmin(axis=1), len(centres.classes)
    distance = np.sqrt(squared.min(axis=1)) if C > 1 else np.full(1, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):  # a point
        margin = distance / (2 * np.sqrt(spread.variances))
    rows = [
        ClassRow(
            *(int(centres.classes[c]), int(centres.counts[c]), float(spread.variances[c])),
            int(centres.classes[nearest[c]]) if C > 1 else None,
            *(float(distance[c]), float(margin[c])),
            *(float(1 - spread.on_code[c]), float(spread.misplaced[c])),
        )
        for c in range(C)
    ]
    return sorted(rows, key=lambda row: row.margin)


def far_samples(measured: Measured) -> list[FarSample]:
    """Return the samples farthest from their class means, the farthest first.

    Under collapse the class mean is the point of the class's code. The distances of different
    classes are compared in their own standard deviations.
    """
    centres, among = measured.centres, measured.judged_by.classes
    sigma = np.sqrt(measured.spread.variances)
    found = [
        FarSample(
            *(int(centres.classes[int(c)]), int(row)),
            float(np.sqrt(squared) / sigma[int(c)]) if sigma[int(c)] else np.nan,
            *(int(off), int(among[int(nearest)])),
        )
        for c, squared, row, off, nearest in measured.spread.farthest
    ]
    return sorted(found, key=lambda sample: -np.nan_to_num(sample.distance, nan=-1))


def pair_table(measured: Measured) -> list[PairRow]:
    """Return a row for every two classes, the closest by CDNV first."""
    centres, v = measured.centres, measured.spread.variances
    i, j = np.triu_indices(len(v), k=1)
    squared = squared_distances(centres.offsets)[i, j]
    codes = centres.means > measured.origin
    with np.errstate(divide="ignore", invalid="ignore"):  # coinciding means
        ratio = (v[i] + v[j]) / (2 * squared)
    hamming = squared_distances(codes.astype(np.float64))[i, j] / codes.shape[1]
    numbers: tuple[FloatArray, ...] = (
        np.sqrt(squared),
        pair_cosines(measured.spread.centered_means),
    )
    names = centres.classes
    rows = [
        PairRow(int(names[a]), int(names[b]), *map(float, values))
        for a, b, *values in zip(i, j, *numbers, ratio, hamming, strict=True)
    ]
    return sorted(rows, key=lambda row: -np.nan_to_num(row.cdnv, nan=-1))
