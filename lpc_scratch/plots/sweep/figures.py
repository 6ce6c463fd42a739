"""The figures of a sweep that suit any axes: phases, curves and heat maps over the settings."""

from collections.abc import Mapping, Sequence
from functools import partial
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure

from lpc_scratch.metrics.registry import BY_NAME, Metric
from lpc_scratch.plots.palette import GREY
from lpc_scratch.plots.panels import new_figure, paired
from lpc_scratch.plots.sweep.axes import describe
from lpc_scratch.plots.sweep.cells import (
    Table,
    average,
    axis_values,
    check_columns,
    group,
    is_numeric,
    is_wide,
)
from lpc_scratch.plots.sweep.legend import explain, line_handles, phase_handles
from lpc_scratch.plots.sweep.panels import (
    draw_curves,
    draw_heatmap,
    draw_largest_gamma,
    draw_marks,
    draw_phases,
)

MAX_COLUMNS = 3  # panels side by side
SEEDS = "mean over seeds, shaded or barred ±1 standard deviation over seeds"


OVERVIEW: Mapping[str, Metric] = {
    name: BY_NAME[name]
    for name in (
        *("test_accuracy", "nc1", "peak_distance"),
        *("same_code", "code_spread", "latent_entropy"),
    )
}
"""The panels of `plot_metrics`, by the metric that they show."""


