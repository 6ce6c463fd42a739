"""One measured quantity, for all networks of a run, or what could not be measured and why."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lpc_scratch.backend import Array
from lpc_scratch.errors import ConfigError, DivergenceError
from lpc_scratch.evaluation.subject import Subject

COLUMNS = (
    *("run", "dataset", "architecture", "member", "seed", "gamma"),
    *("suite", "test", "level", "measure", "value", "settings"),
)
"""Columns of `evaluation.csv`, in order."""

FIRED = "fired"
"""The measure of a warning: 1 where its number is above its level, 0 where not, nan without one."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """One measured quantity.

    Attributes
    ----------
    suite, test, measure : what was measured, how: "robustness", "pgd-linf", "accuracy"
    values : (E,) float, one for each network of the run; nan where it is not defined
    level : strength of the test, if it has one: epsilon, a severity, a number of shots, the
        threshold of a warning
    settings : all else that the number depends on
    """

    suite: str
    test: str
    measure: str
    values: Array
    level: float | None = None
    settings: str = ""


@dataclass(frozen=True)
class LeftOut:
    """What a suite could not measure of a run, for the section of the report that says so.

    The test is empty where it is the whole suite; the reason is a clause without its full stop.
    """

    suite: str
    test: str
    reason: str


Finding = Measurement | LeftOut
"""What a suite yields."""


def unless_diverged(suite: str, test: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings; where a network that is trained for them cannot be, leave out the others.

    It may diverge, or have too few samples for its settings.
    """
    try:
        yield from findings
    except (ConfigError, DivergenceError) as error:
        yield LeftOut(suite, test, str(error))


def tidy_rows(subject: Subject, measurements: Iterable[Measurement]) -> list[dict[str, Any]]:
    """Return one row for each measurement and network, by the names of COLUMNS."""
    config = subject.run.config
    members = list(zip(config.seeds, config.initial_gammas, strict=True))
    return [
        {
            "run": subject.label,
            "dataset": subject.dataset.name,
            "architecture": config.architecture,
            "member": member,
            "seed": seed,
            "gamma": gamma if config.architecture == "binary" else 0.0,
            "suite": measurement.suite,
            "test": measurement.test,
            "level": measurement.level,
            "measure": measurement.measure,
            "value": float(measurement.values[member]),
            "settings": measurement.settings,
        }
        for measurement in measurements
        for member, (seed, gamma) in enumerate(members)
    ]
