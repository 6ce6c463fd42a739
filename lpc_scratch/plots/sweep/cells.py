"""The cells of a sweep in groups, by the axes on which they differ.

A table holds one mapping a cell, that is, a trained network: its settings, its ``status``, its
``phase`` and its last measurements, which are None or nan where it has none. An axis is a column
of settings. Every mean is over the finished cells that share a place in the figure: seeds, and
whatever else is neither an axis nor a line.
"""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from lpc_scratch.plots.panels import drawable, mean_and_band

Table: TypeAlias = Sequence[Mapping[str, Any]]

WIDE = 30  # largest over smallest number of an axis from which a logarithm spaces them better


def is_numeric(values: Iterable[Any]) -> bool:
    """Return whether all values of an axis are numbers."""
    return all(isinstance(value, Real) for value in values)


def axis_values(table: Table, axis: str) -> list[Any]:
    """Return the values on an axis, each once: numbers in order, others as they first come."""
    if not table:
        raise ValueError("table is empty: there is no cell to plot.")
    if any(axis not in cell for cell in table):
        raise ValueError(f"the table lacks the column {axis!r}.")
    values = list(dict.fromkeys(cell[axis] for cell in table))
    return sorted(values) if is_numeric(values) else values


def is_wide(values: list[Any]) -> bool:
    """Return whether a logarithmic axis suits the values of an axis: positive, and far apart."""
    return is_numeric(values) and values[:1] > [0] and values[-1] >= WIDE * values[0]


def group(table: Table, axes: Sequence[str]) -> dict[tuple, Table]:
    """Return the cells of every combination of settings that occurs, in the order of the axes."""
    order = [axis_values(table, axis) for axis in axes]
    groups: dict[tuple, list[Mapping[str, Any]]] = {}
    for cell in table:
        groups.setdefault(tuple(cell[axis] for axis in axes), []).append(cell)

    def place(key: tuple) -> list[int]:
        return [values.index(value) for values, value in zip(order, key, strict=True)]

    return {key: groups[key] for key in sorted(groups, key=place)}


def average(table: Table, metric: str, log: bool = False) -> tuple[float, float, float]:
    """Return mean and mean ± standard deviation (ddof 1) of a metric; nan without a value.

    What no axis can show is left out: see `panels.drawable`. With `log`, mean and deviation are
    those of the logarithm.
    """
    values = np.array([c.get(metric) for c in table if c["status"] == "finished"], dtype=np.float64)
    mean, low, high = mean_and_band(values[drawable(values, log)], log).tolist()
    return mean, low, high


def check_columns(table: Table, *columns: str) -> None:
    """Raise ValueError if there is no cell, or one of the metrics in none of them."""
    axis_values(table, "status")
    for column in columns:
        if not any(column in cell for cell in table):
            raise ValueError(f"the table lacks the column {column!r}.")
