"""What came out of an experiment, as tables of cells and of epochs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lpc_scratch.config import TrainConfig
from lpc_scratch.experiments.cells import Result
from lpc_scratch.experiments.foretold import foretell
from lpc_scratch.experiments.grid import axis_value
from lpc_scratch.experiments.store import cell_key
from lpc_scratch.metrics.registry import BY_NAME
from lpc_scratch.nn.penalties import penalty_of
from lpc_scratch.theory.phases import Phase, classify, is_trivial
from lpc_scratch.training.result import COLUMNS, Row

# The columns of measurements that have the name of a setting, with another one.
_SETTINGS = {"loss": "total_loss", "penalty": "penalty_value"}
# The text and the thresholds of a report speak of a share; in a figure its axis says so.
_HEADINGS = {"same_code": "same-code share"}

METRICS = tuple(
    _SETTINGS.get(name, name)
    for name in COLUMNS
    if name not in ("member", "seed", "gamma", "learning_rate")
)
"""Columns of the last measurements in the table of cells."""

Table = list[dict[str, Any]]


def held_out(config: TrainConfig) -> str:
    """Say which accuracies are not of the training set."""
    return "test and validation accuracy" if config.validation_share else "test accuracy"


def cell_table(results: Sequence[Result], axes: Sequence[str]) -> Table:
    """Return one row for each cell: its place in the grid, its phase and its last measurements.

    The columns are ``cell`` (the name of its file), the axes, ``seed``, ``status``, ``phase``, the
    METRICS (None for a cell that is not finished), what its settings foretell (the columns
    `foretold.FORETOLD`) and ``message``.
    """
    return [
        {
            "cell": cell_key(result.config),
            **{axis: axis_value(result.config, axis) for axis in (*axes, "seed")},
            "status": result.status,
            "phase": phase_of(result),
            **_last(result),
            **foretell(result.config, result.samples, len(result.class_names)),
            "message": result.message,
        }
        for result in results
    ]


def epoch_table(results: Sequence[Result], axes: Sequence[str]) -> Table:
    """Return one row for each cell and measured epoch: the axes, and the rows of `metrics.csv`."""
    return [
        {
            **{axis: axis_value(result.config, axis) for axis in (*axes, "seed")},
            **{
                _SETTINGS[name] if name in axes else name: row[name]
                for name in COLUMNS
                if name not in ("seed", "member") and (name in _SETTINGS or name not in axes)
            },
        }
        for result in results
        for row in result.rows
    ]


def phase_of(result: Result) -> Phase | None:
    """Return the phase of a cell; None if it failed."""
    if result.status == "failed":
        return None
    if not result.finished:
        return "divergence"
    untrained, last = result.rows[0], result.rows[-1]
    binary = result.config.architecture == "binary"
    minimum = penalty_of(result.config.penalty).minimum if binary else None
    largest = float(result.arrays["class_shares"].max())
    trivial = is_trivial(last, untrained, minimum, largest)
    return "trivial" if trivial else classify(last, len(result.class_names))


def follows(cells: Table, axis: str, others: Sequence[str]) -> bool:
    """Return whether the value on an axis is told by those on others, as a default rate is."""
    places = {tuple(cell[other] for other in others) for cell in cells}
    return len(places) == len({tuple(cell[a] for a in (*others, axis)) for cell in cells})


def epochs_until(rows: Sequence[Row], column: str, threshold: float) -> int | None:
    """Return the first measured epoch at which a column has reached a threshold; None for never."""
    return next((row["epoch"] for row in rows if row[column] >= threshold), None)


def with_validation(metrics: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """Return the metrics of a report, after the validation accuracy where some row has one."""
    name = "validation_accuracy"
    known = any(row.get(name) is not None and math.isfinite(row[name]) for row in rows)
    return (name, *metrics) if known else metrics


def headings(metrics: Sequence[str]) -> list[str]:
    """Return what stands above the columns of metrics in the table of a report."""
    return [_HEADINGS.get(name, BY_NAME[name].label) for name in metrics]


def _last(result: Result) -> dict[str, Any]:
    last = result.rows[-1] if result.finished else {}
    renamed = {_SETTINGS.get(name, name): value for name, value in last.items()}
    return {name: renamed.get(name) for name in METRICS}
