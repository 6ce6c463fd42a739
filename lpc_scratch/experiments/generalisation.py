"""Methods against overfitting, each tuned on a validation split, then compared on the test set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.stats import bootstrap

from lpc_scratch.backend import Array
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import SweepError
from lpc_scratch.experiments.cells import Result
from lpc_scratch.experiments.portrait import CORRECT
from lpc_scratch.training import settled

RESAMPLES = 2000
"""Samples of the test images that an interval is taken from."""


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


@dataclass(frozen=True)
class Lead:
    """By how much one method is ahead of another in test accuracy, in percentage points.

    Attributes
    ----------
    by_seed : a difference for each seed that both have
    low, high : the 95 % interval of their mean over test sets such as this one
    """

    by_seed: tuple[float, ...]
    low: float
    high: float

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.by_seed))


def lead(ours: Sequence[Result], theirs: Sequence[Result]) -> Lead | None:
    """Compare two methods image by image; None where they share no seed.

    The interval is the percentile bootstrap over test images (Efron and Tibshirani 1993, "An
    Introduction to the Bootstrap", chapter 13) of the difference, which is first averaged over
    seeds for each image: it says what other test images would change, and `by_seed` what other
    weights and shuffles would.
    """
    differences = _paired(ours, theirs)
    if not differences:
        return None
    of_image = 100 * np.mean(list(differences), axis=0)
    low = high = float(of_image.mean())
    if of_image.any():
        found = bootstrap(
            (of_image,),
            np.mean,
            n_resamples=RESAMPLES,
            batch=100,
            method="percentile",
            rng=np.random.default_rng(0),
        )
        low, high = map(float, found.confidence_interval)
    return Lead(tuple(float(100 * d.mean()) for d in differences), low, high)


def _paired(ours: Sequence[Result], theirs: Sequence[Result]) -> list[Array]:
    """Return for each shared seed what one has right minus what the other has, (N,)."""
    of_seed = {r.config.seeds[0]: r.arrays[CORRECT] for r in theirs if r.finished}
    return [
        result.arrays[CORRECT].astype(float) - of_seed[result.config.seeds[0]]
        for result in ours
        if result.finished and result.config.seeds[0] in of_seed
    ]
