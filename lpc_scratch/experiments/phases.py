"""The phases of training under a penalty, told by stated thresholds.

With too small a gamma the classes stay clouds; then they contract, to points with a binary code;
with too large a gamma the penalty wins and all classes share one point, or training diverges.
"""

from collections.abc import Mapping
from typing import Any, Literal

Phase = Literal["none", "partial", "complete", "trivial", "divergence"]

PHASES: dict[Phase, str] = {
    "none": "no collapse",
    "partial": "partial collapse",
    "complete": "complete binary collapse",
    "trivial": "trivial collapse",
    "divergence": "divergence",
}
"""The phases in words, in the order of growing gamma."""

GUESSING = 1.1  # times the share of the largest class: an accuracy that is no better than a guess
CLOUD_NC1, CLOUD_PEAKS = 0.1, 4.0
POINT_NC1, BINARY_PEAKS, ONE_CODE = 0.05, 8.0, 0.95

THRESHOLDS = (
    "divergence: the loss is not finite",
    f"trivial collapse: training accuracy at most {GUESSING} times the largest class's share",
    f"complete binary collapse: NC1 below {POINT_NC1}, peak distance above {BINARY_PEAKS:g}, "
    f"same-code share above {ONE_CODE}, a code for every class",
    f"no collapse: NC1 above {CLOUD_NC1} and peak distance below {CLOUD_PEAKS:g}",
    "partial collapse: all else",
)
"""How the phases are told, one line each, in the order in which they are asked."""


def classify(last: Mapping[str, Any] | None, classes: int, largest_share: float) -> Phase:
    """Return the phase of a trained network.

    Parameters
    ----------
    last : mapping or None
        Its last row of measurements; None if it has diverged.
    classes : int
        Number of classes C.
    largest_share : float
        Share of the largest class in the training set.
    """
    if last is None:
        return "divergence"
    if last["train_accuracy"] <= GUESSING * largest_share:
        return "trivial"
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
