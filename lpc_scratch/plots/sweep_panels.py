"""The cells of a sweep in groups, and how one panel of their figures is drawn.

A table holds one mapping a cell, that is, a trained network: its settings, its ``status``, its
``phase`` and its last measurements, which are None or nan where it has none. An axis is a column
of settings. Every mean is over the finished cells that share a place in the figure: seeds, and
whatever else is neither an axis nor a line.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import LogLocator, NullFormatter

from lpc_scratch.files.markdown import exact
from lpc_scratch.plots.palette import (
    BLUE,
    GREEN,
    GREY,
    MARKERS,
    ORANGE,
    PURPLE,
    SKY,
    TIME,
    VERMILION,
)
from lpc_scratch.plots.panels import draw_grid, drawable, tidy, write_instead
from lpc_scratch.theory.phases import PHASES

Table: TypeAlias = Sequence[Mapping[str, Any]]

LABELS = {
    "gamma": "gamma (penalty strength)",
    "latent_dim": "latent dimensions D",
    "depth": "depth (hidden layers)",
    "width": "width (units)",
}
"""What is written along the axes whose name does not say it all."""
COLORS = (BLUE, VERMILION, GREEN, "black", ORANGE, SKY, PURPLE, GREY)
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (7, 2, 1, 2, 1, 2)), (0, (1, 3)))
MARK_DASHES: tuple[Any, ...] = ((0, (1, 1)), (0, (5, 1)), (0, (4, 1, 1, 1)))
# From light to dark and from plain to crossed, so that a grey print still tells them apart.
PHASE_STYLES: Mapping[str, dict[str, Any]] = {
    "none": {"facecolor": "#EFEFEF", "edgecolor": GREY},
    "partial": {"facecolor": SKY, "edgecolor": "white", "hatch": "//"},
    "complete": {"facecolor": "#00497A", "edgecolor": "white"},
    "trivial": {"facecolor": ORANGE, "edgecolor": "black", "hatch": ".."},
    "divergence": {"facecolor": VERMILION, "edgecolor": "black", "hatch": "xx"},
}
WIDE = 30  # largest over smallest number of an axis from which a logarithm spaces them better
MAX_LETTERS = 36  # of all names along a small panel, were each as long as the longest
TICK_DISTANCE = 0.075  # least distance of two labels, as a share of the axis
DARK = 0.65  # part of the colours of a heat map from which white numbers are easier to read
SQUARE = 0.9  # side of a square of the phase diagram; the squares are 1 apart


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
    values = values[drawable(values, log)]
    if not values.size:
        return np.nan, np.nan, np.nan
    if log:
        values = np.log(values)
    deviation = values.std(ddof=1) if len(values) > 1 else 0.0
    band = values.mean() + deviation * np.array([0, -1, 1])
    mean, low, high = (np.exp(band) if log else band).tolist()
    return mean, low, high


def check_columns(table: Table, *columns: str) -> None:
    """Raise ValueError if there is no cell, or one of the metrics in none of them."""
    axis_values(table, "status")
    for column in columns:
        if not any(column in cell for cell in table):
            raise ValueError(f"the table lacks the column {column!r}.")


def describe(axis: str, value: Any) -> str:
    """Return a setting as it is written in a legend or a title."""
    return f"{axis.replace('_', ' ')} {exact(value)}" if is_numeric([value]) else str(value)


def line_styles(table: Table, lines_by: Sequence[str]) -> dict[tuple, dict[str, Any]]:
    """Return how the line of every combination looks, by the values of the combination.

    Colour and marker tell the first setting, dashes the combination of the others; if there are no
    others, colour, marker and dashes all tell the first.
    """
    first = axis_values(table, lines_by[0]) if lines_by else []
    others = list(group(table, lines_by[1:]))
    styles = {}
    for key in group(table, lines_by):
        place = first.index(key[0]) if key else 0
        dash = others.index(key[1:]) if len(key) > 1 else place
        styles[key] = {
            "color": COLORS[place % len(COLORS)],
            "marker": MARKERS[place % len(MARKERS)],
            "linestyle": DASHES[dash % len(DASHES)],
            "label": ", ".join(map(describe, lines_by, key)),
        }
    return styles


def line_handles(table: Table, lines_by: Sequence[str]) -> list[Artist]:
    """Return the entries of a legend for `line_styles`: one a value, rather than a combination."""
    styles = line_styles(table, lines_by)
    if len(lines_by) < 2:
        return [Line2D([], [], **style) for key, style in styles.items() if key]
    first: dict[Any, Artist] = {}
    others: dict[tuple, Artist] = {}
    for (value, *rest), style in styles.items():
        look = style | {"linestyle": "", "label": describe(lines_by[0], value)}
        first.setdefault(value, Line2D([], [], **look))
        look = style | {"color": GREY, "marker": ""}
        look["label"] = ", ".join(map(describe, lines_by[1:], rest))
        others.setdefault(tuple(rest), Line2D([], [], **look))
    return [first[value] for value in axis_values(table, lines_by[0])] + list(others.values())


def add_legend(figure: Figure, handles: Sequence[Artist], title: str | None = None) -> None:
    """Put one legend for all panels below them, if there is anything to say."""
    if not handles and not title:
        return
    longest = max((len(str(handle.get_label())) for handle in handles), default=0)
    columns = int(figure.get_figwidth() / (0.7 + 0.075 * longest))  # an entry's width in inches
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=max(1, min(columns, len(handles))),
        frameon=False,
        handlelength=3.5,
        fontsize=9,
        title=title,
        title_fontsize=9,
    )


def draw_curves(
    axes: Axes,
    table: Table,
    x: str,
    lines_by: Sequence[str],
    band: Callable[[Table], tuple[float, float, float]],
    log_x: bool = False,
    log_y: bool = False,
    bars: bool = False,
) -> None:
    """Draw a line with a band for every combination of settings.

    Where x has no order, goes from zero over decades or further than an axis can show, its values
    are evenly spaced and have bars, those of the lines side by side.

    Parameters
    ----------
    band : callable
        Returns line, lower and upper end of the band for the cells of one place, such as `average`.
    bars : bool
        Whether several lines have bars in any case, because their bands would cover one another.
    """
    values = axis_values(table, x)
    numbers = is_numeric(values)
    if log_x and not (numbers and values[0] > 0):
        raise ValueError(f"{x} cannot have a logarithmic axis: it has the values {values}.")
    groups, styles = group(table, lines_by), line_styles(table, lines_by)
    even = not numbers or (bars and len(groups) > 1)
    if numbers:
        positive = [value for value in values if value > 0]
        from_zero = values[0] <= 0 and is_wide(positive)
        even = even or from_zero or not drawable(positive, log=True).all()
    name_axis(axes, x, values, log_x, even)
    for place, (key, cells) in enumerate(groups.items()):
        there = group(cells, [x])
        line, low, high = np.array([band(there.get((v,), ())) for v in values]).T
        if not np.isfinite(line).any():
            continue
        at = np.array(range(len(values)) if even else values, dtype=np.float64)
        style = styles[key] | {"markersize": 5, "linewidth": 1.6}
        if even:
            at += 0.6 * ((place + 0.5) / len(groups) - 0.5)
        if even or len(values) == 1:
            style |= {"linewidth": 1.2} if numbers else {"linestyle": ""}
            axes.errorbar(at, line, (line - low, high - line), **style, capsize=2)
        else:
            axes.plot(at, line, **style)
            axes.fill_between(at, low, high, color=style["color"], alpha=0.15, linewidth=0)
    finish(axes, log_y)


def finish(axes: Axes, log_y: bool) -> None:
    """Give axes with lines their frame, grid and scale, or say that nothing could be drawn."""
    tidy(axes)
    if not axes.lines:
        write_instead(axes, "not defined")
        return
    draw_grid(axes)
    if log_y:
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        if high < 100 * low:  # powers of ten alone would be too few
            subs = (1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 5, 7)
            axes.yaxis.set_major_locator(LogLocator(subs=subs))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())


def draw_marks(axes: Axes, marks: Mapping[str, float]) -> list[Artist]:
    """Draw vertical lines and return their entries of a legend."""
    handles: list[Artist] = []
    for place, (label, value) in enumerate(marks.items()):
        style = {
            "color": GREY,
            "linewidth": 1.2,
            "linestyle": MARK_DASHES[place % len(MARK_DASHES)],
        }
        axes.axvline(value, **style, zorder=1, label=label)
        handles.append(Line2D([], [], **style, label=label))
    return handles


def draw_heatmap(
    axes: Axes, table: Table, metric: str, x: str, y: str, label: str, log: bool = False
) -> None:
    """Draw the mean of a metric at every place of two axes, its number in the cell."""
    columns, rows = axis_values(table, x), axis_values(table, y)
    there = group(table, [x, y])
    means = np.array(
        [[average(there.get((c, r), ()), metric, log)[0] for c in columns] for r in rows]
    )
    finite = means[np.isfinite(means)]
    if not finite.size:
        write_instead(axes, "not defined")
        return
    low, high = finite.min(), finite.max()
    norm = LogNorm(low, high) if log else Normalize(low, high)
    image = axes.imshow(means, TIME, norm=norm, aspect="auto")
    decimals = int(np.clip(3 - np.ceil(np.log10(max(high, -low, 1e-6))), 0, 6))

    def write(value: float) -> str:
        if not log:
            number = f"{value:.{decimals}f}"
        elif value < 1e-3:
            number = f"{value:.1e}".replace("e-0", "e-")
        else:
            number = f"{float(f'{value:.2g}'):g}"  # 120, where .2g alone would write 1.2e+02
        return number.replace("-", "−")

    for (row, column), value in np.ndenumerate(means):
        if not np.isfinite(value):
            continue
        text = axes.text(column, row, write(value), fontsize=7.5)
        text.set(ha="center", va="center", color="white" if norm(value) > DARK else "black")
        text.set_in_layout(False)
    cross_out(axes, np.argwhere(~np.isfinite(means))[:, ::-1])
    name_places(axes, x, columns, y, rows)
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label(label)
    if log:  # matplotlib's own labels run into one another within a decade
        ticks = np.unique([low, np.sqrt(low * high), high])
        bar.set_ticks(ticks.tolist(), labels=list(map(write, ticks)), minor=False)
        bar.minorticks_off()


def draw_phases(
    axes: Axes, table: Table, x: str, columns: Sequence[Any], y: str | None, rows: Sequence[Any]
) -> None:
    """Draw a square at every place, in stripes as wide as the shares of the phases there."""
    there = group(table, [x, y] if y else [x])
    empty = []
    for (row, r), (column, c) in product(enumerate(rows), enumerate(columns)):
        phases = [cell["phase"] for cell in there.get((c, r) if y else (c,), ())]
        found = [phase for phase in PHASES if phase in phases]
        left, total = column - SQUARE / 2, sum(map(phases.count, found))
        for phase in found:
            width = SQUARE * phases.count(phase) / total
            style = PHASE_STYLES[phase] | {"linewidth": 0, "label": phase}
            axes.add_patch(Rectangle((left, row - SQUARE / 2), width, SQUARE, **style))
            left += width
        if not found:
            empty.append((column, row))
    cross_out(axes, np.array(empty).reshape(-1, 2))
    name_places(axes, x, columns, y, rows)


def phase_handles() -> list[Artist]:
    """Return the entries of a legend for `draw_phases`."""
    cross = Line2D([], [], color=GREY, marker="x", linestyle="", label="failed or not run")
    patches = [Patch(**PHASE_STYLES[phase], linewidth=0, label=PHASES[phase]) for phase in PHASES]
    return [*patches, cross]


def cross_out(axes: Axes, places: npt.NDArray) -> None:
    """Mark places (n, 2) at which there is nothing to draw."""
    axes.scatter(places[:, 0], places[:, 1], s=30, c=GREY, marker="x", linewidths=1)


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
