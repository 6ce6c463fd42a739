"""Every figure of an evaluation: tidy rows in, a matplotlib `Figure` out.

Lines are means over the networks of a run, bands their standard deviation. Each run has a colour,
a marker and a line style of its own, so that a grey print tells them apart too.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lpc_scratch.plots import save_figures
from lpc_scratch.plots.palette import GREY, line_style
from lpc_scratch.plots.panels import (
    add_legend,
    drawable,
    new_figure,
    paired,
    prepare,
    tidy,
    write_instead,
)

Rows = Sequence[Mapping[str, Any]]

_WIDE = 3.4  # inches of a panel


def save_evaluation_plots(rows: Rows, folder: Path) -> list[Path]:
    """Write the figures of all suites that the rows hold as PNG, and return the files."""
    figures: dict[str, Callable[[Rows], Figure]] = {
        "robustness": plot_robustness,
        "noise": plot_noise,
        "ood": plot_ood,
        "calibration": plot_calibration,
        "transfer": plot_transfer,
        "training": plot_training_gap,
        "depth": plot_depth,
    }
    drawn = {name: draw(rows) for name, draw in figures.items() if _of(rows, suite=name)}
    for name in figures.keys() - drawn.keys():  # of an evaluation that was here before
        (folder / f"{name}.png").unlink(missing_ok=True)
    return save_figures(drawn, folder)


def plot_robustness(rows: Rows) -> Figure:
    """Accuracy against epsilon, a panel for each attack."""
    rows = _of(rows, suite="robustness", measure="accuracy")
    return _panels(rows, "epsilon (pixel units)", "accuracy")


def plot_noise(rows: Rows) -> Figure:
    """Accuracy against severity, a panel for each corruption and one for their mean."""
    return _panels(_of(rows, suite="noise"), "severity", "accuracy", columns=5)


def plot_training_gap(rows: Rows) -> Figure:
    """Training accuracy, test accuracy and their gap against the epoch."""
    rows = [{**row, "test": row["measure"]} for row in _of(rows, suite="training")]
    return _panels(rows, "epoch", "share", limits=None)


def plot_transfer(rows: Rows) -> Figure:
    """Accuracy against shots, training size and share of wrong labels."""
    rows = [
        row if row["measure"] == "accuracy" else {**row, "test": "wrong labels: share learnt"}
        for row in _of(rows, suite="transfer")
    ]
    figure = _panels(rows, "", "accuracy", columns=4)
    for axes in figure.axes:
        name = axes.get_title()
        is_log = name.startswith(("few shots", "training size"))
        axes.set_xscale("log" if is_log else "linear")
        axes.set_xlabel(
            "share of wrong labels"
            if name.startswith("wrong")
            else "training samples"
            if name.startswith("training")
            else "shots (samples of a class)"
        )
    return figure


def plot_ood(rows: Rows) -> Figure:
    """AUROC of every score, a panel for each kind of foreign input."""
    rows = _of(rows, suite="ood", measure="AUROC")
    runs = _runs(rows)
    kinds: dict[str, dict[str, Rows]] = {}
    for row in rows:
        kind, _, score = row["test"].rpartition(", ")
        kinds.setdefault(kind, {}).setdefault(score, [])
        kinds[kind][score] = [*kinds[kind][score], row]
    scores = list(dict.fromkeys(score for of_kind in kinds.values() for score in of_kind))
    figure = new_figure(_WIDE * len(kinds), 0.7 + 0.16 * (len(runs) + 1) * len(scores))
    grid = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for axes, (kind, of_kind) in zip(grid, kinds.items(), strict=True):
        for position, score in enumerate(scores):
            for number, run in enumerate(runs):
                values = [r["value"] for r in of_kind.get(score, []) if r["run"] == run]
                values = [value for value in values if np.isfinite(value)]
                if values:
                    height = position + (number - (len(runs) - 1) / 2) * 0.7 / len(runs)
                    style = {**_style(number), "linestyle": "none"}
                    axes.errorbar(np.mean(values), height, xerr=np.std(values), **style)
        axes.axvline(0.5, color=GREY, linestyle=(0, (4, 3)), linewidth=1)
        axes.set(title=kind, xlabel="AUROC", xlim=(-0.02, 1.02))
        axes.set_yticks(range(len(scores)), scores)
        axes.set_ylim(len(scores) - 0.5, -0.5)
        tidy(axes)
    _legend(figure, runs)
    return figure


def plot_calibration(rows: Rows) -> Figure:
    """Reliability diagrams: accuracy against confidence, as trained and with the temperature.

    A bin with fewer than five samples of all networks together is left out.
    """
    rows = _of(rows, suite="calibration")
    runs, kinds = _runs(rows), ("as trained", "scaled")
    figure = new_figure(_WIDE * 2, _WIDE)
    for axes, kind in zip(figure.subplots(1, 2, sharey=True), kinds, strict=True):
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        of_kind = _of(rows, test=f"{kind}, reliability")
        for number, run in enumerate(runs):
            points = [_pooled(_of(of_kind, run=run, level=level)) for level in _levels(of_kind)]
            shown = np.array([point[:2] for point in points if point[2] >= 5]).reshape(-1, 2)
            axes.plot(*shown.T, **_style(number))
        axes.set(title=kind, xlabel="confidence", xlim=(0, 1.02), ylim=(0, 1.02))
        tidy(axes)
    figure.axes[0].set_ylabel("accuracy")
    _legend(figure, runs)
    return figure


def plot_depth(rows: Rows) -> Figure:
    """NC1, ETF distance and kurtosis against the number of the layer, the latent one last."""
    rows = [{**row, "test": row["measure"]} for row in _of(rows, suite="depth")]
    figure = _panels(rows, "layer", "", limits=None)
    for axes in figure.axes:
        axes.set_yscale("log")
    return figure


def _pooled(rows: Rows) -> tuple[float, float, float]:
    """Return confidence, accuracy and count of one bin, over the networks of a run."""
    counts = np.array([row["value"] for row in _of(rows, measure="count")])
    total = counts.sum()
    if not total:
        return np.nan, np.nan, 0
    confidence, accuracy = (
        np.nansum(counts * [row["value"] for row in _of(rows, measure=measure)]) / total
        for measure in ("confidence", "accuracy")
    )
    return confidence, accuracy, total


def _panels(
    rows: Rows,
    xlabel: str,
    ylabel: str,
    columns: int = 4,
    limits: tuple[float, float] | None = (-0.02, 1.02),
) -> Figure:
    """Draw values against levels, a panel for each test and a line for each run."""
    tests = list(dict.fromkeys(row["test"] for row in rows))
    columns = min(columns, max(len(tests), 1))
    height = -(-len(tests) // columns)
    figure = new_figure(_WIDE * columns, 2.7 * height + 0.5)
    grid = figure.subplots(height, columns, squeeze=False)
    for axes, test in paired(grid, tests):
        _draw(axes, _of(rows, test=test), _runs(rows))
        axes.set(title=test, xlabel=xlabel, ylabel=ylabel)
        if limits:
            axes.set_ylim(*limits)
    _legend(figure, _runs(rows))
    return figure


def _draw(axes: Axes, rows: Rows, runs: Sequence[str]) -> None:
    prepare(axes)
    for number, run in enumerate(runs):
        of_run = _of(rows, run=run)
        levels = [level for level in _levels(of_run) if drawable(level)]
        if not levels:
            continue
        values = [[row["value"] for row in _of(of_run, level=level)] for level in levels]
        mean, deviation = (np.array([f(v) for v in values]) for f in (np.mean, np.std))
        style = _style(number)
        axes.plot(levels, mean, **style)
        axes.fill_between(
            levels, mean - deviation, mean + deviation, color=style["color"], alpha=0.15, lw=0
        )
    if not axes.lines:
        write_instead(axes, "not measured")


def _style(number: int) -> dict[str, Any]:
    return line_style(number) | {"markersize": 4, "linewidth": 1.4}


def _legend(figure: Figure, runs: Sequence[str]) -> None:
    """Explain the lines below all panels."""
    axes = figure.axes[0]
    handles = [axes.plot([], [], label=run, **_style(n))[0] for n, run in enumerate(runs)]
    add_legend(figure, handles, 4)


def _runs(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["run"] for row in rows))


def _levels(rows: Rows) -> list[float]:
    return list(dict.fromkeys(row["level"] for row in rows))


def _of(rows: Rows, **values: Any) -> list[Mapping[str, Any]]:
    """Return the rows that have these values."""
    return [row for row in rows if all(row[name] == value for name, value in values.items())]
