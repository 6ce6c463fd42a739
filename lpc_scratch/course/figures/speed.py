"""Figures of notebook 08: what a training step costs, by a model and by kept measurements."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from lpc_scratch.course.figures.checks import check_number, shaped
from lpc_scratch.plots.palette import DASHES, GREY, MARKERS, line_style, mark_style
from lpc_scratch.plots.panels import label_within_decades, literal, new_figure, new_row, prepare

MAX_LINES = len(DASHES)
LIMITS = 0.05, 1000.0
"""First and last intensity of a roofline, in operations a byte."""


def plot_roofline(
    peaks: Mapping[str, float],
    bandwidth: float,
    intensities: Mapping[str, float],
) -> Figure:
    """Draw the highest rate of operations that memory and arithmetic allow, and where work lies.

    Parameters
    ----------
    peaks : mapping of str to float
        Operations a second of the arithmetic units, for each precision; up to seven.
    bandwidth : float
        Bytes a second between memory and arithmetic.
    intensities : mapping of str to float
        Operations for each byte moved, of up to nine kinds of work; drawn on the lowest roof.

    Returns
    -------
    Figure
        One panel, both axes logarithmic, with rates in units of 10¹² a second.

    Raises
    ------
    ValueError
        For a number that is not positive, or more than can be told apart.
    """
    numbers = [*peaks.values(), bandwidth, *intensities.values()]
    if not peaks or not np.all(np.asarray(numbers) > 0):
        raise ValueError("peaks, bandwidth and intensities must be positive numbers.")
    check_number(peaks, MAX_LINES, "roofs")
    check_number(intensities, len(MARKERS), "points", least=0)
    figure = new_figure(8, 3.9)
    axes = figure.subplots()
    prepare(axes)
    for place, (name, peak) in enumerate(peaks.items()):
        ridge = peak / bandwidth
        x = np.unique([LIMITS[0], np.clip(ridge, *LIMITS), LIMITS[1]])
        roof = np.minimum(peak, bandwidth * x) / 1e12
        style = line_style(place) | {"marker": ""}
        axes.plot(x, roof, label=f"{name}: bends at {ridge:.0f}", **style)
    lowest = min(peaks.values())
    for (name, intensity), marker in zip(intensities.items(), MARKERS, strict=False):
        rate = min(lowest, bandwidth * intensity) / 1e12
        point = axes.plot(intensity, rate, marker, ms=8, label=literal(name), zorder=3)[0]
        point.set(markerfacecolor="none", markeredgecolor="black", markeredgewidth=1.5)
    axes.set(xscale="log", yscale="log", xlim=LIMITS)
    axes.set_xlabel("operations for each byte moved")
    axes.set_ylabel("10¹² operations a second, at most")
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def plot_times(
    panels: Mapping[str, tuple[npt.ArrayLike, Mapping[str, npt.ArrayLike]]],
    quantity: str,
    heading: str = "",
) -> Figure:
    """Draw times against sizes on logarithmic axes, one panel for each kind of size.

    Parameters
    ----------
    panels : mapping of str to (array (T,), mapping of str to (T,) array)
        For each label of the horizontal axis the sizes, and up to seven curves with their names;
        nan where a curve has no value. A name looks the same in every panel.
    quantity : str
        Label of the vertical axis, with its unit.
    heading : str
        Stands above the panels.

    Returns
    -------
    Figure
        Panels side by side with one vertical scale and one legend.

    Raises
    ------
    ValueError
        For no panel, a curve of another length than its sizes, a number that is not positive, or
        more curves than can be told apart.
    """
    names = list(dict.fromkeys(name for _, curves in panels.values() for name in curves))
    figure, grid = new_row(panels, "panel", 4.4 * len(panels) + 2, 3.8, sharey=True)
    check_number(names, MAX_LINES, "curves")
    handles = {}
    for axes, (label, (sizes, curves)) in zip(grid, panels.items(), strict=True):
        prepare(axes)
        x = shaped(sizes, f"sizes of {label!r}", (None,))
        for name, curve in curves.items():
            y = shaped(curve, repr(name), x.shape)
            if np.any(y <= 0) or np.any(x <= 0):
                raise ValueError(f"{name!r} has a number that is not positive, on a log axis.")
            style = line_style(names.index(name))
            handles[name] = axes.plot(x, y, ms=5, label=name, **style)[0]
        axes.set(xscale="log", yscale="log", xlabel=label)
        _label_places(axes, x[:: max(1, -(-len(x) // 6))].tolist())
    label_within_decades(grid[0].yaxis)
    grid[0].set_ylabel(quantity)
    figure.legend(handles.values(), handles.keys(), loc="outside right upper", frameon=False)
    if heading:
        figure.suptitle(heading, fontsize=10, color=GREY)
    return figure


def plot_ratios(names: Sequence[str], ratios: Mapping[str, npt.ArrayLike]) -> Figure:
    """Draw ratios of times as marks on a logarithmic axis, a row for each thing compared.

    Parameters
    ----------
    names : sequence of R str
        What the rows are, from top to bottom.
    ratios : mapping of str to (R,) array
        For each of up to seven peers its time over ours; nan where there is none.

    Returns
    -------
    Figure
        One panel with a line at 1, where both take the same time.

    Raises
    ------
    ValueError
        For no row, a peer with another number of ratios, a ratio that is not positive, or more
        peers than can be told apart.
    """
    check_number(ratios, MAX_LINES, "peers")
    rows = np.arange(len(names))
    if not len(names):
        raise ValueError("names is empty: there is nothing to draw.")
    figure = new_figure(10, 0.5 * len(names) + 0.9)
    axes = figure.subplots()
    prepare(axes)
    axes.axvline(1, color=GREY, linestyle="--", linewidth=1.2)
    apart = 0.6 / len(ratios)  # marks of a row stand below each other, so that none hides
    for place, (peer, values) in enumerate(ratios.items()):
        x = shaped(values, repr(peer), rows.shape)
        if np.any(x <= 0):
            raise ValueError(f"{peer!r} has a ratio that is not positive, on a log axis.")
        y = rows + apart * (place - (len(ratios) - 1) / 2)
        axes.plot(x, y, linestyle="none", ms=6, label=peer, **mark_style(place))
    axes.set_yticks(rows, [literal(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xscale("log")
    _label_places(axes, [0.8, 1, 1.5, 2, 3, 4, 6])
    axes.set_xlabel("time of the peer / time of ours (right of 1, ours is faster)")
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def _label_places(axes: Axes, places: Sequence[float]) -> None:
    """Label a horizontal axis at these places (n,) alone, as far as it goes."""
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")
