"""Figures of the two forces on a latent point: cross-entropy pulls, and the penalty pushes.

Forces are minus gradients. Everywhere K classes or C classes in two latent dimensions; a grid is
given by its ``x`` (X,) and ``y`` (Y,), and what is defined on it is (Y, X) or, a force, (Y, X, 2).
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver

from lpc_scratch.course.figures.checks import shaped
from lpc_scratch.plots.palette import BLUE, COLOURS, GREY, ORANGE, VERMILION, line_style, mark_style
from lpc_scratch.plots.panels import label_within_decades, new_figure, new_row, prepare, tidy

STRENGTH = LinearSegmentedColormap.from_list("strength", ["#A9C7DC", BLUE, "#00243D"])
STAR: dict[str, Any] = {"color": ORANGE, "markeredgecolor": "black", "markersize": 14, "zorder": 5}
BOX = {"facecolor": "white", "edgecolor": "none", "pad": 1}
ARROWS = 15  # along one side of a field, at most
DECADES = 2.5  # of force that the arrows tell apart; all weaker ones look alike


def plot_force_fields(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    forces: Mapping[str, npt.ArrayLike],
    weights: npt.ArrayLike = ((), ()),
    point: npt.ArrayLike | None = None,
    levels: Mapping[str, npt.ArrayLike] | None = None,
) -> Figure:
    """Fields of force side by side.

    Parameters
    ----------
    x, y : (X,), (Y,)
        The grid; arrows are drawn on part of it.
    forces : mapping of str to (Y, X, 2)
        Titles of the panels, with their forces.
    weights : (2, K), optional
        W_y; a ray from the origin shows the direction of every class.
    point : (2,), optional
        Marked by a star in all panels, such as the equilibrium.
    levels : mapping of str to (Y, X), optional
        A function under each title; its level lines through (1/2, 0), (1, 0), … are drawn.

    Returns
    -------
    Figure
        One panel a force. Arrows have the direction of the force; the stronger it is, on a
        logarithmic scale that the panels share, the longer and the darker they are.

    Raises
    ------
    ValueError
        If a shape does not fit.
    """
    x, y, W = np.asarray(x), np.asarray(y), shaped(weights, "weights", (2, None))
    fields = {t: shaped(f, f"force {t!r}", (len(y), len(x), 2)) for t, f in forces.items()}
    figure, grid = new_row(fields, "force", 3.0 * len(fields) + 0.9, 3.4, sharey=True)
    strongest = max(float(np.linalg.norm(f, axis=-1).max()) for f in fields.values())
    norm = LogNorm(strongest / 10**DECADES, strongest, clip=True)
    for axes, (title, field) in zip(grid, fields.items(), strict=True):
        if levels is not None:
            value = shaped(levels[title], f"levels {title!r}", (len(y), len(x)))
            lines = np.interp(np.arange(0.5, x.max(), 0.5), x, value[np.abs(y).argmin()])
            axes.contour(x, y, value, lines, colors=VERMILION, linewidths=1.2)
        arrows = _draw_arrows(axes, x, y, field, norm)
        _draw_rays(axes, W, 0.9 * x.max())
        if point is not None:
            axes.plot(*shaped(point, "point", (2,)), "*", **STAR)
        _frame(axes, x, y, title)
    figure.colorbar(arrows, ax=grid, pad=0.02, extend="min", label="length of the force")
    return figure


def plot_flows(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    losses: npt.ArrayLike,
    paths: npt.ArrayLike,
    weights: npt.ArrayLike,
) -> Figure:
    """Paths of points that are released in the landscape of the loss, a panel for each class.

    Parameters
    ----------
    x, y, weights
        As in `plot_force_fields`.
    losses : (K, Y, X)
        Loss of a point of every class, drawn as level lines.
    paths : (K, T, S, 2)
        T places of S points of every class: circles mark the first ones, stars the last.

    Raises
    ------
    ValueError
        If a shape does not fit.
    """
    x, y, W = np.asarray(x), np.asarray(y), shaped(weights, "weights", (2, None))
    losses = shaped(losses, "losses", (W.shape[1], len(y), len(x)))
    paths = shaped(paths, "paths", (W.shape[1], None, None, 2))
    figure, grid = new_row(losses, "class", 3.2 * len(losses), 3.4, sharey=True)
    for k, axes in enumerate(grid):
        levels = np.geomspace(0.02, 1, 9) * np.ptp(losses[k]) + losses[k].min()
        axes.contour(x, y, losses[k], levels, colors="#BBBBBB", linewidths=0.8)
        _draw_rays(axes, W, 0.9 * x.max())
        axes.plot(*np.moveaxis(paths[k], -1, 0), color=COLOURS[k % len(COLOURS)], linewidth=1.4)
        rim = COLOURS[k % len(COLOURS)]
        axes.plot(*paths[k, 0].T, "o", color="white", markeredgecolor=rim, markersize=5)
        axes.plot(*paths[k, -1].T, "*", **STAR)
        _frame(axes, x, y, f"points of class {k}")
    return figure


def plot_curves(
    x: npt.ArrayLike,
    panels: Mapping[str, Mapping[str, npt.ArrayLike]],
    xlabel: str,
    log: Literal["", "x", "y", "xy"] = "",
) -> Figure:
    """Curves over a common axis, a panel for each quantity.

    Parameters
    ----------
    x : (N,)
        Common to all curves.
    panels : mapping of str to mapping of str to (N,)
        Labels of the panels' vertical axes, with their curves by name.
    xlabel : str
        Label of the horizontal axes.
    log : {"", "x", "y", "xy"}
        The axes that are logarithmic.

    Raises
    ------
    ValueError
        If a curve has another length than x.
    """
    x = shaped(x, "x", (None,))
    figure, grid = new_row(panels, "curve", 3.8 * len(panels), 3.2)
    for axes, (ylabel, curves) in zip(grid, panels.items(), strict=True):
        for k, (name, curve) in enumerate(curves.items()):
            style = line_style(k) | {"marker": "", "linewidth": 1.8}
            axes.plot(x, shaped(curve, name, x.shape), label=name, **style)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        for axis in log:
            axes.set(**{f"{axis}scale": "log"})
        low, high = axes.get_ylim()
        if "y" in log and high < 1000 * low:  # too few powers of ten to read the curves by
            label_within_decades(axes.yaxis)
        prepare(axes)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=8)
    return figure


def plot_class_paths(
    paths: Mapping[str, npt.ArrayLike], weights: Mapping[str, npt.ArrayLike], columns: int
) -> Figure:
    """Paths of class points from where they start to where they end, a panel for each training.

    Parameters
    ----------
    paths : mapping of str to (T, C, 2)
        Titles of the panels, with T places of C points.
    weights : mapping of str to (C, 2)
        The classes' weight vectors at the end, under the same titles; rays show their directions.
    columns : int
        Panels in a row.

    Returns
    -------
    Figure
        A dot where a point starts, a marker for its class where it ends; dotted lines are the
        diagonals, where both coordinates have the same size.

    Raises
    ------
    ValueError
        If a shape does not fit.
    """
    rows = -(-len(paths) // columns)
    figure = new_figure(2.9 * columns, 3.1 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    places = {t: shaped(p, f"path {t!r}", (None, None, 2)) for t, p in paths.items()}
    reach = 1.15 * max(float(np.abs(path).max()) for path in places.values())
    for axes, (title, path) in zip(grid.flat, places.items(), strict=False):
        W = shaped(weights[title], f"weights {title!r}", path.shape[1:])
        for slope in (-1, 1):
            axes.axline((0, 0), slope=slope, color=GREY, linestyle=":", linewidth=1)
        _draw_rays(axes, W.T, 0.97 * reach)
        for c in range(path.shape[1]):
            axes.plot(*path[:, c].T, color=COLOURS[c % len(COLOURS)], linewidth=1.6)
            axes.plot(*path[0, c], ".", color="black")
            axes.plot(*path[-1, c], markeredgecolor="black", markersize=8, **mark_style(c))
        _frame(axes, np.array([-reach, reach]), np.array([-reach, reach]), title)
    return figure


def _draw_arrows(
    axes: Axes, x: npt.NDArray, y: npt.NDArray, force: npt.NDArray, norm: LogNorm
) -> Quiver:
    """Draw part of a field (Y, X, 2), and return the arrows."""
    every = -(-len(x) // ARROWS)
    part = slice(every // 2, None, every)
    field = force[part, part]
    length = np.linalg.norm(field, axis=-1)
    size = 0.3 + 0.7 * np.asarray(norm(length))
    u, v = np.moveaxis(field * (size / np.where(length > 0, length, 1))[..., None], -1, 0)
    style: dict[str, Any] = {"width": 0.006, "pivot": "mid", "angles": "xy", "scale_units": "xy"}
    style |= {"cmap": STRENGTH, "norm": norm, "scale": 1 / (every * (x[1] - x[0]))}
    return axes.quiver(x[part], y[part], u, v, length, **style)


def _draw_rays(axes: Axes, W: npt.NDArray, reach: float) -> None:
    """Draw a ray in the direction of every class, W (2, K)."""
    for k, (a, b) in enumerate((reach * W / np.linalg.norm(W, axis=0)).T):
        axes.plot([0, a], [0, b], color=GREY, linestyle=(0, (4, 3)), linewidth=1)
        axes.text(a, b, f"$w_{k}$", ha="center", va="center", bbox=BOX)


def _frame(axes: Axes, x: npt.NDArray, y: npt.NDArray, title: str) -> None:
    """Show the whole grid to scale."""
    axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()), aspect="equal")
    axes.set(title=title, xlabel="$z_1$", ylabel="$z_2$")
    axes.label_outer()
    tidy(axes)
