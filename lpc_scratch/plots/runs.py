"""Every figure of a training run: what goes in is rows or arrays, what comes out is a `Figure`.

The figures are made without pyplot, so nothing global changes and no display is needed. How a
single panel is drawn is in :mod:`lpc_scratch.plots.panels`.

Everywhere T snapshots, E members (networks trained side by side), C classes, D latent coordinates.
``rows`` are the rows of ``metrics.csv``: one mapping an evaluated epoch and member. In curves every
member is a thin line and the mean of the members a bold one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lpc_scratch.metrics.registry import BY_NAME, METRICS
from lpc_scratch.plots.classes import check_means, draw_codes, draw_cosines
from lpc_scratch.plots.palette import GREY
from lpc_scratch.plots.panels import (
    Row,
    curves,
    draw_histograms,
    draw_metrics,
    draw_reference,
    new_figure,
)

GAUSSIAN_KURTOSIS = 3.0
RUN_PLOTS = (
    *("training", "collapse", "latent-histograms"),
    *("class-codes", "class-cosines", "overview"),
)
"""Names of the figures that `save_run_plots` writes."""
DPI = 120
OVERVIEW_DPI = 180  # a README shows it scaled down, on fine screens too

# One row of panels a question: is a class a point, are the classes a simplex, is the code binary?
_PANELS = (
    *(("nc1",), ("cdnv",), ("nc3",), ("nc4",)),
    *(("equinorm",), ("equiangular",), ("max_angle",), ("etf_distance",)),
    *(("peak_distance",), ("kurtosis",), ("same_code", "sign_purity"), ("distinct_codes",)),
)
# Beside the reference in its panel: two values or one Gaussian, codes or classes.
_LABELS = {"kurtosis": "class means", "distinct_codes": "codes"}


def plot_training(rows: Sequence[Row]) -> Figure:
    """Loss terms (log axis) and accuracies against the epoch.

    Parameters
    ----------
    rows : sequence of mappings
        With ``epoch, member, loss, cross_entropy, penalty, train_accuracy, test_accuracy``, and
        ``validation_accuracy`` if you like.

    Returns
    -------
    Figure
        Two panels. ``penalty`` is drawn as it is, gamma included, and left out where it is zero.
    """
    figure = new_figure(9, 3.6)
    losses, accuracies = figure.subplots(1, 2)
    draw_metrics(losses, rows, {m.name: m.label for m in METRICS if m.section == "loss"})
    parts = {"train_accuracy": "training", "test_accuracy": "test"}
    if any("validation_accuracy" in row for row in rows):
        parts["validation_accuracy"] = "validation"
    draw_metrics(accuracies, rows, parts)
    accuracies.set_title("Accuracy")
    for axes in (losses, accuracies):
        axes.set_xlabel("epoch")
    return figure


def plot_collapse(rows: Sequence[Row], classes: int | None = None) -> Figure:
    """Measures of collapse and of binary encoding against the epoch, one small panel each.

    Parameters
    ----------
    rows : sequence of mappings
        With ``epoch``, ``member`` and the metrics; a metric that is nowhere finite (or nowhere
        positive, on a log axis) is reported as such in its panel.
    classes : int, optional
        C, drawn as the number of distinct codes to reach.

    Returns
    -------
    Figure
        Three rows of four panels: points, simplex, binary codes.
    """
    figure = new_figure(12, 7.5)
    grid = figure.subplots(3, 4, sharex="col")
    for axes, names in zip(grid.flat, _PANELS, strict=True):
        draw_metrics(axes, rows, {n: _LABELS.get(n, BY_NAME[n].label) for n in names})
        if len(names) > 1:
            axes.set_title("Purity of the codes")
        if "kurtosis" in names and axes.lines:
            draw_reference(axes, GAUSSIAN_KURTOSIS, "Gaussian")
        if "distinct_codes" in names and axes.lines and classes is not None:
            draw_reference(axes, classes, f"{classes} classes")
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    return figure


def plot_latent_histograms(
    epochs: npt.ArrayLike, edges: npt.ArrayLike, counts: npt.ArrayLike
) -> Figure:
    """Histograms of the standardised latent coordinates at up to eight epochs, as ridges.

    Parameters
    ----------
    epochs : (T,) increasing
        Epochs of the snapshots.
    edges : (bins + 1,) increasing
        Edges of the bins, in standard deviations of a coordinate.
    counts : (T, E, bins)
        Values of all coordinates pooled; those of the first of the E networks are drawn.

    Returns
    -------
    Figure
        Time runs downwards; every ridge is scaled to its own maximum.
    """
    figure = new_figure(5.5, 5)
    axes = figure.subplots()
    draw_histograms(axes, epochs, edges, counts)
    axes.set_title("Latent coordinates over training")
    return figure


def plot_class_codes(class_means: npt.ArrayLike, class_names: Sequence[str]) -> Figure:
    """Matrix of the class means, every coordinate divided by its mean absolute value.

    Parameters
    ----------
    class_means : (C, D) finite
        Class means of one network; a binary code shows as +1 and -1.
    class_names : sequence of C strings
        Names of the rows.
    """
    means = check_means(class_means, class_names)
    classes, coordinates = means.shape
    figure = new_figure(min(12.0, 3.2 + 0.24 * coordinates), min(10.0, 1.5 + 0.27 * classes))
    axes = figure.subplots()
    draw_codes(axes, means, class_names)
    axes.set_title("Class codes")
    return figure


def plot_class_cosines(class_means: npt.ArrayLike, class_names: Sequence[str]) -> Figure:
    """Cosines between the class means, seen from the mean of the class means.

    Parameters
    ----------
    class_means : (C, D) finite
        Class means of one network, C >= 2.
    class_names : sequence of C strings
        Names of the rows and columns.

    Returns
    -------
    Figure
        The title has mean ± standard deviation over pairs of classes; a simplex has
        -1/(C - 1) ± 0.
    """
    means = check_means(class_means, class_names)
    side = float(np.clip(2.6 + 0.32 * len(means), 4.5, 10))
    figure = new_figure(side + 0.9, side)
    axes = figure.subplots()
    spread = draw_cosines(axes, means, class_names, numbers=len(means) <= 12)
    axes.set_title(f"Cosines of the class means: {spread}")
    return figure


def plot_overview(
    rows: Sequence[Row],
    epochs: npt.ArrayLike,
    edges: npt.ArrayLike,
    counts: npt.ArrayLike,
    class_means: npt.ArrayLike,
    class_names: Sequence[str],
) -> Figure:
    """One wide figure of the first member: histograms, last class codes, last cosines.

    Parameters
    ----------
    rows : sequence of mappings
        Rows of ``metrics.csv``; the last one of the first member is put into the heading.
    epochs, edges, counts
        As in `plot_latent_histograms`.
    class_means : (T, E, C, D)
        Class means of every snapshot.
    class_names : sequence of C strings
        Names of the classes.
    """
    means = _last_means(class_means, epochs)
    figure = new_figure(10.5, 3.7)
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1.4, 1.2))
    draw_histograms(left, epochs, edges, counts)
    left.set_title("Latent coordinates")
    draw_codes(middle, means, class_names)
    middle.set_title(f"Class codes, epoch {np.asarray(epochs)[-1]:g}")
    spread = draw_cosines(right, means, class_names, numbers=False)
    right.set_title(f"Cosines: {spread}")
    figure.suptitle(_summary(rows), fontsize=10, color=GREY)
    return figure


def save_run_plots(
    rows: Sequence[Row],
    epochs: npt.ArrayLike,
    edges: npt.ArrayLike,
    counts: npt.ArrayLike,
    class_means: npt.ArrayLike,
    class_names: Sequence[str],
    folder: Path,
) -> list[Path]:
    """Write every figure of a run as PNG; the parameters are those of `plot_overview`.

    Returns
    -------
    list of Path
        The files, in ``folder``, which is made if need be.
    """
    means = _last_means(class_means, epochs)
    figures = (
        plot_training(rows),
        plot_collapse(rows, classes=len(class_names)),
        plot_latent_histograms(epochs, edges, counts),
        plot_class_codes(means, class_names),
        plot_class_cosines(means, class_names),
        plot_overview(rows, epochs, edges, counts, class_means, class_names),
    )
    return save_figures(dict(zip(RUN_PLOTS, figures, strict=True)), folder)


def save_figures(figures: Mapping[str, Figure], folder: Path) -> list[Path]:
    """Write figures as PNG, each under its name, and return the files.

    The folder is made if need be. The canvas is asked for the file itself: `Figure.savefig` would
    draw a figure twice, the first time to lay it out, for the same pixels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        figure.set_dpi(OVERVIEW_DPI if name == "overview" else DPI)
        canvas: Any = FigureCanvasAgg(figure)  # matplotlib names no types here
        canvas.print_png(path)
        paths.append(path)
    return paths


def _last_means(class_means: npt.ArrayLike, epochs: npt.ArrayLike) -> npt.NDArray:
    """Return the first member's class means (C, D) of the last snapshot."""
    class_means, snapshots = np.asarray(class_means), np.size(epochs)
    if class_means.ndim != 4 or len(class_means) != snapshots or not class_means.size:
        raise ValueError(
            f"class_means has shape {class_means.shape}, but {snapshots} epochs need "
            f"({snapshots}, members, classes, coordinates)."
        )
    return class_means[-1, 0]


def _summary(rows: Sequence[Row]) -> str:
    """Return the last numbers of the first member as one line."""
    forms = {"seed": "g", "test_accuracy": ".3f", "nc1": ".2g"}
    forms |= {"peak_distance": ".1f", "kurtosis": ".2f", "same_code": ".2f"}
    last = {name: curves(rows, name)[1][0, -1] for name in forms}
    labels = {name: BY_NAME[name].label if name in BY_NAME else name for name in forms}
    return "  ·  ".join(
        f"{labels[name]} {last[name]:{form}}"
        for name, form in forms.items()
        if np.isfinite(last[name])
    )
