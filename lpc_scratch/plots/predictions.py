"""The figure of an experiment that was predicted: a row for each place of the grid."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lpc_scratch.files.markdown import exact
from lpc_scratch.plots.palette import BLUE, GREY, SKY, VERMILION
from lpc_scratch.plots.panels import add_legend, label_within_decades, new_row, prepare
from lpc_scratch.theory.prediction import Compared

_BAND: dict[str, Any] = {"color": SKY, "alpha": 0.45, "linewidth": 0}
_ROW = 0.24  # inches


def plot_predictions(
    compared: Sequence[Compared], axes: Sequence[str], labels: Mapping[str, str]
) -> Figure:
    """Draw predicted intervals and measurements, a panel for each metric, a row for each place.

    Parameters
    ----------
    compared : sequence of Compared
        Those with measurements.
    axes : sequence of str
        Names of the axes.
    labels : mapping
        What is written along the axis of each metric that occurs.

    Returns
    -------
    Figure
        Points are the seeds, filled where the mean agrees with the prediction and open where not.
    """
    places = list(dict.fromkeys(c.place for c in compared))
    height = 1.5 + _ROW * len(places)
    width = 3.0 + 3.2 * len(labels)
    figure, panels = new_row(labels, "prediction", width, max(height, 3.0), sharey=True)
    for panel, (metric, label) in zip(panels, labels.items(), strict=True):
        shown = [c for c in compared if c.prediction.metric == metric]
        found = np.concatenate([[*c.values, c.prediction.low, c.prediction.high] for c in shown])
        found = found[np.isfinite(found)]
        log = bool(found.size and found.min() > 0 and found.max() > 6 * found.min())
        low, high = _limits(found, log)
        prepare(panel, grid="x")
        for c in shown:
            row = places.index(c.place)
            start, end = np.clip([c.prediction.low, c.prediction.high], low, high)
            panel.barh(row, end - start, 0.8, start, **_BAND)
            if c.prediction.value is not None:
                panel.plot([c.prediction.value] * 2, [row - 0.4, row + 0.4], color=GREY)
            colour = BLUE if c.holds else VERMILION
            face = colour if c.holds else "none"
            panel.plot(c.values, [row] * len(c.values), "o", color=colour, markersize=4, mfc=face)
        panel.set_xlim(low, high)
        if log:
            panel.set_xscale("log")
            label_within_decades(panel.xaxis)
        panel.set_xlabel(label)
    names = [", ".join(map(exact, place)) for place in places]
    panels[0].set_yticks(range(len(places)), names)
    panels[0].set_ylim(len(places) - 0.5, -0.5)
    panels[0].set_ylabel(", ".join(axis.replace("_", " ") for axis in axes))
    look: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 4}
    handles = [
        Patch(**_BAND, label="predicted"),
        Line2D([], [], color=GREY, label="predicted number"),
        Line2D([], [], color=BLUE, **look, label="measured, holds"),
        Line2D([], [], color=VERMILION, **look, mfc="none", label="measured, does not hold"),
    ]
    add_legend(figure, handles, 4 if len(labels) > 1 else 2)
    return figure


def _limits(found: np.ndarray, log: bool) -> tuple[float, float]:
    """Return the ends of an axis that shows some numbers with room on both sides."""
    if not found.size:
        return 0.0, 1.0
    low, high = float(found.min()), float(found.max())
    if log:
        return low / 1.2, high * 1.2
    room = 0.08 * (high - low) or 0.1
    return low - room, high + room
