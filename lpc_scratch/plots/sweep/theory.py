"""The figures of a sweep beside what theory says: where free points lie, and the simplex."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lpc_scratch.metrics.registry import BY_NAME
from lpc_scratch.plots.palette import GREY
from lpc_scratch.plots.panels import drawable, new_figure
from lpc_scratch.plots.sweep.axes import describe, name_axis
from lpc_scratch.plots.sweep.cells import Table, average, axis_values, check_columns, group, is_wide
from lpc_scratch.plots.sweep.legend import explain, line_handles, line_styles
from lpc_scratch.plots.sweep.panels import draw_curves, finish

_PREDICTED = {"linestyle": "-", "marker": "_", "label": BY_NAME["predicted_norm"].label}
_FORETOLD: dict[str, Any] = {
    "linestyle": (0, (3, 1.5)),
    "marker": "",
    "label": "predicted from settings alone",
}
_BOUND = {"linestyle": ":", "marker": ".", "label": BY_NAME["norm_bound"].label}


def plot_equilibrium(table: Table, lines_by: Sequence[str] = ()) -> Figure:
    """Latent norm, cross-entropy, classifier and margin against gamma on logarithmic axes.

    Parameters
    ----------
    table : sequence of mappings
        With ``gamma, latent_norm, predicted_norm, norm_bound, cross_entropy, classifier_norm,
        margin``, and where theory knows them ``settings_norm, settings_cross_entropy,
        settings_classifier_norm``; cells with gamma 0 and values that a logarithmic axis cannot
        show are left out.
    lines_by : sequence of str
        Settings to tell apart: the first by lines, of which about four stay legible, every
        combination of the others by a row of panels.

    Returns
    -------
    Figure
        Four panels a row: the norm of z, measured, predicted for free points from the measured
        norm of W_y, and its bound; cross-entropy; the norm of W_y; the margin. In the first three
        there is also what the settings foretell before training, for a classifier that uses up its
        learning rates.
    """
    measured = ("latent_norm", "cross_entropy", "classifier_norm", "margin")
    check_columns(table, *measured, "predicted_norm", "norm_bound")
    gammas = [gamma for gamma in axis_values(table, "gamma") if drawable(gamma, log=True)]
    first, others = lines_by[:1], lines_by[1:]
    rows, styles = group(table, others), line_styles(table, first)
    figure = new_figure(14, 1.1 + 3 * len(rows))
    grid = figure.subplots(len(rows), 4, squeeze=False)
    for panels, (key, cells) in zip(grid, rows.items(), strict=True):
        norms, entropies, weights, margins = panels
        for line, part in group(cells, first).items():
            style = styles[line] | {"linewidth": 1.5, "markersize": 5}
            alone = style | _FORETOLD
            _draw_means(norms, part, "latent_norm", gammas, **style | {"linestyle": ""})
            _draw_means(norms, part, "predicted_norm", gammas, **style | _PREDICTED)
            _draw_means(norms, part, "norm_bound", gammas, **style | _BOUND)
            _draw_means(norms, part, "settings_norm", gammas, **alone)
            _draw_means(entropies, part, "cross_entropy", gammas, **style | {"linestyle": ""})
            _draw_means(entropies, part, "settings_cross_entropy", gammas, **alone)
            _draw_means(weights, part, "classifier_norm", gammas, **style)
            _draw_means(weights, part, "settings_classifier_norm", gammas, **alone)
            _draw_means(margins, part, "margin", gammas, **style)
        for panel in panels:
            if gammas:
                name_axis(panel, "gamma", gammas, log=True)
            finish(panel, log_y=True)
        name = ", ".join(map(describe, others, key))
        norm = BY_NAME["norm_bound"].unit
        norms.set_ylabel(f"{name}\n{norm}" if name else norm)
        entropies.set_ylabel(BY_NAME["cross_entropy"].unit)
        weights.set_ylabel(BY_NAME["classifier_norm"].unit)
        margins.set_ylabel(BY_NAME["margin"].unit)
    titles = ("Latent layer", *(BY_NAME[name].title for name in measured[1:]))
    for panel, title in zip(grid[0], titles, strict=True):
        panel.set_title(title)
    points = {"color": GREY, "marker": "o", "linestyle": "", "label": "measured"}
    kinds = (points, *({"color": GREY} | look for look in (_PREDICTED, _FORETOLD, _BOUND)))
    handles = [*line_handles(table, first), *(Line2D([], [], **kind) for kind in kinds)]
    explain(figure, handles)
    return figure


def plot_code_geometry(
    table: Table, x: str, lines_by: Sequence[str] = (), simplex: float | None = None
) -> Figure:
    """Pairwise Hamming distance of the class codes against an axis.

    Parameters
    ----------
    table : sequence of mappings
        With ``code_distance`` and ``code_spread``, mean and standard deviation over the pairs.
    x, lines_by
        Settings that have a line for each of their combinations.
    simplex : float, optional
        The distance of every pair in a simplex, drawn as a line.

    Returns
    -------
    Figure
        Means over seeds; the band is ±1 standard deviation over pairs, nothing for an equidistant
        code.
    """
    check_columns(table, "code_distance", "code_spread")
    figure = new_figure(6, 4.4)
    axes = figure.subplots()

    def over_pairs(cells: Table) -> tuple[float, float, float]:
        mean, spread = average(cells, "code_distance")[0], average(cells, "code_spread")[0]
        return mean, mean - spread, mean + spread

    draw_curves(
        axes, table, x, lines_by, over_pairs, log_x=is_wide(axis_values(table, x)), bars=True
    )
    axes.set_ylabel(BY_NAME["code_distance"].unit)
    handles = line_handles(table, lines_by)
    if simplex is not None and axes.lines:
        label = f"simplex ({simplex:.3f})"
        handles.append(axes.axhline(simplex, color=GREY, linestyle=(0, (4, 3)), label=label))
    explain(figure, handles, "mean over seeds, shaded or barred ±1 standard deviation over pairs")
    return figure


def _draw_means(
    axes: Axes, table: Table, metric: str, gammas: Sequence[float], **style: Any
) -> None:
    """Draw the means of a metric against gamma, as far as a logarithmic axis shows them."""
    there = group(table, ["gamma"])
    means = np.array([average(there.get((g,), ()), metric, log=True)[0] for g in gammas])
    if np.isfinite(means).any():
        axes.plot(gammas, means, **style)
