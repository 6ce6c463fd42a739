"""How one panel of a sweep is drawn: curves, a heat map, or the phases."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from lpc_scratch.plots.palette import GREY, PHASE_STYLES, TIME
from lpc_scratch.plots.panels import drawable, label_within_decades, prepare, tidy, write_instead
from lpc_scratch.plots.sweep.axes import name_axis, name_places
from lpc_scratch.plots.sweep.cells import Table, average, axis_values, group, is_numeric, is_wide
from lpc_scratch.plots.sweep.legend import BORNE, line_styles
from lpc_scratch.theory.phases import PHASES

MARK_DASHES: tuple[Any, ...] = ((0, (1, 1)), (0, (5, 1)), (0, (4, 1, 1, 1)))
DARK = 0.65  # part of the colours of a heat map from which white numbers are easier to read
SQUARE = 0.9  # side of a square of the phase diagram; the squares are 1 apart


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
    if not axes.lines:
        tidy(axes)
        write_instead(axes, "not defined")
        return
    prepare(axes)
    if log_y:
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        if high < 100 * low:
            label_within_decades(axes.yaxis, (1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 5, 7))


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


def draw_largest_gamma(
    axes: Axes, table: Table, columns: Sequence[float], y: str | None, rows: Sequence[Any]
) -> bool:
    """Mark in every row of a phase diagram over gamma the largest that its learning rates bear.

    It stands between two squares where it does between the logarithms of their gammas. A row has no
    mark where its cells have no ``largest_gamma``, or it is beyond the squares.

    Returns
    -------
    bool
        Whether there is any mark.
    """
    offset = sum(gamma <= 0 for gamma in columns)
    gammas = np.log([gamma for gamma in columns if gamma > 0])
    if len(gammas) < 2:
        return False
    marked = False
    for row, r in enumerate(rows):
        cells = [cell for cell in table if not y or cell[y] == r]
        values = np.array([cell.get("largest_gamma") for cell in cells], dtype=np.float64)
        values = np.log(values[drawable(values, log=True)])
        if not values.size:
            continue
        right = int(np.clip(np.searchsorted(gammas, values.mean()), 1, len(gammas) - 1))
        step = gammas[right] - gammas[right - 1]
        place = offset + right - 1 + (values.mean() - gammas[right - 1]) / step
        if -0.5 <= place <= len(columns) - 0.5:
            (line,) = axes.plot([place, place], [row - 0.5, row + 0.5], **BORNE)
            line.set_path_effects([Stroke(linewidth=4, foreground="white"), Normal()])
            marked = True
    return marked


def cross_out(axes: Axes, places: npt.NDArray) -> None:
    """Mark places (n, 2) at which there is nothing to draw."""
    axes.scatter(places[:, 0], places[:, 1], s=30, c=GREY, marker="x", linewidths=1)
