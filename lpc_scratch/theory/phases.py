"""The phases of training under a penalty, told by stated thresholds.

With too small a gamma the classes stay clouds; then they contract, to points with a binary code;
with too large a gamma the penalty wins and all classes share one point, or training diverges.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Phase = Literal["none", "partial", "complete", "trivial", "divergence"]

PHASES: dict[Phase, str] = {
    "none": "no collapse",
    "partial": "partial collapse",
    "complete": "complete binary collapse",
    "trivial": "trivial collapse",
    "divergence": "divergence",
}
"""The phases in words, in the order of growing gamma."""

GUESSED_ENTROPY = 0.85
"""Part of a guess's cross-entropy from which on a network hardly does better."""
GUESSING = 1.1
"""Times the share of the largest class: an accuracy that is no better than a guess."""
SQUEEZED = 0.01
"""Distance of a penalty from its minimum, without gamma, at which all points are one."""
CLOUD_NC1, CLOUD_PEAKS = 0.1, 4.0
POINT_NC1, BINARY_PEAKS, ONE_CODE = 0.05, 8.0, 0.95

THRESHOLDS = (
    "divergence: the loss is not finite",
    f"trivial collapse: a penalty at its minimum to within {SQUEEZED} gamma, and a training "
    f"accuracy of at most {GUESSING} times the largest class's share",
    f"complete binary collapse: NC1 below {POINT_NC1}, peak distance above {BINARY_PEAKS:g}, "
    f"same-code share above {ONE_CODE}, a code for every class",
    f"no collapse: NC1 above {CLOUD_NC1} and peak distance below {CLOUD_PEAKS:g}",
    "partial collapse: all else",
)
"""How the phases are told, one line each, in the order in which they are asked."""


def classify(last: Mapping[str, Any], classes: int) -> Phase:
    """Return the phase of a network that has neither diverged nor collapsed to one point.

    Parameters
    ----------
    last : mapping
        Its last row of measurements.
    classes : int
        Number of classes C.
    """
    if (
        last["nc1"] < POINT_NC1
        and last["peak_distance"] > BINARY_PEAKS
        and last["same_code"] > ONE_CODE
        and last["distinct_codes"] == classes
    ):
        return "complete"
    if not last["nc1"] <= CLOUD_NC1 and not last["peak_distance"] >= CLOUD_PEAKS:  # nan is none
        return "none"
    return "partial"


def only_guesses(cross_entropy: float, accuracy: float, labels: npt.NDArray) -> bool:
    """Return whether a network does hardly better than one that knows only how common classes are.

    The best such guess has the entropy of the classes' shares as cross-entropy, and the largest
    share as accuracy. Hardly better means above GUESSED_ENTROPY of it, and less than a quarter of
    the way from that accuracy to 1. It takes both: under a large gamma a network with nearly flat
    probabilities may classify all samples, and one that ranks well may never predict a rare class.

    Parameters
    ----------
    cross_entropy, accuracy : float
        Of the network on these samples.
    labels : integer array (N,)
        Classes, from 0. Where there is only one, nothing can be told, and the answer is no.
    """
    counts = np.bincount(labels)
    shares = counts[counts > 0] / len(labels)
    entropy = -float(shares @ np.log(shares))
    return cross_entropy > GUESSED_ENTROPY * entropy > 0 and accuracy < 0.75 * shares.max() + 0.25


def is_trivial(
    row: Mapping[str, Any],
    untrained: Mapping[str, Any],
    minimum: float | None,
    largest_share: float,
) -> bool:
    """Return whether all classes of a network are at one point: the phase of trivial collapse.

    Its penalty is near its minimum, far below that of the untrained network, and its training
    accuracy is the share of the largest class.

    Parameters
    ----------
    row, untrained : mapping
        Its measurements, and those before training, by the columns of ``metrics.csv``.
    minimum : float or None
        That of the penalty on its latent layer, without gamma; None where there is no penalty.
    largest_share : float
        Share of the largest class in the training set.
    """
    if minimum is None or not row["gamma"]:
        return False
    squeezed = excess(row, minimum) < min(SQUEEZED, 0.1 * excess(untrained, minimum))
    return squeezed and row["train_accuracy"] <= GUESSING * largest_share


def excess(row: Mapping[str, Any], minimum: float) -> float:
    """Return the distance of a penalty from its minimum, without gamma."""
    return row["penalty"] / row["gamma"] - minimum
