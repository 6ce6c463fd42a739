"""Figures of what gamma does: the balance of two forces, histograms side by side, a growing gamma.

The phases and the metrics over gamma are drawn by :mod:`lpc_scratch.plots.sweep`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from lpc_scratch.course.figures.checks import check_number, shaped
from lpc_scratch.metrics.registry import BY_NAME
from lpc_scratch.plots.palette import BLUE, line_style, mark_style
from lpc_scratch.plots.panels import (
    Row,
    add_legend,
    curves,
    frame_metric,
    new_figure,
    new_row,
    prepare_epochs,
    tidy,
)

MAX_LINES = 5  # that stay legible in one panel
_SCHEDULE_PANELS = ("gamma", "latent_norm", "nc1", "test_accuracy")


def plot_forces(
    z: npt.ArrayLike, pull: npt.ArrayLike, pushes: Mapping[str, npt.ArrayLike]
) -> Figure:
    """Draw two forces against the place of a latent point; they balance where the lines cross.

    Parameters
    ----------
    z : (n,) increasing
        Distance of the point from the origin.
    pull : (n,)
        Force of the cross-entropy, away from the origin.
    pushes : mapping of str to (n,)
        Force of the penalty, towards the origin, by its name; five at most.

    Returns
    -------
    Figure
        One panel. Every place where a push overtakes the pull is marked; the vertical axis ends a
        little above the pull.

    Raises
    ------
    ValueError
        If a force has not one value for each place, or the places do not increase.
    """
    z = np.asarray(z, dtype=np.float64)
    if z.ndim != 1 or z.size < 2 or np.any(np.diff(z) <= 0):
        raise ValueError(f"z must be two or more increasing numbers, not of shape {z.shape}.")
    pull = shaped(pull, "pull", z.shape)
    forces = {name: shaped(push, repr(name), z.shape) for name, push in pushes.items()}
    check_number(forces, MAX_LINES, "pushes")
    figure = new_figure(6.4, 3.8)
    axes = figure.subplots()
    axes.plot(z, pull, color="black", linewidth=2.4, label="pull of the cross-entropy")
    for place, (name, push) in enumerate(forces.items()):
        axes.plot(z, push, linewidth=1.6, label=name, **(line_style(place) | {"marker": ""}))
        at = np.array(_crossings(z, push - pull))
        look = mark_style(place) | {"linestyle": "", "markersize": 7, "markeredgecolor": "black"}
        axes.plot(at, np.interp(at, z, push), zorder=4, **look)
    axes.set(xlabel="place of the point, z", ylabel="force")
    axes.set_xlim(z[0], z[-1])
    axes.set_ylim(0, 1.12 * float(pull.max()))
    tidy(axes)
    axes.legend(frameon=False, fontsize=9)
    return figure


def plot_histograms(edges: npt.ArrayLike, counts: Mapping[str, npt.ArrayLike]) -> Figure:
    """Draw histograms over the same bins side by side.

    Parameters
    ----------
    edges : (bins + 1,) increasing
        Edges of the bins, in standard deviations of a latent coordinate.
    counts : mapping of str to (bins,)
        Counts not below zero, by the title of their panel.

    Returns
    -------
    Figure
        One panel for each entry, with densities on a common axis; a dotted line of the standard
        normal distribution to compare with.

    Raises
    ------
    ValueError
        If the counts do not fit the edges, or there are none.
    """
    edges = np.asarray(edges, dtype=np.float64)
    heights = {name: shaped(n, repr(name), (edges.size - 1,)) for name, n in counts.items()}
    figure, grid = new_row(heights, "histogram", 3.4 * len(heights), 3.2, sharey=True)
    x = np.linspace(edges[0], edges[-1], 200)
    normal = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    for axes, (name, values) in zip(grid, heights.items(), strict=True):
        density = values / max(float(values.sum()), 1.0) / np.diff(edges)
        axes.stairs(density, edges, fill=True, color=BLUE)
        axes.plot(x, normal, color="black", linestyle=":", linewidth=1.4, label="normal")
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("coordinate (standard deviations)")
        tidy(axes)
    grid[0].set_ylabel("density")
    grid[0].legend(frameon=False, fontsize=9, loc="upper left")
    return figure


def plot_schedules(rows: Mapping[str, Sequence[Row]]) -> Figure:
    """Draw gamma, and what follows it, against the epoch for runs with a growing gamma.

    Parameters
    ----------
    rows : mapping of str to sequence of mappings
        Rows of ``metrics.csv`` of each run, with ``epoch``, ``member``, ``gamma``,
        ``latent_norm``, ``nc1`` and ``test_accuracy``; five runs at most. The first member is
        drawn.

    Returns
    -------
    Figure
        Four panels, all but the accuracy on logarithmic axes, where what is not positive is left
        out.

    Raises
    ------
    ValueError
        If there is no run, or a run without rows or without one of the columns.
    """
    check_number(rows, MAX_LINES, "runs")
    figure = new_figure(9, 6)
    grid = figure.subplots(2, 2)
    for axes, column in zip(grid.flat, _SCHEDULE_PANELS, strict=True):
        prepare_epochs(axes)
        log = BY_NAME[column].scale == "log"
        for place, (name, of_run) in enumerate(rows.items()):
            epochs, values = curves(of_run, column, log=log)
            look = line_style(place) | {"markersize": 4, "markevery": 0.1, "linewidth": 1.6}
            axes.plot(epochs, values[0], label=name, **look)
        frame_metric(axes, BY_NAME[column])
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    add_legend(figure, grid[0, 0].get_lines(), len(rows), handlelength=4)
    return figure


def _crossings(x: npt.NDArray, difference: npt.NDArray) -> list[float]:
    """Return where a sampled function rises through zero, between two of its samples."""
    before, after = difference[:-1], difference[1:]
    at = np.flatnonzero((before < 0) & (after >= 0))
    share = before[at] / (before[at] - after[at])
    return (x[at] + share * (x[at + 1] - x[at])).tolist()
