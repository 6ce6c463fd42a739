"""Is a network as sure as it is right? Calibration before and after temperature scaling."""

from collections.abc import Iterator

import numpy as np

from lpc_scratch.backend import Array
from lpc_scratch.evaluation.measurement import Measurement
from lpc_scratch.evaluation.subject import Subject
from lpc_scratch.metrics.calibration import (
    adaptive_calibration_error,
    brier_score,
    classwise_calibration_error,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    softmax_probabilities,
)

BINS = 15


def evaluate_calibration(subject: Subject) -> Iterator[Measurement]:
    """Measure calibration on one half of the sample, with the temperature fitted on the other.

    The sample is of two inputs or more. Reliability is measured in BINS bins of the top
    probability; the level is the bin's centre.
    """
    logits = subject.logits(subject.x)
    held_out = np.arange(len(subject.y)) % 2 == 0  # the sample is in random order already
    y = subject.y[~held_out]
    temperatures = np.array([fit_temperature(s[held_out], subject.y[held_out]) for s in logits])
    half = f"{np.sum(~held_out)} test samples"
    yield Measurement(
        "calibration", "temperature", "T", temperatures, settings=f"fitted on the other {half}"
    )
    for name, scale in (("as trained", np.ones_like(temperatures)), ("scaled", temperatures)):
        scaled = [s[~held_out] / t for s, t in zip(logits, scale, strict=True)]
        yield from _measure(name, scaled, y, half)


def _measure(name: str, logits: list[Array], y: Array, settings: str) -> Iterator[Measurement]:
    probabilities = [softmax_probabilities(s) for s in logits]
    bins, parts = f"{BINS} equal bins, {settings}", f"{BINS} bins of equal count, {settings}"
    measured: tuple[tuple[str, list[float], str], ...] = (
        ("ECE", [expected_calibration_error(p, y, BINS) for p in probabilities], bins),
        ("classwise ECE", [classwise_calibration_error(p, y, BINS) for p in probabilities], bins),
        ("adaptive ECE", [adaptive_calibration_error(p, y, BINS) for p in probabilities], parts),
        ("NLL", [negative_log_likelihood(s, y) for s in logits], settings),
        ("Brier", [brier_score(p, y) for p in probabilities], settings),
        ("accuracy", [np.mean(p.argmax(-1) == y) for p in probabilities], settings),
        ("confidence", [np.mean(p.max(-1)) for p in probabilities], settings),
    )
    for measure, values, of in measured:
        yield Measurement("calibration", name, measure, np.array(values), settings=of)
    diagrams = [reliability(p, y, BINS) for p in probabilities]
    for position in range(BINS):
        centre = (position + 0.5) / BINS
        for measure in ("count", "confidence", "accuracy"):
            of_bin = np.array([getattr(diagram, measure)[position] for diagram in diagrams])
            test = f"{name}, reliability"
            yield Measurement("calibration", test, measure, of_bin, centre, bins)
