"""Figures of binary codes: vertices of a hypercube, and how far apart they are.

Everywhere C classes or codes and D bits or latent coordinates. A code is a row of -1 and +1.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator

from lpc_scratch.course.figures.checks import check_number, shaped
from lpc_scratch.course.figures.simplex import orthographic
from lpc_scratch.metrics import simplex_hamming
from lpc_scratch.metrics.registry import BY_NAME
from lpc_scratch.plots.classes import CODE_RANGE, check_means
from lpc_scratch.plots.palette import BLUE, DIVERGING, GREY, ORANGE, SKY, VERMILION, mark_style
from lpc_scratch.plots.panels import (
    Row,
    add_legend,
    literal,
    new_figure,
    new_row,
    prepare_epochs,
    tidy,
)

CLOUDS = (("#9A9A9A", "."), (ORANGE, "x"), (SKY, "+"))
DIMENSION_PANELS = ("distinct_codes", "etf_distance", "test_accuracy")


def plot_cube(codes: npt.ArrayLike) -> Figure:
    """Codes of three bits as marked vertices of a cube, with a line between every two of them.

    Parameters
    ----------
    codes : (C, 3) of -1 and +1
        The vertices that are marked; what is hidden behind the cube is dashed.
    """
    marked = _check_codes(codes)
    if marked.shape[1] != 3:
        raise ValueError(f"a cube needs codes of 3 bits, not {marked.shape[1]}.")
    vertices = np.stack(np.meshgrid(*[[-1, 1]] * 3, indexing="ij"), axis=-1).reshape(8, 3)
    places = orthographic(vertices)
    hidden = places[:, 2].argmax()  # of the two at the back, the lower one
    figure = new_figure(4.6, 4.4)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.margins(0.16)
    for pair in combinations(range(8), 2):
        if np.sum(vertices[pair[0]] != vertices[pair[1]]) == 1:
            style = "--" if hidden in pair else "-"
            axes.plot(*places[list(pair), :2].T, color=GREY, linewidth=0.9, linestyle=style)
    ends = orthographic(marked)
    for pair in combinations(range(len(ends)), 2):
        axes.plot(*ends[list(pair), :2].T, color=BLUE, linewidth=2.2, zorder=3)
    axes.scatter(ends[:, 0], ends[:, 1], s=90, color=VERMILION, edgecolors="black", zorder=4)
    for code, (right, up, _) in zip(marked, ends, strict=True):
        name = " ".join("+" if bit > 0 else "−" for bit in code)
        offset = (-30 if right < 0 else 30, 14 if up > 0 else -14)
        text = axes.annotate(name, (right, up), offset, textcoords="offset points", fontsize=11)
        text.set(ha="center", va="center")
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])
    axes.set_title(f"{len(marked)} vertices of the cube")
    return figure


def plot_sign_matrices(matrices: Mapping[str, npt.ArrayLike]) -> Figure:
    """Matrices of -1 and +1 side by side, one panel each.

    Parameters
    ----------
    matrices : mapping of str to (rows, columns) of -1 and +1
        Drawn under their names, +1 light and with a +, -1 dark and with a bar.
    """
    arrays = {name: _check_codes(matrix) for name, matrix in matrices.items()}
    widths = [max(array.shape[1], 3) for array in arrays.values()]
    width = min(12.0, 0.9 * len(arrays) + 0.24 * sum(widths))
    figure, row = new_row(arrays, "matrix", width, 4.0, width_ratios=widths)
    for axes, (name, array) in zip(row, arrays.items(), strict=True):
        axes.imshow(array, DIVERGING, vmin=-CODE_RANGE, vmax=CODE_RANGE)
        for sign, marker, ink in ((1, "+", "black"), (-1, "_", "white")):
            y, x = np.nonzero(array == sign)
            axes.scatter(x, y, s=18, c=ink, marker=marker, linewidths=1)
        axes.set_title(literal(name), fontsize=11)
        axes.set(xticks=[], yticks=[])
    return figure


def plot_code_geometry(
    clouds: Mapping[str, npt.ArrayLike], points: Mapping[str, npt.ArrayLike], classes: int
) -> Figure:
    """Mean and spread of the Hamming distances of many codes, one mark a code.

    Parameters
    ----------
    clouds : mapping of str to (n, 2)
        Mean and standard deviation over pairs, as shares of the bits; many codes, small marks.
        Three at most.
    points : mapping of str to (n, 2)
        The same of the codes that are compared with them, large marks.
    classes : int
        C. A dashed line marks Plotkin's bound of the mean, a star the simplex.

    Raises
    ------
    ValueError
        If there is no cloud, or more than three, or one is not (n, 2).
    """
    check_number(clouds, len(CLOUDS), "clouds")
    figure = new_figure(7.2, 4.4)
    axes = figure.subplots()
    tidy(axes)
    for (name, values), (color, marker) in zip(clouds.items(), CLOUDS, strict=False):
        x, y = shaped(values, repr(name), (None, 2)).T
        axes.scatter(x, y, s=16, color=color, marker=marker, alpha=0.6, label=name)
    for place, (name, values) in enumerate(points.items()):
        x, y = shaped(values, repr(name), (None, 2)).T
        mark = axes.scatter(x, y, s=70, zorder=4, label=name, **mark_style(place))
        mark.set_edgecolor("black")
    low, high = classes // 2, -(-classes // 2)
    bound = low * high / (classes * (classes - 1) / 2)
    axes.axvline(bound, color=GREY, linestyle="--", linewidth=1.2, label="Plotkin's bound")
    axes.scatter(simplex_hamming(classes), 0, s=200, color="black", marker="*", label="simplex")
    axes.set(xlabel="mean Hamming distance / D", ylabel="standard deviation over pairs / D")
    axes.set_ylim(bottom=-0.01)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure


def plot_dimensions(measured: Mapping[int, Sequence[Row]], classes: int) -> Figure:
    """Distinct codes, ETF distance and test accuracy against the number of latent dimensions.

    Parameters
    ----------
    measured : mapping of int to sequence of mappings
        For every D one row a seed, with ``distinct_codes``, ``etf_distance`` and
        ``test_accuracy``: a mark each, with a line through their means.
    classes : int
        C. Vertical lines mark ceil(log2 C), from where all codes can differ, and C - 1, from where
        the class means can be a simplex. Dotted is the best that D dimensions allow.
    """
    if not measured:
        raise ValueError("measured is empty: there is no dimension to plot.")
    dims = sorted(measured)
    between = np.arange(dims[0], dims[-1] + 1)
    bits = (classes - 1).bit_length()
    best = {
        "distinct_codes": np.minimum(2.0**between, classes),
        "etf_distance": np.sqrt(2 - 2 * np.sqrt(np.minimum(between / (classes - 1), 1))),
    }
    figure = new_figure(10.5, 3.7)
    for axes, column in zip(figure.subplots(1, 3), DIMENSION_PANELS, strict=True):
        _draw_dimensions(axes, {d: [row[column] for row in measured[d]] for d in dims})
        if column in best:
            axes.plot(between, best[column], color="black", linestyle=":", linewidth=1.5)
        for threshold, style in ((bits, "--"), (classes - 1, "-.")):
            axes.axvline(threshold, color=VERMILION, linestyle=style, linewidth=1.2)
        metric = BY_NAME[column]
        axes.set(title=metric.title, xlabel="latent dimensions D", ylabel=metric.unit)
    look: dict[str, Any] = {"color": VERMILION, "linewidth": 1.2}
    handles = [
        Line2D([], [], color=BLUE, marker="o", linewidth=2, label="trained (mark: one seed)"),
        Line2D([], [], color="black", linestyle=":", label="best that D dimensions allow"),
        Line2D([], [], linestyle="--", label=f"⌈log₂ C⌉ = {bits}", **look),
        Line2D([], [], linestyle="-.", label=f"C − 1 = {classes - 1}", **look),
    ]
    add_legend(figure, handles, 4)
    return figure


def plot_planes(class_means: Mapping[str, npt.ArrayLike], class_names: Sequence[str]) -> Figure:
    """Class means of two latent coordinates, a panel a network.

    Parameters
    ----------
    class_means : mapping of str to (C, 2) finite
        Class means in units of the latent, drawn under the name of the network.
    class_names : sequence of C strings
        Names, written at the means; means that nearly meet share one list of names.
    """
    figure, row = new_row(class_means, "network", 4.3 * len(class_means), 4.2)
    for axes, (name, values) in zip(row, class_means.items(), strict=True):
        means = check_means(values, class_names)
        if means.shape[1] != 2:
            raise ValueError(f"the means of {name!r} must be (classes, 2), not {means.shape}.")
        tidy(axes)
        axes.axhline(0, color="#CCCCCC", linewidth=0.8, zorder=0)
        axes.axvline(0, color="#CCCCCC", linewidth=0.8, zorder=0)
        axes.scatter(means[:, 0], means[:, 1], s=45, color=BLUE, edgecolors="black", zorder=3)
        _name_groups(axes, means, class_names)
        axes.margins(0.22)
        axes.locator_params(nbins=6)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set(title=name, xlabel="latent coordinate 0", ylabel="latent coordinate 1")
    return figure


def _name_groups(axes: Axes, means: npt.NDArray, class_names: Sequence[str]) -> None:
    """Write the names of the classes outside their means, those that nearly meet together."""
    lengths = np.linalg.norm(means, axis=1)
    left = list(range(len(means)))
    while left:
        apart = np.linalg.norm(means - means[left[0]], axis=1)
        here = [c for c in left if apart[c] <= 0.12 * lengths.max()]
        left = [c for c in left if c not in here]
        place = means[here].mean(axis=0)
        offset = 17 * place / max(float(np.linalg.norm(place)), np.finfo(float).tiny)
        label = literal(", ".join(class_names[c] for c in here))
        text = axes.annotate(label, tuple(place), tuple(offset), textcoords="offset points")
        text.set(ha="center", va="center", fontsize=10)


def _draw_dimensions(axes: Axes, values: Mapping[int, Sequence[float]]) -> None:
    """Draw the values of every seed, and their mean, against D on a logarithmic axis."""
    prepare_epochs(axes)
    axes.set_xscale("log", base=2)
    axes.plot(list(values), [np.mean(of) for of in values.values()], color=BLUE, linewidth=2)
    for d, of in values.items():
        axes.plot([d] * len(of), of, "o", color=BLUE, markersize=5, markeredgecolor="white")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(list(values), [str(d) for d in values])


def _check_codes(codes: npt.ArrayLike) -> npt.NDArray:
    """Return a non-empty matrix of -1 and +1."""
    array = np.asarray(codes, dtype=np.float64)
    if array.ndim != 2 or not array.size or not np.isin(array, (-1, 1)).all():
        raise ValueError(f"codes must be (codes, bits) of -1 and +1; the shape is {array.shape}.")
    return array
