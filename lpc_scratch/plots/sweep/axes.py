"""How the axes of a sweep are named and scaled, whatever its settings are: numbers or names."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lpc_scratch.files.markdown import exact
from lpc_scratch.plots.panels import tidy
from lpc_scratch.plots.sweep.cells import is_numeric

LABELS = {
    "gamma": "gamma (penalty strength)",
    "latent_dim": "latent dimensions D",
    "depth": "depth (hidden layers)",
    "width": "width (units)",
}
"""What is written along the axes whose name does not say it all."""
MAX_LETTERS = 36  # of all names along a small panel, were each as long as the longest
TICK_DISTANCE = 0.075  # least distance of two labels, as a share of the axis


def describe(axis: str, value: Any) -> str:
    """Return a setting as it is written in a legend or a title."""
    return f"{axis.replace('_', ' ')} {exact(value)}" if is_numeric([value]) else str(value)


def name_places(
    axes: Axes, x: str, columns: Sequence[Any], y: str | None, rows: Sequence[Any]
) -> None:
    """Name both axes of evenly spaced places; numbers grow upwards, names are read downwards."""
    tidy(axes)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    upwards = (-0.5, len(rows) - 0.5)
    axes.set_ylim(upwards if is_numeric(rows) else upwards[::-1])
    _name_columns(axes, columns)
    axes.set_yticks(range(len(rows)) if y else [], tick_names(rows) if y else [])
    axes.set(xlabel=axis_label(x), ylabel=axis_label(y) if y else "")
    axes.tick_params(length=0)


def name_axis(axes: Axes, x: str, values: Sequence[Any], log: bool, even: bool = False) -> None:
    """Scale and label the x axis, with ticks at the values as far as there is room for them."""
    axes.set_xlabel(axis_label(x))
    if even:
        axes.set_xlim(-0.5, len(values) - 0.5)
        _name_columns(axes, values)
        return
    places = np.array(values, dtype=np.float64)
    at = np.log(places) if log else places
    length = at[-1] - at[0] or 1.0
    ends = at[0] - 0.04 * length, at[-1] + 0.04 * length
    low, high = np.exp(ends) if log else ends
    axes.set_xlim(low, high)
    if log:
        axes.set_xscale("log")
    chosen = [0]
    for place in range(1, len(values)):
        if at[place] - at[chosen[-1]] >= TICK_DISTANCE * length:
            chosen.append(place)
    names = tick_names(values)
    axes.set_xticks(places[chosen], [names[i] for i in chosen])
    axes.set_xticks([], minor=True)


def _name_columns(axes: Axes, values: Sequence[Any]) -> None:
    """Name evenly spaced places of the x axis, at a slant where the names would touch."""
    names = tick_names(values)
    axes.set_xticks(range(len(values)), names)
    if not is_numeric(values) and len(names) * max(map(len, names)) > MAX_LETTERS:
        axes.tick_params(axis="x", labelrotation=30)
        for text in axes.get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")


def tick_names(values: Sequence[Any]) -> list[str]:
    """Write the values of an axis: powers of ten as such if they span three decades or more."""
    if not is_numeric(values):
        return [str(value) for value in values]
    positive = [value for value in values if value > 0]
    powers = [round(math.log10(value)) for value in positive]
    whole = np.allclose(positive, [10.0**power for power in powers], rtol=1e-12, atol=0)
    if not whole or not powers or powers[-1] - powers[0] < 3:
        return list(map(exact, values))
    return [exact(v) for v in values if v <= 0] + [f"$10^{{{power}}}$" for power in powers]


def axis_label(name: str) -> str:
    """Return what is written along an axis."""
    return LABELS.get(name, name.replace("_", " "))