def plot_phases(
    table: Table,
    x: str = "gamma",
    y: str | None = None,
    panels_by: str | None = None,
    thresholds: Sequence[str] = (),
) -> Figure:
    """Phase diagram: the phase of training at every place of one or two axes.

    Parameters
    ----------
    table : sequence of mappings
        With the axes, ``status`` and ``phase``, one of `theory.phases.PHASES` or, for a cell
        that failed, anything else; over gamma with ``largest_gamma`` too, where there is one.
    x, y : str
        Axes; without `y` there is one row of squares.
    panels_by : str, optional
        Setting that has a panel for each of its values.
    thresholds : sequence of str
        How the phases are told, written under the figure.

    Returns
    -------
    Figure
        Where seeds disagree, a square is divided into stripes as wide as their shares. A cross is
        where no cell has a phase. A line is at the largest gamma that the learning rates bear: to
        its right learning has not begun by the end of training, or hardly.
    """
    check_columns(table, "phase")
    columns, rows = axis_values(table, x), axis_values(table, y) if y else [None]
    by = [panels_by] if panels_by else []
    panels = group(table, by)
    side_by_side = min(len(panels), 2)
    lines = -(-len(panels) // side_by_side)
    width = 3.4 + side_by_side * (0.3 + 0.45 * max(len(columns), 5))
    note = "\n".join(fill(line, int(14 * width), subsequent_indent="    ") for line in thresholds)
    height = lines * (1.25 + 0.45 * len(rows)) + 0.15 * (note.count("\n") + 2 * bool(note))
    figure = new_figure(width, max(height, 2.0))
    grid = figure.subplots(lines, side_by_side, squeeze=False, sharey=True)
    marked = False
    for axes, (key, cells) in paired(grid, panels.items()):
        draw_phases(axes, cells, x, columns, y, rows)
        if x == "gamma":
            marked = draw_largest_gamma(axes, cells, columns, y, rows) or marked
        axes.set_title(", ".join(map(describe, by, key)))
        axes.set_aspect("equal")
    for axes in grid[:, 1:].flat:
        axes.set_ylabel("")
    figure.legend(
        handles=phase_handles(marked),
        loc="outside right upper",
        frameon=False,
        fontsize=9,
        handleheight=1.3,
    )
    if note:
        figure.supxlabel(note, x=0.02, ha="left", fontsize=8, color=GREY)
    return figure


def plot_metric_curves(
    table: Table,
    metric: str,
    x: str,
    label: str,
    log_x: bool = False,
    log_y: bool = False,
    lines_by: Sequence[str] = (),
    marks: Mapping[str, float] = {},
) -> Figure:
    """Mean of a metric over seeds against an axis, with ±1 standard deviation.

    Parameters
    ----------
    metric, label : str
        Column that is drawn, and what is written along its axis.
    x : str
        Axis; one whose values are not numbers has bars side by side instead of lines.
    log_x, log_y : bool
        Which axes are logarithmic; on `log_y`, what is not positive is left out.
    lines_by : sequence of str
        Settings that have a line for each of their combinations.
    marks : mapping of str to float
        Values of `x` that are marked by a vertical line, by what the legend says of them.
    """
    check_columns(table, metric)
    figure = new_figure(6, 4.4)
    axes = figure.subplots()
    band = partial(average, metric=metric, log=log_y)
    draw_curves(axes, table, x, lines_by, band, log_x, log_y)
    axes.set_ylabel(label)
    explain(figure, [*line_handles(table, lines_by), *draw_marks(axes, marks)], _note(table))
    return figure


def plot_metric_heatmap(
    table: Table, metric: str, x: str, y: str, label: str, log: bool = False
) -> Figure:
    """Mean of a metric over seeds at every place of two axes; crosses where it has no value.

    Parameters
    ----------
    metric, label : str
        Column that is drawn, and what is written along the colour bar.
    x, y : str
        Axes, whose values are evenly spaced.
    log : bool
        Whether the colours are logarithmic, which leaves out what is not positive.
    """
    check_columns(table, metric)
    figure = new_figure(*_heatmap_size(table, x, y))
    draw_heatmap(figure.subplots(), table, metric, x, y, label, log)
    return figure


def plot_metrics(
    table: Table,
    axes: Sequence[str],
    metrics: Mapping[str, Metric] = OVERVIEW,
    marks: Mapping[str, float] = {},
) -> Figure:
    """One figure with a small panel for every metric, whatever the axes of the sweep are.

    Parameters
    ----------
    axes : sequence of str
        The axes on which the cells differ; the seed may be among them. Two that are numbers, and
        no others, give heat maps. Otherwise the panels have curves against the one with the most
        numbers (if no axis has three: against the one with the most values), and the others are
        told by the lines.
    metrics : mapping of str to Metric
        The panels, by the columns that they show; `dataclasses.replace` gives one another title.
    marks : mapping of str to float
        As in `plot_metric_curves`; not drawn on heat maps.
    """
    if not metrics:
        raise ValueError("metrics is empty: there is no panel to draw.")
    check_columns(table, *metrics)
    values = {axis: axis_values(table, axis) for axis in axes if axis != "seed"}
    if not values:
        raise ValueError("axes is empty: name an axis other than the seed.")
    x, *others = sorted(values, key=lambda axis: _rank(values[axis]), reverse=True)
    heatmaps = len(values) == 2 and all(map(is_numeric, values.values()))
    columns = min(len(metrics), MAX_COLUMNS)
    lines = -(-len(metrics) // columns)
    width, height = _heatmap_size(table, x, others[0]) if heatmaps else (3.7, 2.8)
    figure = new_figure(columns * width, lines * height + (0 if heatmaps else 0.9))
    grid = figure.subplots(lines, columns, squeeze=False)
    for panel, (metric, shown) in paired(grid, metrics.items()):
        log = shown.scale == "log"
        panel.set_title(shown.title)
        if heatmaps:
            draw_heatmap(panel, table, metric, x, others[0], shown.unit, log)
            continue
        band = partial(average, metric=metric, log=log)
        draw_curves(panel, table, x, others, band, is_wide(values[x]), log)
        panel.set_ylabel(shown.unit)
        if panel.lines and not log:
            panel.set_ylim(*shown.limits)
        handles = draw_marks(panel, marks)
    if not heatmaps:
        explain(figure, [*line_handles(table, others), *handles], _note(table))
    return figure


def _rank(values: Sequence[Any]) -> tuple[bool, int]:
    """Return how well values suit the horizontal axis, for comparison."""
    return is_numeric(values) and len(values) > 2, len(values)


def _heatmap_size(table: Table, x: str, y: str) -> tuple[float, float]:
    """Return width and height that leave room for the numbers in the cells."""
    columns, rows = len(axis_values(table, x)), len(axis_values(table, y))
    return max(3.2, 1.9 + 0.5 * columns), max(2.8, 1.1 + 0.32 * rows)


def _note(table: Table) -> str | None:
    """Return what lines and bands are, if there is more than one seed."""
    return SEEDS if len(axis_values(table, "seed")) > 1 else None
