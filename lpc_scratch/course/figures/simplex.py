"""Figures of neural collapse: a simplex and its defects, and how collapse proceeds.

Everywhere C classes and D latent coordinates.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from lpc_scratch.course.figures.checks import shaped
from lpc_scratch.metrics.registry import BY_NAME
from lpc_scratch.plots.classes import check_means
from lpc_scratch.plots.palette import COLOURS, architecture_styles, line_style, mark_style
from lpc_scratch.plots.panels import (
    Row,
    add_legend,
    curves,
    frame_metric,
    mean_and_band,
    new_figure,
    new_row,
    prepare_epochs,
    tidy,
)

COLLAPSE_PANELS = ("nc1", "etf_distance", "nc3", "nc4", "latent_norm", "test_accuracy")
"""Metrics that `plot_neural_collapse` shows, in the order of its panels."""


def orthographic(points: npt.ArrayLike) -> npt.NDArray:
    """Return points (n, 3) as they are seen from the front, right and above: (n, 3).

    The first two columns are right and up on the paper, the third is the depth, larger at the back.
    """
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"points must be (n, 3), not {array.shape}.")
    turn, tilt = np.deg2rad([24.0, 18.0])
    x, y, z = array.T
    right, back = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    return np.stack([right, np.cos(tilt) * z + np.sin(tilt) * back, back], axis=1)


def plot_simplices(class_means: Mapping[str, npt.ArrayLike]) -> Figure:
    """Class means as arrows from their middle, in the plane or in space, a panel each.

    Parameters
    ----------
    class_means : mapping of str to (C, 2) or (C, 3) finite
        Drawn under their names; space is projected, and thinner arrows point to the back.

    Returns
    -------
    Figure
        Grey lines join every two class means.
    """
    figure, row = new_row(class_means, "simplex", 3.9 * len(class_means), 3.9)
    for axes, (name, values) in zip(row, class_means.items(), strict=True):
        means = check_means(values, [str(c) for c in range(len(np.atleast_1d(values)))])
        if means.shape[1] not in (2, 3):
            raise ValueError(f"the means of {name!r} must be in 2 or 3 dimensions.")
        M = means - means.mean(axis=0)
        depth = np.zeros(len(M))
        if M.shape[1] == 3:
            M, depth = (seen := orthographic(M))[:, :2], seen[:, 2]
        _draw_arrows(axes, M, depth)
        axes.set_title(name)
    return figure


def plot_point_clouds(
    latents: Mapping[str, npt.ArrayLike], labels: npt.ArrayLike, notes: Mapping[str, str]
) -> Figure:
    """Points of a latent in the plane with their class means, one small panel each.

    Parameters
    ----------
    latents : mapping of str to (N, 2)
        Drawn under their names, all at one scale.
    labels : (N,) integers
        Classes from 0; a class is told by colour and marker.
    notes : mapping of str to str
        What is written below a panel, by its name.
    """
    y = np.asarray(labels)
    arrays = {name: shaped(z, f"latent {name!r}", (len(y), 2)) for name, z in latents.items()}
    figure, row = new_row(arrays, "latent", 2.6 * len(arrays), 3.5, sharex=True, sharey=True)
    for axes, (name, z) in zip(row, arrays.items(), strict=True):
        for c in np.unique(y):
            points, mean = z[y == c], z[y == c].mean(axis=0)
            axes.plot(*points.T, markersize=4, alpha=0.45, linewidth=0, **mark_style(c))
            axes.plot([0, mean[0]], [0, mean[1]], color="black", linewidth=1)
            axes.plot(*mean, markersize=9, markeredgecolor="black", **mark_style(c))
        axes.set(title=name, xticks=[], yticks=[])
        axes.set_xlabel(notes.get(name, ""), fontsize=9)
        axes.set_aspect("equal")
    return figure


def plot_defects(
    sizes: npt.ArrayLike, metrics: Mapping[str, Mapping[str, npt.ArrayLike]]
) -> Figure:
    """Metrics against the size of a defect, a panel a defect.

    Parameters
    ----------
    sizes : (T,)
        Sizes of the defects.
    metrics : mapping of str to mapping of str to (T,)
        For every defect, the values of every metric.
    """
    x = np.asarray(sizes, dtype=np.float64)
    figure, row = new_row(metrics, "defect", 3.3 * len(metrics), 3.6, sharey=True)
    handles: dict[str, Line2D] = {}
    for axes, (defect, values) in zip(row, metrics.items(), strict=True):
        tidy(axes)
        for place, (name, measured) in enumerate(values.items()):
            y = shaped(measured, repr(name), x.shape)
            (line,) = axes.plot(x, y, markersize=5, label=name, **line_style(place))
            handles.setdefault(name, line)
        axes.set(title=defect, xlabel="size of the defect")
    row[0].set_ylabel("measure")
    add_legend(figure, list(handles.values()), 6)
    return figure


def plot_neural_collapse(rows: Mapping[str, Sequence[Row]]) -> Figure:
    """NC1 to NC4, scale and test accuracy against the epoch, a curve an architecture.

    Parameters
    ----------
    rows : mapping of str to sequence of mappings
        For every architecture rows of ``metrics.csv``, with ``epoch``, ``seed`` and the columns of
        `COLLAPSE_PANELS`.

    Returns
    -------
    Figure
        Two rows of three panels; thin a seed, bold their mean, on a logarithmic axis that of the
        logarithm.
    """
    styles = architecture_styles(rows)
    figure = new_figure(10.5, 6.2)
    for axes, column in zip(figure.subplots(2, 3).flat, COLLAPSE_PANELS, strict=True):
        prepare_epochs(axes)
        log = BY_NAME[column].scale == "log"
        for name, of in rows.items():
            epochs, values = curves(of, column, by="seed", log=log)
            axes.plot(epochs, values.T, color=styles[name]["color"], linewidth=0.7, alpha=0.5)
            axes.plot(epochs, mean_and_band(values, log)[0], **styles[name])
        frame_metric(axes, BY_NAME[column])
        axes.set_xlabel("epoch")
    handles = [Line2D([], [], **style) for style in styles.values()]
    add_legend(figure, handles, 4, handlelength=3)
    return figure


def _draw_arrows(axes: Axes, M: npt.NDArray, depth: npt.NDArray) -> None:
    """Draw rows (C, 2) as arrows from the middle, with their numbers, and lines between them."""
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.margins(0.2)
    for a in range(len(M)):
        for b in range(a + 1, len(M)):
            axes.plot(*M[[a, b]].T, color="#9A9A9A", linewidth=1)
    for c, (x, y) in enumerate(M):
        front = depth[c] <= 0
        color, width = COLOURS[c % len(COLOURS)], 3.0 if front else 1.5
        arrow = {"arrowstyle": "-|>", "color": color, "linewidth": width, "mutation_scale": 16}
        arrow |= {"shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (x, y), (0, 0), arrowprops=arrow)
        text = axes.text(1.17 * x, 1.17 * y, str(c), ha="center", va="center", fontsize=12)
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])
