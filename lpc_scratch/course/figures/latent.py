"""The latent layer at one moment of training, drawn so that many moments make a film.

Everywhere N samples, D latent coordinates and C classes; ``latent`` is (N, D) of one network and
``labels`` (N,) integers in 0..C-1. Layouts are fixed, so that nothing shakes between two frames.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lpc_scratch.metrics import class_means
from lpc_scratch.plots.classes import draw_codes
from lpc_scratch.plots.palette import BLUE, GREY, mark_style
from lpc_scratch.plots.panels import literal, new_figure, paired, tidy

_BINS = np.linspace(-2.5, 2.5, 51)  # in units of a coordinate's root mean square
_COLUMNS = 4  # histograms side by side


def plot_latent_points(
    latent: npt.ArrayLike,
    labels: npt.ArrayLike,
    class_names: Sequence[str],
    title: str = "",
    limit: float | None = None,
) -> Figure:
    """Draw latent points in two dimensions, each class with a colour and a marker of its own.

    Parameters
    ----------
    latent : (N, 2) finite
        Latent points.
    labels : (N,) integers in 0..C-1
        Classes.
    class_names : sequence of C strings
        Entries of the legend.
    title : str
        Written above, for example the epoch.
    limit : float, optional
        Both axes go from -limit to +limit; by default as far as the points.

    Raises
    ------
    ValueError
        If the latent is not two-dimensional, or labels do not fit it.
    """
    z, y = _check(latent, labels, len(class_names))
    if z.shape[1] != 2:
        raise ValueError(f"latent must have 2 coordinates to be drawn as points, not {z.shape[1]}.")
    figure = Figure(figsize=(5.4, 4.6))
    axes = figure.subplots()
    figure.subplots_adjust(0.13, 0.12, 0.83, 0.92)
    for label, name in enumerate(class_names):
        style = mark_style(label)
        z_1, z_2 = z[y == label].T
        axes.scatter(z_1, z_2, s=16, alpha=0.55, linewidths=0, **style)
        axes.scatter([], [], label=literal(name), **style)
    limit = limit or 1.1 * float(np.abs(z).max())
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", title=title)
    axes.set(xlabel="latent coordinate $z_1$", ylabel="latent coordinate $z_2$")
    axes.axhline(0, color=GREY, linewidth=0.6, zorder=0)
    axes.axvline(0, color=GREY, linewidth=0.6, zorder=0)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, title="class")
    tidy(axes)
    return figure


def plot_emerging_codes(
    latent: npt.ArrayLike,
    labels: npt.ArrayLike,
    class_names: Sequence[str],
    title: str = "",
) -> Figure:
    """Draw a histogram of every latent coordinate, and beside them the mean point of every class.

    Parameters
    ----------
    latent : (N, D) finite
        Latent points.
    labels : (N,) integers in 0..C-1
        Classes; each of them occurs.
    class_names : sequence of C strings
        Names of the rows of class means.
    title : str
        Written above, for example the epoch.

    Returns
    -------
    Figure
        D small histograms, each coordinate divided by its root mean square and each histogram
        scaled to its maximum, and the class means as in `plot_class_codes`.

    Raises
    ------
    ValueError
        If labels do not fit the latent.
    """
    z, y = _check(latent, labels, len(class_names))
    rows = -(-z.shape[1] // _COLUMNS)
    figure = Figure(figsize=(9.2, 4.4))
    figure.suptitle(title, fontsize=11)
    halves = figure.add_gridspec(
        1, 2, left=0.02, bottom=0.14, right=0.97, top=0.88, width_ratios=(1, 1.15)
    )
    grid = halves[0].subgridspec(rows, _COLUMNS).subplots(squeeze=False, sharex=True)
    for axes, coordinate in paired(grid, _in_its_size(z).T):
        _draw_histogram(axes, coordinate)
    figure.text(0.23, 0.03, "coordinate / its root mean square", ha="center", fontsize=9)
    axes = figure.add_subplot(halves[1])
    draw_codes(axes, class_means(z, y), class_names)
    axes.set_ylabel("class")
    return figure


def plot_values_and_codes(
    latent: npt.ArrayLike,
    labels: npt.ArrayLike,
    class_names: Sequence[str],
    title: str = "",
) -> Figure:
    """Draw one histogram of all latent coordinates, and below it the mean point of every class.

    Parameters
    ----------
    latent : (N, D) finite
        Latent points.
    labels : (N,) integers in 0..C-1
        Classes; each of them occurs.
    class_names : sequence of C strings
        Names of the rows of class means.
    title : str
        Written above, for example what was trained.

    Returns
    -------
    Figure
        Each coordinate divided by its root mean square, the class means as in `plot_class_codes`;
        high rather than wide, for two of them side by side.

    Raises
    ------
    ValueError
        If labels do not fit the latent.
    """
    z, y = _check(latent, labels, len(class_names))
    figure = new_figure(4.6, 5.0)
    upper, lower = figure.subplots(2, 1, height_ratios=(1, 1.8))
    _draw_histogram(upper, _in_its_size(z).ravel())
    upper.set(title=title, xlabel="latent coordinate / its root mean square")
    upper.tick_params(labelsize=10)
    draw_codes(lower, class_means(z, y), class_names)
    lower.set_ylabel("class")
    return figure


def plot_latent_means(
    means: npt.ArrayLike, class_names: Sequence[str], titles: Sequence[str]
) -> Figure:
    """Draw the class means of several networks in two dimensions, a small panel for each.

    Parameters
    ----------
    means : (E, C, 2) finite
        Class means of E networks.
    class_names : sequence of C strings
        Entries of the legend.
    titles : sequence of E strings
        Titles of the panels.

    Returns
    -------
    Figure
        Dotted lines are the diagonals: on them both coordinates have the same size.

    Raises
    ------
    ValueError
        If the shapes do not fit each other.
    """
    points = np.asarray(means, dtype=np.float64)
    if points.shape != (len(titles), len(class_names), 2):
        raise ValueError(
            f"means must have shape ({len(titles)}, {len(class_names)}, 2), a panel for each title "
            f"and a point for each name, not {points.shape}."
        )
    columns = min(3, len(points))
    rows = -(-len(points) // columns)
    figure = new_figure(1.0 + 2.3 * columns, 2.5 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, (of_network, title) in paired(grid, list(zip(points, titles, strict=True))):
        limit = 1.3 * np.abs(of_network).max()
        for sign in (-1, 1):
            axes.plot([-limit, limit], [-sign * limit, sign * limit], color=GREY, ls=":", lw=0.8)
        for label, (x, y) in enumerate(of_network):
            axes.scatter(x, y, s=45, label=literal(class_names[label]), **mark_style(label))
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", title=title)
        axes.tick_params(labelsize=8)
        tidy(axes)
    figure.supxlabel("mean of latent coordinate $z_1$", fontsize=10)
    figure.supylabel("mean of latent coordinate $z_2$", fontsize=10)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, title="class")
    return figure


def _check(
    latent: npt.ArrayLike, labels: npt.ArrayLike, classes: int
) -> tuple[npt.NDArray, npt.NDArray]:
    """Return latent (N, D) and labels (N,) as arrays that fit each other."""
    z, y = np.asarray(latent, dtype=np.float64), np.asarray(labels)
    if z.ndim != 2 or y.shape != z.shape[:1]:
        raise ValueError(f"latent {z.shape} and labels {y.shape} must be (N, D) and (N,).")
    if not len(y) or y.min() < 0 or y.max() >= classes:
        raise ValueError(f"labels must be one or more in 0..{classes - 1}, one for each name.")
    return z, y


def _in_its_size(z: npt.NDArray) -> npt.NDArray:
    """Return every coordinate of z (N, D) divided by its root mean square."""
    size = np.sqrt((z**2).mean(axis=0))
    return z / np.where(size > 0, size, 1)


def _draw_histogram(axes: Axes, coordinate: npt.NDArray) -> None:
    counts, _ = np.histogram(np.clip(coordinate, _BINS[0], _BINS[-1]), _BINS)
    axes.stairs(counts / max(counts.max(), 1), _BINS, fill=True, color=BLUE)
    axes.axvline(0, color=GREY, linewidth=0.6)
    axes.set(ylim=(0, 1.05), yticks=[], xticks=[-1, 1])
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right", "left"]].set_visible(False)
