"""Methods against overfitting, each tuned on a validation split, then compared on the test set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lpc_scratch.backend import Array
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import SweepError
from lpc_scratch.experiments.cells import Result
from lpc_scratch.experiments.portrait import CORRECT
from lpc_scratch.training import settled


@dataclass(frozen=True)
class Method:
    """A way to train, with the strengths of it that are tried.

    Attributes
    ----------
    name : what it is called in tables
    settings : in which its configurations differ from the common one
    strength : the setting that says how strong it is; none has one strength
    strengths : the values that are tried
    """

    name: str
    settings: Mapping[str, Any] = field(hash=False)
    strength: str = ""
    strengths: tuple[float, ...] = ()


METHODS = (
    Method("binary", {"architecture": "binary"}, "gamma", (1.0, 10.0, 100.0)),
    Method("linear", {"architecture": "linear"}),
    Method("nonlinear", {"architecture": "nonlinear"}),
    Method("none", {"architecture": "none"}),
    Method(
        "weight decay",
        {"architecture": "none", "optimizer": "adamw"},
        *("weight_decay", (0.01, 0.1, 1.0)),
    ),
    Method("dropout", {"architecture": "none"}, "dropout", (0.1, 0.3, 0.5)),
    Method(
        "l1 on z",
        {"architecture": "binary", "penalty": "lp", "penalty_power": 1.0},
        *("gamma", (0.1, 1.0, 10.0)),
    ),
)
"""The architectures of the paper, and what reviewers would put in the place of the penalty."""


def candidates(base: TrainConfig, method: Method, rates: Sequence[float]) -> list[TrainConfig]:
    """Return the configurations among which a method's settings are chosen, of one seed each."""
    strengths: list[dict[str, Any]] = [{method.strength: s} for s in method.strengths] or [{}]
    return [
        settled(replace(base, **method.settings, **strength, learning_rate=rate))
        for rate in rates
        for strength in strengths
    ]


def choose(results: Sequence[Result]) -> Result:
    """Return the candidate of the highest validation accuracy, the first of equals.

    Raises SweepError if none was trained to its end.
    """
    finished = [result for result in results if result.finished]
    if not finished:
        raise SweepError(f"no candidate of a method could be trained: {results[0].message}")
    return max(finished, key=lambda result: result.rows[-1]["validation_accuracy"])


def correct_by_seed(results: Sequence[Result]) -> dict[int, Array]:
    """Return which test images (N,) each trained network has right, by its seed."""
    return {r.config.seeds[0]: r.arrays[CORRECT] for r in results if r.finished}
