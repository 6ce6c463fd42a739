"""Figures of the latent layers of trained networks: mixtures, codes and projections.

The keys of every mapping are the names of the architectures, in drawing order. A portrait is a
mapping of arrays that show one trained network: k latent coordinates as histograms with a mixture
of two Gaussians fitted to each, and n samples on two principal components.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from lpc_scratch.metrics import hamming_distances, simplex_hamming
from lpc_scratch.metrics.registry import BY_NAME
from lpc_scratch.plots.classes import check_means, draw_codes, draw_pairs
from lpc_scratch.plots.palette import CLASS_COLOURS, GREY, MARKERS, architecture_styles
from lpc_scratch.plots.panels import add_legend, literal, new_figure, paired, tidy, write_instead

Portrait = Mapping[str, npt.ArrayLike]

MAX_COORDINATES = 4  # panels in a row of mixtures
MAX_PEAK = 3  # times the highest bin; a density above that is not shown to its top
MAX_COLUMNS = 4  # networks side by side in a picture of codes
MAX_CODE_COLUMNS = 64  # coordinates in a picture of codes: more would run into one another
MAX_NUMBERED = 12  # classes whose distances are written into the cells
MAX_LISTED = 20  # classes in the legend of projections


def plot_mixtures(portraits: Mapping[str, Portrait]) -> Figure:
    """Latent coordinates with the mixtures fitted to them, a row of panels an architecture.

    Parameters
    ----------
    portraits : mapping of str to mapping of arrays
        With ``coordinates`` (k,), ``histogram_edges`` (bins + 1,), ``histogram_counts`` (k, bins)
        and the components ``mixture_means``, ``mixture_sigmas``, ``mixture_weights`` (k, 2), in
        standard deviations of the coordinate; they are nan where it is constant.

    Returns
    -------
    Figure
        Densities of the first `MAX_COORDINATES` coordinates. A peak far above the highest bin
        leaves its panel, and its height is written there.
    """
    styles = architecture_styles(portraits)
    keys = ("coordinates", "histogram_edges", "histogram_counts")
    components = ("mixture_means", "mixture_sigmas", "mixture_weights")
    columns = 1
    arrays = {}
    for name, portrait in portraits.items():
        arrays[name] = _take(name, portrait, *keys, *components)
        k, bins = arrays[name][0].size, arrays[name][1].size - 1
        _check_shapes(name, arrays[name], (k,), (bins + 1,), (k, bins), (k, 2), (k, 2), (k, 2))
        columns = max(columns, min(k, MAX_COORDINATES))
    figure = new_figure(1.0 + 2.6 * columns, 0.8 + 1.9 * len(arrays))
    grid = figure.subplots(len(arrays), columns, squeeze=False)
    for row, (name, (coordinates, edges, counts, *mixture)) in zip(
        grid, arrays.items(), strict=True
    ):
        for place, (axes, coordinate) in enumerate(paired(row, coordinates)):
            parts = np.stack([part[place] for part in mixture])
            _draw_mixture(axes, edges, counts[place], parts, styles[name]["color"])
            gap = "\n" if len(name) > 12 else " "
            axes.set_title(f"{name}:{gap}coordinate {coordinate}", fontsize=10)
        row[0].set_ylabel("density")
    for axes in grid[-1]:
        axes.set_xlabel("standard deviations")
    handles = (
        Patch(color="#D0D0D0", label="histogram"),
        Line2D([], [], color=GREY, linewidth=2, label="mixture of two Gaussians"),
        Line2D([], [], color="black", linestyle="--", linewidth=0.9, label="its components"),
    )
    add_legend(figure, handles, handlelength=3)
    return figure


def plot_codes(class_means: Mapping[str, npt.ArrayLike], class_names: Sequence[str]) -> Figure:
    """Class codes and, below, in how many signs every two of them differ.

    Parameters
    ----------
    class_means : mapping of str to (C, D) finite
        Class means of one network of every architecture; D may differ.
    class_names : sequence of C strings
        Names of the classes.

    Returns
    -------
    Figure
        Two panels an architecture. Of a wide latent the first `MAX_CODE_COLUMNS` coordinates are
        drawn, while the distances are those of all. White is what a simplex has.
    """
    if not class_means:
        raise ValueError("there is no architecture to draw.")
    classes, longest = len(class_names), max(map(len, class_names), default=0)
    columns = min(len(class_means), MAX_COLUMNS)
    blocks = -(-len(class_means) // columns)
    width = 1.6 + 0.08 * longest + 0.28 * np.clip(classes, 10, 12)
    figure = new_figure(width * columns, blocks * np.clip(2.6 + 0.5 * classes, 5.6, 12))
    grid = figure.subplots(2 * blocks, columns, squeeze=False)
    pairs = np.concatenate(np.split(grid, blocks), axis=1).T  # upper and lower panel of each
    for axes in pairs[len(class_means) :].flat:
        axes.set_axis_off()
    for (upper, lower), (name, values) in zip(pairs, class_means.items(), strict=False):
        means = check_means(values, class_names)
        simplex = simplex_hamming(classes)
        draw_codes(upper, means[:, :MAX_CODE_COLUMNS], class_names)
        upper.set_title(name)
        if means.shape[1] > MAX_CODE_COLUMNS:
            upper.set_xlabel(f"latent coordinate (first {MAX_CODE_COLUMNS} of {means.shape[1]})")
        spread = draw_pairs(
            lower,
            hamming_distances(means > 0),
            class_names,
            BY_NAME["code_distance"].unit,
            limits=(0, 2 * simplex),
            simplex=(simplex, str(Fraction(classes, 2 * (classes - 1)))),
            numbers=classes <= MAX_NUMBERED,
        )
        lower.set_title(f"Hamming {spread} (simplex {simplex:.3f})", fontsize=10)
    return figure


def plot_projections(portraits: Mapping[str, Portrait], class_names: Sequence[str]) -> Figure:
    """Draw samples on the first two principal components of the latent, a panel an architecture.

    Parameters
    ----------
    portraits : mapping of str to mapping of arrays
        With ``projection`` (n, 2), ``projection_labels`` (n,) integers that count the classes from
        0, ``projected_means`` (C, 2) and ``projection_share`` (2,), the share of the variance that
        the components hold.
    class_names : sequence of C strings
        Names, written at the class means.
    """
    if not portraits:
        raise ValueError("there is no architecture to draw.")
    keys = ("projection", "projection_labels", "projected_means", "projection_share")
    classes, columns = len(class_names), int(np.ceil(np.sqrt(len(portraits))))
    lines = -(-len(portraits) // columns)
    legend = 0.25 * -(-classes // (2 * columns)) if classes <= MAX_LISTED else 0
    figure = new_figure(4.9 * columns, 4.4 * lines + legend)
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes, (name, portrait) in paired(grid, portraits.items()):
        points, labels, means, share = arrays = _take(name, portrait, *keys)
        _check_shapes(name, arrays, (len(points), 2), (len(points),), (classes, 2), (2,))
        if not np.isin(labels, np.arange(classes)).all():
            raise ValueError(f"the portrait of {name!r} has labels other than 0 to {classes - 1}.")
        _draw_projection(axes, points, labels, means, class_names)
        first, second = (f"principal component ({100 * part:.0f} % of variance)" for part in share)
        axes.set(title=name, xlabel=f"first {first}", ylabel=f"second {second}")
    if legend:
        means = grid[0, 0].collections[1::2]  # where they meet, so do the names beside them
        add_legend(figure, means, handlelength=3)
    return figure


def _draw_mixture(
    axes: Axes, edges: npt.NDArray, counts: npt.NDArray, mixture: npt.NDArray, color: str
) -> None:
    """Draw a histogram (bins,) as density, and over it a mixture: means, sigmas, weights (3, 2)."""
    tidy(axes)
    if not np.isfinite(mixture).all():
        write_instead(axes, "constant")
        return
    density = counts / max(counts.sum(), 1) / np.diff(edges)
    axes.stairs(density, edges, fill=True, color="#D0D0D0")
    means, sigmas, weights = mixture[:, :, None]
    around = means + sigmas * np.linspace(-6, 6, 121)  # however narrow a peak is
    x = np.unique([*np.linspace(edges[0], edges[-1], 300), *around.flat])
    parts = weights * np.exp(-(((x - means) / sigmas) ** 2) / 2) / (np.sqrt(2 * np.pi) * sigmas)
    total = parts.sum(axis=0)
    axes.plot(x, total, color=color, linewidth=2)
    axes.plot(x, parts.T, color="black", linestyle="--", linewidth=0.9)
    axes.set_xlim(min(edges[0], (means - sigmas).min()), max(edges[-1], (means + sigmas).max()))
    peak, highest = total.max(), density.max()
    top = max(peak, highest)
    if peak > MAX_PEAK * highest > 0:
        top = 1.2 * highest
        text = axes.text(0.98, 0.96, f"peak {peak:.0f}", transform=axes.transAxes, fontsize=8)
        text.set(ha="right", va="top")
    axes.set_ylim(0, 1.05 * top)


def _draw_projection(
    axes: Axes,
    points: npt.NDArray,
    labels: npt.NDArray,
    means: npt.NDArray,
    class_names: Sequence[str],
) -> None:
    """Draw points (n, 2) by class, and every class mean as a large mark with its name."""
    tidy(axes)
    for c, name in enumerate(class_names):
        color, marker = CLASS_COLOURS[c % len(CLASS_COLOURS)], MARKERS[c % len(MARKERS)]
        x, y = points[labels == c].T
        axes.scatter(x, y, s=14, color=color, marker=marker, alpha=0.5, linewidths=0)
        x, y = means[c]
        mark = axes.scatter(x, y, s=60, color=color, marker=marker, edgecolors="black", zorder=5)
        mark.set_label(literal(name))
        # Each in a direction of its own: many means of a simplex meet in a projection.
        angle = 2 * np.pi * (0.25 + c / len(class_names))
        right, up = np.cos(angle), np.sin(angle)
        text = axes.annotate(
            literal(name), (x, y), (9 * right, 10 * up), textcoords="offset points"
        )
        text.set(ha="left" if right > 0.3 else "right" if right < -0.3 else "center", va="center")
        text.set(fontsize=9, fontweight="bold", zorder=4, in_layout=False)
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])
    axes.set_aspect("equal", adjustable="datalim")


def _take(name: str, portrait: Portrait, *keys: str) -> list[npt.NDArray]:
    """Return arrays of a portrait."""
    for key in keys:
        if key not in portrait:
            raise ValueError(f"the portrait of {name!r} lacks {key!r}.")
    return [np.asarray(portrait[key]) for key in keys]


def _check_shapes(name: str, arrays: Sequence[npt.NDArray], *expected: tuple[int, ...]) -> None:
    shapes = [array.shape for array in arrays]
    if shapes != list(expected):
        raise ValueError(
            f"the portrait of {name!r} has arrays of shapes {shapes}, not {list(expected)}."
        )
