"""Figures of whether collapse helps: seeds side by side, attacks seen, and one chart of it all.

Accuracy under attack, detection and transfer are drawn by :mod:`lpc_scratch.plots.evaluation`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lpc_scratch.plots.palette import (
    ARCHITECTURE_STYLES,
    BLUE,
    DIVERGING,
    GREY,
    MARKERS,
    mark_style,
)
from lpc_scratch.plots.panels import add_legend, literal, new_figure, new_row, prepare, tidy

Verdict = Literal["helps", "no difference", "hurts"]

# Two-sided 95 % quantile of Student's t for S values, that is, S - 1 degrees of freedom.
_STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306}
_MAX_SETS = 3  # data sets that stay legible in one row


def verdict(differences: npt.ArrayLike) -> Verdict:
    """Say of differences of paired seeds, in which more is better, what they show.

    Parameters
    ----------
    differences : (S,) with S from 2 to 9
        One difference a seed.

    Returns
    -------
    {"helps", "no difference", "hurts"}
        The sign of the mean if the 95 % interval mean ± t s / sqrt(S) leaves out zero, with s the
        standard deviation (ddof 1) and t Student's quantile; otherwise these seeds show no
        difference. Another number of seeds, or one that is not finite, raises ValueError.
    """
    values = _seeds(differences)
    if len(values) not in _STUDENT:
        raise ValueError(f"differences must be those of 2 to 9 seeds, not {len(values)}.")
    if not np.isfinite(values).all():
        raise ValueError(f"differences must be finite, not {values.tolist()}.")
    mean = float(values.mean())
    half = _STUDENT[len(values)] * float(values.std(ddof=1)) / len(values) ** 0.5
    if abs(mean) <= half:
        return "no difference"
    return "helps" if mean > 0 else "hurts"


def plot_seeds(values: Mapping[str, Mapping[str, npt.ArrayLike]], label: str) -> Figure:
    """Draw a number of every seed, with the values of one seed joined across the architectures.

    Parameters
    ----------
    values : mapping of str to mapping of str to (S,)
        By the title of the panel and the name of the architecture; within a panel all have S
        seeds in one order.
    label : str
        What is written along the vertical axis.

    Returns
    -------
    Figure
        One panel for each entry, each with its own scale: a thin line a seed, and the mean over
        seeds as a short bar. Without an entry, or if the seeds of a panel differ in number,
        ValueError is raised.
    """
    figure, grid = new_row(values, "panel", 3.3 * len(values), 3.2)
    for axes, (title, of_panel) in zip(grid, values.items(), strict=True):
        columns = [_seeds(column) for column in of_panel.values()]
        if len({len(column) for column in columns}) != 1:
            raise ValueError(f"the panel {title!r} has not one number of seeds throughout.")
        table = np.stack(columns)  # (architectures, S)
        for marker, seed in zip(MARKERS * 2, table.T, strict=False):
            axes.plot(seed, color=GREY, linewidth=0.8, marker=marker, markersize=4, alpha=0.8)
        places = np.arange(len(table))
        axes.hlines(table.mean(axis=1), places - 0.25, places + 0.25, color=BLUE, linewidth=2.5)
        axes.set_xticks(places, list(of_panel))
        axes.set_xlim(-0.5, len(table) - 0.5)
        axes.set(title=title)
        prepare(axes, grid="y")
    grid[0].set_ylabel(label)
    return figure


def plot_test_against_training(
    curves: Mapping[str, Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]]],
) -> Figure:
    """Draw test accuracy against training accuracy: time runs along the lines.

    Parameters
    ----------
    curves : mapping of str to mapping of str to two arrays (T,)
        Training and test accuracy at T epochs, by the title of the panel and the architecture.

    Returns
    -------
    Figure
        One panel for each entry. Networks at equal training accuracy are above one another.
        Without an entry, or for two arrays that differ in shape, ValueError is raised.
    """
    figure, grid = new_row(curves, "panel", 4.6 * len(curves), 3.9)
    for axes, (title, of_panel) in zip(grid, curves.items(), strict=True):
        for place, (name, (train, test)) in enumerate(of_panel.items()):
            x, y = _seeds(train), _seeds(test)
            if x.shape != y.shape:
                raise ValueError(f"{name!r} has {len(x)} training and {len(y)} test accuracies.")
            look: dict[str, Any] = {**ARCHITECTURE_STYLES.get(name, {"color": GREY})}
            look |= {"marker": MARKERS[place % len(MARKERS)], "markersize": 4, "linewidth": 1.4}
            axes.plot(x, y, **look, label=name)
        axes.set(title=title, xlabel="training accuracy")
        prepare(axes)
    grid[0].set_ylabel("test accuracy")
    grid[0].legend(frameon=False, fontsize=9, handlelength=4)
    return figure


def plot_adversarials(
    images: npt.ArrayLike, adversarials: npt.ArrayLike, names: Sequence[tuple[str, str]]
) -> Figure:
    """Draw images, what was added to them, and the images that came of it, in three rows.

    Parameters
    ----------
    images, adversarials : (n, H, W)
        Pixels from 0 (black) to 1 (white).
    names : sequence of n pairs of str
        What the network says to the image before, and after. Shapes that do not fit together
        raise ValueError.
    """
    before, after = np.asarray(images, dtype=np.float64), np.asarray(adversarials, dtype=np.float64)
    if before.ndim != 3 or before.shape != after.shape or len(before) != len(names):
        raise ValueError(
            f"images of shape {before.shape}, adversarials of shape {after.shape} and "
            f"{len(names)} names do not fit together: they must be (n, H, W), the same, and n."
        )
    added = after - before
    largest = max(float(np.abs(added).max()), 1e-12)
    figure = new_figure(1.0 + 1.35 * len(before), 5.0)
    grid = figure.subplots(3, len(before), squeeze=False)
    for column, (first, last) in enumerate(names):
        upper, middle, lower = grid[:, column]
        upper.imshow(before[column], cmap="gray", vmin=0, vmax=1)
        shown = middle.imshow(added[column], cmap=DIVERGING, vmin=-largest, vmax=largest)
        lower.imshow(after[column], cmap="gray", vmin=0, vmax=1)
        upper.set_title(f"says {literal(first)}", fontsize=9)
        lower.set_title(f"says {literal(last)}", fontsize=9)
    for axes, label in zip(grid[:, 0], ("image", "added", "sum"), strict=True):
        axes.set_ylabel(label)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    bar = figure.colorbar(shown, ax=grid[1, :].tolist(), pad=0.02)
    bar.set_label("pixel units")
    return figure


def plot_evidence(
    differences: Mapping[str, Mapping[str, npt.ArrayLike]], label: str = "points"
) -> Figure:
    """Draw one line for every question: by how much the one network is better than the other.

    Parameters
    ----------
    differences : mapping of str to mapping of str to (S,)
        Paired differences of S seeds, by question and data set (three at most), with a sign such
        that more is better.
    label : str
        Unit of the horizontal axis.

    Returns
    -------
    Figure
        Means with bars of ±1 standard deviation over seeds (ddof 1). A mark is filled where
        :func:`verdict` finds a difference, and hollow where it finds none.
    """
    names = list(dict.fromkeys(name for of in differences.values() for name in of))
    if not 1 <= len(names) <= _MAX_SETS:
        raise ValueError(f"differences must be of 1 to {_MAX_SETS} data sets, not {names}.")
    figure = new_figure(8.2, 1.3 + 0.34 * len(differences))
    axes = figure.subplots()
    for row, of_question in enumerate(differences.values()):
        if row % 2:
            axes.axhspan(row - 0.5, row + 0.5, color="#F4F4F4", linewidth=0, zorder=0)
        for place, name in enumerate(names):
            if name not in of_question:
                continue
            values = _seeds(of_question[name])
            hollow = verdict(values) == "no difference"
            look = mark_style(place)
            axes.errorbar(
                values.mean(),
                row + 0.4 * ((place + 0.5) / len(names) - 0.5),
                xerr=values.std(ddof=1),
                markerfacecolor="white" if hollow else look["color"],
                markersize=6,
                capsize=2,
                label=name,
                **look,
            )
    axes.axvline(0, color="black", linewidth=1)
    axes.set_yticks(range(len(differences)), list(differences))
    axes.set_ylim(len(differences) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"← hurts      {label}      helps →")
    tidy(axes)
    handles = [
        Line2D([], [], linestyle="", label=name, **mark_style(place))
        for place, name in enumerate(names)
    ]
    white: dict[str, Any] = {"marker": "o", "linestyle": "", "markerfacecolor": "white"}
    handles.append(
        Line2D([], [], color=GREY, **white, label="hollow: these seeds show no difference")
    )
    add_legend(figure, handles, 4)
    return figure


def _seeds(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return values as one axis of float64."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"values must be 1-D and not empty, not of shape {array.shape}.")
    return array
