"""Every figure of a comparison of architectures, as in arXiv 2310.08224.

As in :mod:`lpc_scratch.plots`, rows and arrays go in and a `Figure` comes out. The keys of every
mapping are the names of the architectures, in drawing order. One of the four of the paper looks the
same in every figure, whichever others are drawn.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lpc_scratch.metrics.registry import BY_NAME, Metric
from lpc_scratch.plots import save_figures
from lpc_scratch.plots.palette import GREY, architecture_styles
from lpc_scratch.plots.panels import (
    Row,
    add_legend,
    curves,
    frame_metric,
    mean_and_band,
    new_figure,
    prepare_epochs,
    write_instead,
)
from lpc_scratch.plots.portraits import Portrait, plot_codes, plot_mixtures, plot_projections

COMPARISON_PLOTS = ("comparison", "mixtures", "codes", "projections")
"""Names of the figures that `save_comparison_plots` writes."""
PANELS = (
    *("train_accuracy", "test_accuracy", "nc1"),
    *("gmm_score", "gmm_sigma", "peak_distance"),
    *("equinorm", "equiangular", "max_angle"),
)
"""Metrics that `plot_comparison` shows, in the order of its panels."""

# Of a Gaussian that standardising has left with variance 1: -(log(2 pi) + 1) / 2.
UNIMODAL_SCORE = -1.4189
REFERENCE: dict[str, Any] = {"color": GREY, "linestyle": (0, (8, 3)), "linewidth": 1}
EARLY = 1 / 3  # of the epochs; only later accuracies must fit into their panels


def plot_comparison(rows: Mapping[str, Sequence[Row]]) -> Figure:
    """Accuracies and measures of collapse against the epoch, a curve an architecture.

    Parameters
    ----------
    rows : mapping of str to sequence of mappings
        Rows of ``metrics.csv``, one a seed and epoch, with ``epoch``, ``seed`` and the columns of
        `PANELS`. Where a seed has no row or no finite value (on the logarithmic axis of NC1: none
        above 0), the others are averaged.

    Returns
    -------
    Figure
        Three rows of three panels. Bold the mean over seeds, shaded ±1 standard deviation (ddof 1);
        both are those of the logarithm for NC1.
    """
    styles = architecture_styles(rows)
    figure = new_figure(10.5, 8.2)
    grid = figure.subplots(3, 3)
    for axes, name in zip(grid.flat, PANELS, strict=True):
        _draw_metric(axes, rows, BY_NAME[name], styles)
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    handles = [Line2D([], [], **style) for style in styles.values()]
    handles.append(Line2D([], [], **REFERENCE, label="one Gaussian"))
    note = "mean over seeds, shaded ±1 standard deviation over seeds"
    add_legend(figure, handles, handlelength=3, title=note)
    return figure


def save_comparison_plots(
    rows: Mapping[str, Sequence[Row]],
    portraits: Mapping[str, Portrait],
    class_means: Mapping[str, npt.ArrayLike],
    class_names: Sequence[str],
    folder: Path,
) -> list[Path]:
    """Write every figure of a comparison as PNG; the parameters are those of the ``plot_...``.

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
    return save_figures(dict(zip(COMPARISON_PLOTS, figures, strict=True)), folder)


def _draw_metric(
    axes: Axes,
    rows: Mapping[str, Sequence[Row]],
    metric: Metric,
    styles: Mapping[str, dict[str, Any]],
) -> None:
    """Draw mean and band of a metric for every architecture that has values."""
    prepare_epochs(axes)
    bands = {name: _over_seeds(name, rows[name], metric) for name in rows}
    drawn = {name: band for name, band in bands.items() if band.size}
    if not drawn:
        write_instead(axes, "not defined")
    for name, (epochs, mean, low, high) in drawn.items():
        axes.fill_between(epochs, low, high, color=styles[name]["color"], alpha=0.18, linewidth=0)
        (line,) = axes.plot(epochs, mean, **styles[name], markevery=0.1)
        if len(epochs) == 1 and not styles[name]["marker"]:  # a line through it cannot be seen
            line.set_marker("o")
    if metric.name == "gmm_score" and drawn:
        axes.axhline(UNIMODAL_SCORE, **REFERENCE, label="one Gaussian")
    frame_metric(axes, metric)
    if metric.section == "accuracy" and drawn:
        # Near chance as it starts, it would press together all that follows.
        late = EARLY * max(band[0, -1] for band in drawn.values())
        low, *_, high = np.sort(
            np.concatenate([band[2:, band[0] >= late].ravel() for band in drawn.values()])
        )
        margin = max(0.06 * (high - low), 0.002)
        axes.set_ylim(low - margin, high + margin)


def _over_seeds(name: str, rows: Sequence[Row], metric: Metric) -> npt.NDArray:
    """Return epochs that have values, their mean over seeds, and mean ± std, as rows of (4, T)."""
    log = metric.scale == "log"
    epochs, values = curves(rows, metric.name, by="seed", log=log)
    if len({(row["epoch"], row["seed"]) for row in rows}) < len(rows):
        raise ValueError(f"the rows of {name!r} hold a seed twice at one epoch.")
    band = np.vstack([epochs, mean_and_band(values, log)])
    return band[:, np.isfinite(values).any(axis=0)]
