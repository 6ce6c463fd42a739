"""Every figure of a comparison of architectures, as in arXiv 2310.08224.

As in :mod:`lpc_scratch.plots`, rows and arrays go in and a `Figure` comes out. Every mapping has the
names of the architectures as its keys, in drawing order. A name of the four of the paper looks the
same in every figure, whichever others are drawn.

A portrait is a mapping of arrays that show one trained network: k latent coordinates as histograms
with a mixture of two Gaussians fitted to each, and n samples on two principal components.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from lpc_scratch.metrics import hamming_distances, simplex_hamming
from lpc_scratch.panels import (
    BLUE,
    GREY,
    ORANGE,
    VERMILION,
    Row,
    check_means,
    curves,
    draw_codes,
    draw_pairs,
    new_figure,
    prepare_epochs,
    tidy,
    write_instead,
)
from lpc_scratch.plots import DPI, UNIMODAL_SCORE

Portrait = Mapping[str, npt.ArrayLike]
Style = tuple[str, str, str]

COMPARISON_PLOTS = ("comparison", "mixtures", "codes", "projections")
"""Names of the figures that `save_comparison_plots` writes."""

GREEN, SKY, PURPLE = "#009E73", "#56B4E9", "#CC79A7"
# Colour, line style and marker; the markers of others tell them from the four.
STYLES: Mapping[str, Style] = {
    "binary": (BLUE, "-", ""),
    "linear": (VERMILION, "--", ""),
    "nonlinear": (GREEN, "-.", ""),
    "none": ("black", ":", ""),
}
OTHER_COLORS, OTHER_LINES, MARKERS = (
    (ORANGE, SKY, PURPLE, GREY),
    ("-", "--", "-.", ":"),
    "os^DvP<*X",
)
CLASS_COLORS = (BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, GREY, "black")

# Column of the rows: title and unit. NC1 has a logarithmic axis, the accuracies their own limits.
PANELS = {
    "train_accuracy": ("Training accuracy", "accuracy"),
    "test_accuracy": ("Test accuracy", "accuracy"),
    "nc1": ("NC1 (within-class variability)", "tr($Σ_W Σ_B^+$) / C"),
    "gmm_score": ("GMM score", "nats a sample"),
    "gmm_sigma": ("GMM sigma", "standard deviations"),
    "peak_distance": ("Peak distance", "standard deviations of a peak"),
    "equinorm": ("Equal norms", "std / mean of the norms"),
    "equiangular": ("Equal angles", "std of the cosines"),
    "max_angle": ("Maximal angles", "mean |cos + 1/(C−1)|"),
}
EARLY = 0.1  # share of the epochs whose accuracy may leave its panel
MAX_COORDINATES = 4  # panels in a row of mixtures
MAX_CODE_COLUMNS = 64  # coordinates in a picture of the codes: more would run into one another
MAX_NUMBERED = 12  # classes whose distances are written into the cells
MAX_PEAK = 3  # heights of the highest bin that an even higher density may fill


def plot_comparison(rows: Mapping[str, Sequence[Row]]) -> Figure:
    """Accuracies and measures of collapse against the epoch, a curve an architecture.

    Parameters
    ----------
    rows : mapping of str to sequence of mappings
        Rows of ``metrics.csv`` of every architecture, one a seed and epoch, with ``epoch``,
        ``seed`` and the columns of `PANELS`. Where a seed has no row or no finite value (on the
        logarithmic axis: none above 0), the others are averaged.

    Returns
    -------
    Figure
        Three rows of three panels. Bold the mean over seeds, shaded ±1 standard deviation over
        seeds (ddof 0); both are those of the logarithm on the logarithmic axis.
    """
    _check_names(rows)
    styles = _styles(list(rows))
    figure = new_figure(10.5, 8.2)
    for axes, (column, (title, unit)) in zip(
        figure.subplots(3, 3).flat, PANELS.items(), strict=True
    ):
        _draw_metric(axes, rows, column, styles)
        axes.set(title=title, ylabel=unit)
        if axes.get_subplotspec().is_last_row():
            axes.set_xlabel("epoch")
    handles = [_proxy(name, *style, 2.0) for name, style in styles.items()]
    handles.append(_proxy("one Gaussian", GREY, "--", "", 1.0))
    title = "mean over seeds, shaded ±1 standard deviation over seeds"
    _add_legend(figure, handles, title)
    return figure


def plot_mixtures(portraits: Mapping[str, Portrait]) -> Figure:
    """Latent coordinates with the mixtures fitted to them, a row of panels an architecture.

    Parameters
    ----------
    portraits : mapping of str to mapping of arrays
        With ``coordinates`` (k,), ``histogram_edges`` (bins + 1,), ``histogram_counts`` (k, bins)
        and the components ``mixture_means``, ``mixture_sigmas``, ``mixture_weights`` (k, 2), in
        standard deviations of the coordinate; they are nan where it is constant. At most the first
        `MAX_COORDINATES` coordinates are drawn.

    Returns
    -------
    Figure
        Densities. A peak that is far higher than the highest bin leaves its panel, and its height
        is written there.
    """
    _check_names(portraits)
    keys = ("coordinates", "histogram_edges", "histogram_counts")
    components = ("mixture_means", "mixture_sigmas", "mixture_weights")
    arrays = {
        name: _take(name, portrait, *keys, *components) for name, portrait in portraits.items()
    }
    for name, (coordinates, edges, counts, *mixture) in arrays.items():
        k = np.size(coordinates)
        shapes = [counts.shape, *(part.shape for part in mixture)]
        if not k or shapes != [(k, len(edges) - 1), (k, 2), (k, 2), (k, 2)]:
            raise ValueError(
                f"the portrait of {name!r} has {k} coordinates and {len(edges)} edges, which do "
                f"not fit counts and mixtures of the shapes {shapes}."
            )
    columns = min(MAX_COORDINATES, max(len(coordinates) for coordinates, *_ in arrays.values()))
    figure = new_figure(1.0 + 2.6 * columns, 0.8 + 1.9 * len(arrays))
    grid = figure.subplots(len(arrays), columns, squeeze=False)
    for row, (name, (coordinates, edges, counts, *mixture)) in zip(
        grid, arrays.items(), strict=True
    ):
        color, *_ = _styles(list(arrays))[name]
        for place, axes in enumerate(row):
            if place >= len(coordinates):
                axes.set_axis_off()
                continue
            _draw_mixture(axes, edges, counts[place], *(part[place] for part in mixture), color)
            axes.set_title(f"{name}: coordinate {coordinates[place]}", fontsize=10)
        row[0].set_ylabel("density")
    for axes in grid[-1]:
        axes.set_xlabel("standard deviations")
    handles = [
        Patch(color="#D0D0D0", label="histogram"),
        _proxy("mixture of two Gaussians", GREY, "-", "", 2.0),
        _proxy("its components", "black", "--", "", 0.9),
    ]
    _add_legend(figure, handles)
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
        A column an architecture. Of a wide latent the first `MAX_CODE_COLUMNS` coordinates are
        drawn; the distances are those of all. In their colours white is what a simplex has.
    """
    _check_names(class_means)
    figure = new_figure(4.3 * len(class_means), float(np.clip(2.6 + 0.5 * len(class_names), 5, 12)))
    grid = figure.subplots(2, len(class_means), squeeze=False)
    for (upper, lower), (name, values) in zip(grid.T, class_means.items(), strict=True):
        means = check_means(values, class_names)
        classes, dims = means.shape
        simplex = simplex_hamming(classes)
        draw_codes(upper, means[:, :MAX_CODE_COLUMNS], class_names)
        first = f"first {MAX_CODE_COLUMNS} of " if dims > MAX_CODE_COLUMNS else ""
        upper.set_title(f"{name} ({first}D = {dims})")
        spread = draw_pairs(
            lower,
            hamming_distances(means > 0),
            class_names,
            "share of signs that differ",
            (0, 2 * simplex),
            (simplex, str(Fraction(classes, 2 * (classes - 1)))),
            numbers=classes <= MAX_NUMBERED,
        )
        lower.set_title(f"Hamming {spread} (simplex {simplex:.3f})", fontsize=10)
    return figure


