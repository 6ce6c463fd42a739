"""Figures of the geometry of an optimiser: balls, paths, classifiers as pictures, the onset.

Everywhere K classes and D latent dimensions. A classifier is (K, D), with a row for each class.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon

from lpc_scratch.course.figures.checks import check_number, shaped
from lpc_scratch.plots.palette import (
    BLUE,
    DIVERGING,
    GREY,
    ORANGE,
    SKY,
    VERMILION,
    line_style,
    mark_style,
)
from lpc_scratch.plots.panels import add_legend, literal, new_figure, new_row, prepare, tidy

STEP = 0.15  # radius of the ball around the start, as a share of the panel
LARGEST = 2.0  # entry of a picture of a matrix, in root mean squares
_STAR: dict[str, Any] = {"color": ORANGE, "markeredgecolor": "black", "zorder": 5}
_BALL: dict[str, Any] = {"facecolor": SKY, "alpha": 0.45, "edgecolor": BLUE}
_OUTLINE: dict[str, Any] = {"color": BLUE, "linestyle": "--", "linewidth": 1.4}
_LEVELS: dict[str, Any] = {"color": "#BBBBBB", "linewidth": 0.9}


class Descent(NamedTuple):
    """Steepest descent, seen in two numbers of a classifier.

    Attributes
    ----------
    power : that of the norm of the two numbers: 2, or infinity for the larger one
    numbers : their names
    path : (T, 2) not below 0, the two numbers from the start to the end
    """

    power: float
    numbers: tuple[str, str]
    path: npt.ArrayLike


def plot_balls(descents: Mapping[str, Descent]) -> Figure:
    """Balls of norms, and the paths of steepest descent in them.

    Parameters
    ----------
    descents : mapping of str to Descent
        By the title of their panel.

    Returns
    -------
    Figure
        One panel each, at one scale: level lines of the two numbers' l2 norm, the ball of a step
        around the start of the path, and the ball around 0 that the path ends on.

    Raises
    ------
    ValueError
        If there is none, or a path has another shape.
    """
    paths = {name: shaped(d.path, f"path {name!r}", (None, 2)) for name, d in descents.items()}
    figure, row = new_row(descents, "descent", 3.4 * len(descents), 4.1)
    for axes, (name, (power, numbers, _)) in zip(row, descents.items(), strict=True):
        path = paths[name]
        limit = 1.25 * max(float(p.max()) for p in paths.values())
        for radius in np.linspace(0, 1.3 * limit, 8)[1:]:
            axes.plot(*(radius * _ball(2.0)).T, **_LEVELS, zorder=0)
        axes.add_patch(Polygon(path[0] + STEP * limit * _ball(power), **_BALL))
        axes.plot(*(np.linalg.norm(path[-1], ord=power) * _ball(power)).T, **_OUTLINE)
        axes.plot(*path.T, color=VERMILION, linewidth=2.2, zorder=4)
        axes.plot(*path[0], "o", color="white", markeredgecolor="black", markersize=7, zorder=5)
        axes.plot(*path[-1], "*", markersize=15, **_STAR)
        axes.set(xlim=(0, limit), ylim=(0, limit), aspect="equal", title=name)
        axes.set(xlabel=numbers[0], ylabel=numbers[1])
        axes.locator_params(nbins=5)
        tidy(axes)
    handles = [
        Line2D([], [], **_LEVELS, label="level lines of the loss"),
        Patch(**_BALL, label="ball of a step"),
        Line2D([], [], color=VERMILION, linewidth=2.2, label="path"),
        Line2D([], [], **_OUTLINE, label="ball that the path ends on"),
    ]
    add_legend(figure, handles, 4 if len(descents) > 2 else 2)
    return figure


def plot_rows(paths: Mapping[str, npt.ArrayLike]) -> Figure:
    """Rows of classifiers in two latent dimensions, as they grow.

    Parameters
    ----------
    paths : mapping of str to (T, K, 2)
        T places of the rows of K classes, by the title of their panel.

    Returns
    -------
    Figure
        One panel each, at one scale: a line a class, from a circle to its number, and the polygon
        of the last places.

    Raises
    ------
    ValueError
        If there is none, or one has another shape.
    """
    arrays = {name: shaped(p, f"paths {name!r}", (None, None, 2)) for name, p in paths.items()}
    figure, row = new_row(arrays, "path", 3.4 * len(arrays), 3.7, sharex=True, sharey=True)
    for axes, (name, array) in zip(row, arrays.items(), strict=True):
        axes.axhline(0, color="#CCCCCC", linewidth=0.8, zorder=0)
        axes.axvline(0, color="#CCCCCC", linewidth=0.8, zorder=0)
        axes.add_patch(Polygon(array[-1], facecolor="none", edgecolor=GREY, linestyle="--"))
        for k, path in enumerate(array.swapaxes(0, 1)):
            look = mark_style(k)
            axes.plot(*path.T, color=look["color"], linewidth=1.8)
            axes.plot(*path[0], "o", color="white", markeredgecolor=look["color"], markersize=6)
            axes.plot(*path[-1], markersize=16, markeredgecolor="black", **look | {"marker": "o"})
            axes.annotate(str(k), path[-1], ha="center", va="center", color="white", fontsize=10)
        axes.set_aspect("equal")
        axes.margins(0.15)
        axes.locator_params(nbins=5)
        axes.set(title=name, xlabel="latent coordinate 0")
        tidy(axes)
    row[0].set_ylabel("latent coordinate 1")
    return figure


def plot_matrices(matrices: Mapping[str, npt.ArrayLike], notes: Mapping[str, str]) -> Figure:
    """Matrices with a row for each class, side by side as pictures.

    Parameters
    ----------
    matrices : mapping of str to (K, D)
        By the title of their panel; each is divided by the root mean square of its entries.
    notes : mapping of str to str
        What is written below a panel, by its title.

    Returns
    -------
    Figure
        Entries beyond ±`LARGEST` have the colour of ±`LARGEST`.

    Raises
    ------
    ValueError
        If there is none, or one is no matrix.
    """
    arrays = {name: shaped(m, f"matrix {name!r}", (None, None)) for name, m in matrices.items()}
    figure, row = new_row(arrays, "matrix", 3.0 * len(arrays) + 0.8, 3.1)
    for axes, (name, array) in zip(row, arrays.items(), strict=True):
        scale = float(np.sqrt(np.mean(array**2))) or 1.0
        image = axes.imshow(
            array / scale, DIVERGING, vmin=-LARGEST, vmax=LARGEST, interpolation="nearest"
        )
        axes.set_aspect("auto")
        axes.set_title(literal(name), fontsize=11)
        axes.set_xlabel(notes.get(name, "latent coordinate"), fontsize=9)
        axes.set(xticks=[], yticks=[])
    row[0].set_ylabel("class")
    label = "entry (root mean squares)"
    figure.colorbar(image, ax=row, pad=0.02, extend="both", ticks=[-2, -1, 0, 1, 2], label=label)
    return figure


def plot_onset(
    steps: npt.ArrayLike,
    cross_entropies: Mapping[str, npt.ArrayLike],
    predicted: Mapping[str, float],
    level: float,
) -> Figure:
    """Cross-entropy against the step, and where it was predicted to fall through a level.

    Parameters
    ----------
    steps : (T,)
        Steps taken.
    cross_entropies : mapping of str to (T,)
        Curves by their names in the legend; five at most.
    predicted : mapping of str to float
        The step at which each should pass the level; one that is not finite is left out.
    level : float
        A dotted line; the predicted places are diamonds on it.

    Raises
    ------
    ValueError
        If there is no curve or one of another shape.
    """
    x = shaped(steps, "steps", (None,))
    check_number(cross_entropies, 5, "curves")
    figure = new_figure(7.2, 4.0)
    axes = figure.subplots()
    prepare(axes)
    axes.axhline(level, color="black", linestyle=":", linewidth=1.2)
    for place, (name, values) in enumerate(cross_entropies.items()):
        look = line_style(place) | {"marker": ""}
        axes.plot(x, shaped(values, repr(name), x.shape), linewidth=2, label=name, **look)
        if np.isfinite(predicted[name]):
            axes.plot(
                predicted[name],
                level,
                "D",
                color=look["color"],
                markeredgecolor="black",
                markersize=9,
                zorder=5,
            )
    handles = [
        *axes.get_legend_handles_labels()[0],
        Line2D([], [], linestyle="", marker="D", color="white", mec="black", label="predicted"),
        Line2D([], [], color="black", linestyle=":", label="(log K)/2"),
    ]
    axes.set(xlabel="step", ylabel="cross-entropy (nats)")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.02)
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=9)
    return figure


def _ball(power: float) -> npt.NDArray[np.float64]:
    """Return the outline of the unit ball of two numbers (n, 2)."""
    angle = np.linspace(0, 2 * np.pi, 241)  # with the four diagonals, which are corners
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return circle / np.linalg.norm(circle, ord=power, axis=1, keepdims=True)
