"""The figure of the comparison of tuned methods: who is ahead, at every size of training set."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lpc_scratch.metrics.lead import Lead
from lpc_scratch.plots.palette import BLUE, GREY
from lpc_scratch.plots.panels import add_legend, new_row, prepare

_ROW = 0.35  # inches


def plot_leads(leads: Mapping[int, Mapping[str, Lead]], ours: str) -> Figure:
    """Draw the lead of one method over each other one, a panel for each size of training set.

    Parameters
    ----------
    leads : mapping of int to mapping of str to Lead
        By the number of training samples, then by the other method's name.
    ours : str
        Name of the method that is compared with the others.

    Returns
    -------
    Figure
        Bars are the bootstrap intervals over test images, points the seeds.
    """
    names = list(dict.fromkeys(name for others in leads.values() for name in others))
    width, height = 1.6 + 2.6 * len(leads), max(3.0, 1.6 + _ROW * len(names))
    figure, panels = new_row(leads, "size", width, height, sharey=True)
    bar: dict[str, Any] = {"color": BLUE, "linewidth": 5, "alpha": 0.35}
    point: dict[str, Any] = {"color": BLUE, "marker": "o", "markersize": 3.5, "linestyle": ""}
    for panel, (samples, others) in zip(panels, leads.items(), strict=True):
        prepare(panel, grid="x")
        panel.axvline(0, color=GREY, linewidth=1)
        for name, lead in others.items():
            row = names.index(name)
            panel.plot([lead.low, lead.high], [row, row], **bar)
            panel.plot(lead.by_seed, [row] * len(lead.by_seed), **point)
        panel.set_title(f"{samples:,} training samples", fontsize="medium")
        panel.set_xlabel(f"lead of {ours}, percentage points")
    panels[0].set_yticks(range(len(names)), [f"over {name}" for name in names])
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    handles = [
        Line2D([], [], **bar, label="95% interval over test images"),
        Line2D([], [], **point, label="a seed"),
    ]
    add_legend(figure, handles)
    return figure
