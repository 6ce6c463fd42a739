"""Selective classification: what a network gets wrong if it answers only where it is sure.

A confidence is a number for each of N samples, higher where the network is surer of its answer;
``wrong`` says of each whether that answer is wrong. The *coverage* i/N is the share of samples that
are answered, the surest first, and the *risk* the share of these answers that are wrong.
"""

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.classes import FloatArray


def risk_coverage(confidence: npt.ArrayLike, wrong: npt.ArrayLike) -> FloatArray:
    """Risk (N,) at coverage 1/N, 2/N, …, 1.

    Samples of equal confidence are in random order, and the risk is its expectation. Raises
    ValueError unless ``confidence`` is finite, 1-D and not empty, and ``wrong`` boolean and as
    long. Source: Geifman and El-Yaniv 2017 ("Selective classification for deep neural networks").
    """
    scores, errors = np.asarray(confidence, dtype=np.float64), np.asarray(wrong)
    if scores.ndim != 1 or not scores.size or not np.isfinite(scores).all():
        raise ValueError("confidence must be finite, 1-D and not empty.")
    if errors.shape != scores.shape or errors.dtype != bool:
        raise ValueError(
            f"wrong must be boolean of shape {scores.shape}, not {errors.dtype} of {errors.shape}."
        )
    _, group, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    shares = np.bincount(group, errors) / counts  # of a tie that is wrong, the surest first
    return np.cumsum(np.repeat(shares, counts)) / np.arange(1, len(scores) + 1)


def aurc(confidence: npt.ArrayLike, wrong: npt.ArrayLike) -> float:
    """Area under the risk-coverage curve: the mean of :func:`risk_coverage`.

    Between 0 and 1; the share of wrong answers if confidence says nothing of them. It is smaller
    for a network that is wrong more rarely, whatever its confidence: :func:`excess_aurc` is not.
    Source: Geifman, Uziel and El-Yaniv 2019 ("Bias-reduced uncertainty estimation for deep neural
    classifiers"). Raises ValueError as :func:`risk_coverage`.
    """
    return float(risk_coverage(confidence, wrong).mean())


def excess_aurc(confidence: npt.ArrayLike, wrong: npt.ArrayLike) -> float:
    """E-AURC: the AURC less that of the best order, which puts every wrong answer last.

    At least 0. The best order is counted, where Geifman, Uziel and El-Yaniv 2019 approximate it by
    r + (1 - r) log(1 - r) for a share r of wrong answers. Raises ValueError as
    :func:`risk_coverage`.
    """
    area = aurc(confidence, wrong)
    return area - aurc(-np.asarray(wrong, dtype=np.float64), wrong)
