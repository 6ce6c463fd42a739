"""The phases of training under a penalty, told by stated thresholds.

With too small a gamma the classes stay clouds; then they contract, to points with a binary code;
with too large a gamma the penalty wins and all classes share one point, or training diverges.
"""

from collections.abc import Mapping
from typing import Any, Literal

from lpc_scratch.training.measuring import GUESSING, SQUEEZED

Phase = Literal["none", "partial", "complete", "trivial", "divergence"]

PHASES: dict[Phase, str] = {
    "none": "no collapse",
    "partial": "partial collapse",
    "complete": "complete binary collapse",
    "trivial": "trivial collapse",
    "divergence": "divergence",
}
"""The phases in words, in the order of growing gamma."""

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