def plot_projections(portraits: Mapping[str, Portrait], class_names: Sequence[str]) -> Figure:
    """Samples on the first two principal components of the latent, a panel an architecture.

    Parameters
    ----------
    portraits : mapping of str to mapping of arrays
        With ``projection`` (n, 2), ``projection_labels`` (n,) integers that count the classes from
        0, ``projected_means`` (C, 2) and ``projection_share`` (2,), the share of the variance that
        the components hold.
    class_names : sequence of C strings
        Names, written at the class means.
    """
    _check_names(portraits)
    keys = ("projection", "projection_labels", "projected_means", "projection_share")
    columns = int(np.ceil(np.sqrt(len(portraits))))
    lines = -(-len(portraits) // columns)
    figure = new_figure(4.9 * columns, 4.5 * lines)
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat[len(portraits) :]:
        axes.set_axis_off()
    for axes, (name, portrait) in zip(grid.flat, portraits.items(), strict=False):
        points, labels, means, share = _take(name, portrait, *keys)
        n, classes = len(points), len(class_names)
        shapes = [points.shape, labels.shape, means.shape, share.shape]
        if shapes != [(n, 2), (n,), (classes, 2), (2,)]:
            raise ValueError(
                f"the projection of {name!r} has arrays of the shapes {shapes}, which do not fit "
                f"{n} samples on 2 components and {classes} class names."
            )
        if n and not 0 <= labels.min() <= labels.max() < classes:
            raise ValueError(f"the projection of {name!r} has labels outside 0 to {classes - 1}.")
        _draw_projection(axes, points, labels, means, class_names)
        axes.set(
            title=name,
            xlabel=f"first principal component ({100 * share[0]:.0f} % of variance)",
            ylabel=f"second principal component ({100 * share[1]:.0f} % of variance)",
        )
    return figure


def save_comparison_plots(
    rows: Mapping[str, Sequence[Row]],
    portraits: Mapping[str, Portrait],
    class_means: Mapping[str, npt.ArrayLike],
    class_names: Sequence[str],
    folder: Path,
) -> list[Path]:
    """Write every figure of a comparison as PNG; the parameters are those of the ``plot_`` functions.

    Returns
    -------
    list of Path
        The files, in ``folder``, which is made if need be.
    """
    figures = (
        plot_comparison(rows),
        plot_mixtures(portraits),
        plot_codes(class_means, class_names),
        plot_projections(portraits, class_names),
    )
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png" for name in COMPARISON_PLOTS]
    for path, figure in zip(paths, figures, strict=True):
        figure.savefig(path, dpi=DPI)
    return paths


def _check_names(mapping: Mapping[str, object]) -> None:
    if not mapping:
        raise ValueError("there is no architecture to draw: the mapping is empty.")


def _styles(names: Sequence[str]) -> dict[str, Style]:
    others = [name for name in names if name not in STYLES]
    styles = dict(STYLES)
    for i, name in enumerate(others):
        line = OTHER_LINES[(i + i // 4) % 4]  # a colour that comes again has another line
        styles[name] = OTHER_COLORS[i % 4], line, MARKERS[i % len(MARKERS)]
    return {name: styles[name] for name in names}


def _draw_metric(
    axes: Axes, rows: Mapping[str, Sequence[Row]], column: str, styles: Mapping[str, Style]
) -> None:
    """Draw mean and band of a column of every architecture."""
    prepare_epochs(axes)
    log, accuracy = column == "nc1", column.endswith("accuracy")
    seen = []  # what the limits of an accuracy must show
    for name, (color, line, marker) in styles.items():
        epochs, mean, low, high = _over_seeds(name, rows[name], column, log)
        if not len(epochs):
            continue
        if len(epochs) == 1:  # a line through one point cannot be seen
            marker = marker or "o"
        axes.fill_between(epochs, low, high, color=color, alpha=0.18, linewidth=0)
        axes.plot(
            *(epochs, mean, line),
            color=color,
            marker=marker,
            markevery=0.1,
            linewidth=2,
            label=name,
        )
        late = epochs >= min(EARLY * max(row["epoch"] for row in rows[name]) + 1e-9, epochs[-1])
        seen += [*low[late], *high[late]]
    if not axes.lines:
        write_instead(axes, "not defined")
        return
    if log:
        axes.set_yscale("log")
    elif accuracy:
        margin = max(0.06 * (max(seen) - min(seen)), 0.002)
        axes.set_ylim(min(seen) - margin, max(seen) + margin)
    elif column == "gmm_score":
        axes.axhline(UNIMODAL_SCORE, color=GREY, linestyle="--", linewidth=1, label="one Gaussian")
    else:
        axes.set_ylim(bottom=0)


def _over_seeds(
    name: str, rows: Sequence[Row], column: str, log: bool
) -> tuple[npt.NDArray, npt.NDArray, npt.NDArray, npt.NDArray]:
    """Return the epochs that have values, their mean over seeds, and mean - std and + std."""
    epochs, values = curves(rows, column, by="seed")
    if len({(row["epoch"], row["seed"]) for row in rows}) < len(rows):
        raise ValueError(f"rows of {name!r} hold a seed twice at one epoch.")
    there = np.isfinite(values) & ((values > 0) | (not log))
    epochs, values, there = (part[..., there.any(axis=0)] for part in (epochs, values, there))
    if not len(epochs):
        return (epochs,) * 4
    values = np.where(there, values, np.nan)
    if log:
        values = np.log(values)
    mean, std = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    mean, low, high = (np.exp(v) if log else v for v in (mean, mean - std, mean + std))
    return epochs, mean, low, high


def _draw_mixture(
    axes: Axes,
    edges: npt.NDArray,
    counts: npt.NDArray,
    means: npt.NDArray,
    sigmas: npt.NDArray,
    weights: npt.NDArray,
    color: str,
) -> None:
    """Draw a histogram (bins,) as density, and over it a mixture of two Gaussians (2,)."""
    tidy(axes)
    if not np.isfinite([means, sigmas, weights]).all():
        write_instead(axes, "constant")
        return
    density = counts / max(counts.sum(), 1) / np.diff(edges)
    axes.stairs(density, edges, fill=True, color="#D0D0D0")
    # Steps of a tenth of a sigma around every peak, however narrow it is.
    around = means[:, None] + sigmas[:, None] * np.linspace(-6, 6, 121)
    x = np.unique([*np.linspace(edges[0], edges[-1], 300), *around.flat])
    z = (x - means[:, None]) / sigmas[:, None]
    parts = weights[:, None] * np.exp(-(z**2) / 2) / (np.sqrt(2 * np.pi) * sigmas[:, None])
    axes.plot(x, parts.sum(axis=0), color=color, linewidth=2)
    axes.plot(x, parts.T, color="black", linestyle="--", linewidth=0.9)
    peak, highest = parts.sum(axis=0).max(), density.max()
    axes.set_xlim(min(edges[0], (means - sigmas).min()), max(edges[-1], (means + sigmas).max()))
    axes.set_ylim(0, 1.05 * peak)
    if peak > MAX_PEAK * highest > 0:
        axes.set_ylim(0, MAX_PEAK * highest)
        text = axes.text(0.98, 0.95, f"peak {peak:.3g}", transform=axes.transAxes, fontsize=8)
        text.set(ha="right", va="top")


def _draw_projection(
    axes: Axes,
    points: npt.NDArray,
    labels: npt.NDArray,
    means: npt.NDArray,
    class_names: Sequence[str],
) -> None:
    """Draw points (n, 2) in the colour and marker of their class, and the names at the means."""
    tidy(axes)
    for c, name in enumerate(class_names):
        color = CLASS_COLORS[c % len(CLASS_COLORS)]
        x, y = points[labels == c].T
        marker = MARKERS[c % len(MARKERS)]
        axes.scatter(x, y, s=14, color=color, marker=marker, alpha=0.6, linewidths=0, label=name)
        text = axes.annotate(name, means[c], (0, 6), textcoords="offset points", color=color)
        text.set(ha="center", va="bottom", fontsize=9, fontweight="bold")
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    axes.set_aspect("equal", adjustable="datalim")


def _take(name: str, portrait: Portrait, *keys: str) -> list[npt.NDArray]:
    """Return arrays of a portrait."""
    for key in keys:
        if key not in portrait:
            raise ValueError(f"the portrait of {name!r} lacks {key!r}.")
    return [np.asarray(portrait[key]) for key in keys]


def _proxy(label: str, color: str, line: str, marker: str, width: float) -> Line2D:
    """Return what a legend shows for a line."""
    return Line2D([], [], color=color, linestyle=line, marker=marker, linewidth=width, label=label)


def _add_legend(
    figure: Figure, handles: Sequence[Line2D | Patch], title: str | None = None
) -> None:
    """Put one legend for all panels below them."""
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), 5),
        frameon=False,
        handlelength=3,
        title=title,
        title_fontsize=9,
    )
