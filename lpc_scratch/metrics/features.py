"""Collapse and binarity of anyone's features, at any size: what :func:`measure` says, and more.

The features are read twice, a chunk of rows at a time; see :mod:`lpc_scratch.metrics.centres`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.arrays import as_rows, chunks, read_finite
from lpc_scratch.metrics.binarity import fit_mixtures
from lpc_scratch.metrics.centres import Centres, Judge, Progress, find_centres
from lpc_scratch.metrics.classes import FloatArray, IntArray, draw
from lpc_scratch.metrics.collapse import classifier_mean_share
from lpc_scratch.metrics.entropy import latent_entropy
from lpc_scratch.metrics.generalised import orthogonality_to_unknown
from lpc_scratch.metrics.heads import Layout, as_head, decide_by
from lpc_scratch.metrics.measure import MAX_MIXTURES, NEIGHBORS
from lpc_scratch.metrics.notes import why_undefined
from lpc_scratch.metrics.spread import Spread, find_spread
from lpc_scratch.metrics.summary import binarity_values, collapse_values

MIXTURE_SAMPLES, ENTROPY_SAMPLES = 10_000, 2000
"""Samples that mixtures and entropy are estimated from, as by :func:`measure`."""
FARTHEST = 5
"""Samples of each class that are named, those farthest from their class mean."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What has been measured of features, with what figures and tables need.

    Attributes
    ----------
    values : dict
        Numbers by the names of :data:`~lpc_scratch.metrics.definitions.DEFINITIONS`, in its order;
        nan where one is not defined.
    notes : tuple of str
        Why numbers are nan, and what else a reader must know.
    centres, spread : of the two passes
    judge, judged_by : Judge
        Of these class means, and the one that has said which mean is nearest.
    origin : (D,)
        What a coordinate must exceed to be 1 in a code.
    sample : (m, d)
        Up to MIXTURE_SAMPLES samples of up to MAX_MIXTURES coordinates.
    """

    values: dict[str, float]
    notes: tuple[str, ...]
    centres: Centres
    spread: Spread
    judge: Judge
    judged_by: Judge
    origin: FloatArray
    sample: FloatArray


def measure_features(
    features: Any,
    labels: npt.ArrayLike,
    *,
    classifier_weight: Any = None,
    classifier_bias: Any = None,
    logits: Any = None,
    unknown: Any = None,
    weight_layout: Layout = "auto",
    about: Literal["zero", "mean"] = "zero",
    judge: Judge | None = None,
    farthest: int = FARTHEST,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress = lambda rows: None,
) -> Measured:
    """Measure features of any origin, in chunks: NumPy, memory maps, pandas, ``__array__``, DLPack.

    Every number that :func:`measure` has too is the same. It takes the memory that
    :func:`~lpc_scratch.metrics.arrays.memory_needed` states, beside what is passed.

    Parameters
    ----------
    features : (N, D) finite
        One row a sample; also a :class:`~lpc_scratch.metrics.arrays.Rows`.
    labels : (N,) integers
        True classes; of a classifier with K classes they are 0..K-1.
    classifier_weight, classifier_bias : (K, D) or (D, K), and (K,), finite, optional
        Of the layer that takes the features. Without the weight NC3 and NC0 are nan, and without
        both it and ``logits`` NC4 and the accuracy.
    logits : (N, K) finite, optional
        What predicts; by default weight and bias do.
    unknown : (M, D) finite, optional
        Features of inputs of no class, for NC5.
    weight_layout : {"auto", "rows", "columns"}
        Whether rows (torch) or columns (Keras) of the weight belong to classes; needed for K = D.
    about : {"zero", "mean"}
        Origin of the codes: 0, or the mean of the class means, for features that are never negative
        such as those after a ReLU.
    judge : Judge, optional
        Of other features, such as ``measured.judge`` of the training set: the class means that NC4
        and the nearest means of test samples refer to; by default their own.
    farthest : int
        Samples of each class that are named.
    seed : int
        Seed of the subsamples and of the random basis.
    jobs : int
        Threads.
    progress : callable
        Told how many rows have been read since its last call; every row is read twice.

    Raises
    ------
    ValueError
        For arrays that cannot be read, are not finite, or do not fit together.
    """
    rows = as_rows(features, "features")
    N, D = rows.shape
    if about not in ("zero", "mean") or jobs < 1 or farthest < 0:
        raise ValueError(
            f"about must be 'zero' or 'mean', jobs at least 1 and farthest at least 0, not "
            f"{about!r}, {jobs} and {farthest}."
        )
    head = as_head(classifier_weight, classifier_bias, D, weight_layout)
    decide = decide_by(logits, head, N)
    nc5_mean = None if unknown is None else _mean(unknown, D)
    centres = find_centres(rows, labels, jobs, progress)
    W = None if head is None else head.of_classes(centres.classes)
    own = Judge.of(centres)
    if judge is not None and judge.V.shape[0] != D:
        raise ValueError(f"judge is of {judge.V.shape[0]} coordinates, and the features have {D}.")
    origin = centres.means.mean(axis=0) if about == "mean" else np.zeros(D)
    fitted = np.linspace(0, D - 1, min(D, MAX_MIXTURES)).astype(int)
    drawn = (
        (_draw(N, MIXTURE_SAMPLES, seed), fitted),
        (_draw(N, ENTROPY_SAMPLES, seed), np.arange(D)),
    )
    spread = find_spread(
        *(rows, centres, own, judge or own, decide, origin, drawn, farthest, jobs, progress)
    )
    sample, points = spread.drawn
    # in the order in memory that `measure` has, for a narrow peak magnifies the rounding of sums
    mixtures = fit_mixtures(np.asarray(sample, order="C" if len(sample) < N else "F"), seed)
    values = {
        **collapse_values(centres, spread, W),
        "nc0": np.nan if head is None else classifier_mean_share(head.W),
        "nc4": spread.disagree,
        "nc5": np.nan if nc5_mean is None else orthogonality_to_unknown(centres.means, nc5_mean),
        "accuracy": spread.correct,
        "nearest_mean_accuracy": 1 - float(spread.misplaced @ centres.counts) / N,
        **binarity_values(centres, spread, origin, seed),
        **{
            name: getattr(mixtures, name)
            for name in ("gmm_score", "gmm_sigma", "peak_distance", "two_values")
        },
        "latent_norm": centres.norm,
        "latent_entropy": latent_entropy(points, NEIGHBORS, seed) if N > NEIGHBORS else np.nan,
    }
    notes = why_undefined(values, centres, spread, about == "zero")
    return Measured(values, notes, centres, spread, own, judge or own, origin, sample)


def measure_layers(
    layers: Mapping[str, Any], labels: npt.ArrayLike, **settings: Any
) -> dict[str, Measured]:
    """Measure the features of several layers of one network, by their names.

    Parameters
    ----------
    layers : mapping of str to (N, D)
        In the order of the forward pass, of equal N; D may differ.
    labels : (N,) integers
    **settings
        As for :func:`measure_features`; classifier, logits and unknown inputs are those of the last
        layer, the others have none.

    Raises
    ------
    ValueError
        As :func:`measure_features`, with the layer's name in front; or where there is no layer.
    """
    if not layers:
        raise ValueError("layers is empty: there are no features to measure.")
    of_last = ("classifier_weight", "classifier_bias", "logits", "unknown", "judge")
    shared = {name: value for name, value in settings.items() if name not in of_last}
    found = {}
    for name, features in layers.items():
        last = name == list(layers)[-1]
        try:
            found[name] = measure_features(features, labels, **(settings if last else shared))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return found


def _draw(samples: int, most: int, seed: int) -> IntArray:
    """Return the rows, sorted, of the subsample that `fit_mixtures` and its like would draw."""
    if samples <= most:
        return np.arange(samples)
    return np.sort(draw(samples, most, seed))


def _mean(unknown: Any, dims: int) -> FloatArray:
    rows = as_rows(unknown, "unknown")
    if rows.shape[1] != dims:
        raise ValueError(f"unknown has {rows.shape[1]} coordinates, and the features have {dims}.")
    bounds = chunks(*rows.shape)
    total = sum(read_finite(rows, "unknown", *part).sum(axis=0) for part in bounds)
    return np.asarray(total) / rows.shape[0]
