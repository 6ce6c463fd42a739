"""Colours, marks and dashes of every figure.

Made for print as well: colours are those of Okabe and Ito, which colour-blind readers can tell
apart, and whatever a colour says is said again by a line style, a mark or lightness.
"""

from collections.abc import Collection, Mapping
from typing import Any

from matplotlib.colors import LinearSegmentedColormap

BLUE, ORANGE, VERMILION, GREY = "#0072B2", "#E69F00", "#D55E00", "#555555"
GREEN, SKY, PURPLE = "#009E73", "#56B4E9", "#CC79A7"
COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, "black", GREY)
CLASS_COLOURS = (BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, GREY, "black")  # of a projection
SWEEP_COLOURS = (BLUE, VERMILION, GREEN, "black", ORANGE, SKY, PURPLE, GREY)  # of its lines
MARKERS = "os^DvP<*X"  # one more than colours: a colour that comes again has another marker
DASHES: tuple[Any, ...] = (
    *("-", "--", "-.", ":"),
    *((0, (7, 2, 1, 2)), (0, (1, 2.5)), (0, (5, 1, 1, 1, 1, 1))),
)
SWEEP_DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (7, 2, 1, 2, 1, 2)), (0, (1, 3)))
ARCHITECTURE_STYLES: dict[str, dict[str, Any]] = {
    "binary": {"color": BLUE, "linestyle": "-", "marker": ""},
    "linear": {"color": VERMILION, "linestyle": "--", "marker": ""},
    "nonlinear": {"color": GREEN, "linestyle": "-.", "marker": ""},
    "none": {"color": "black", "linestyle": ":", "marker": ""},
}
"""How the line of an architecture of the paper looks, in every figure that compares them."""
OTHER_STYLES = [
    {"color": color, "linestyle": "-", "marker": marker}
    for color, marker in zip((ORANGE, SKY, PURPLE, GREY) * 2, MARKERS, strict=False)
]
# From light to dark and from plain to crossed, so that a grey print still tells them apart.
PHASE_STYLES: Mapping[str, dict[str, Any]] = {
    "none": {"facecolor": "#EFEFEF", "edgecolor": GREY},
    "partial": {"facecolor": SKY, "edgecolor": "white", "hatch": "//"},
    "complete": {"facecolor": "#00497A", "edgecolor": "white"},
    "trivial": {"facecolor": ORANGE, "edgecolor": "black", "hatch": ".."},
    "divergence": {"facecolor": VERMILION, "edgecolor": "black", "hatch": "xx"},
}
# Negative ends darker than positive, so that a grey print still tells the signs apart.
DIVERGING = LinearSegmentedColormap.from_list("blue-orange", ["#00497A", "#F7F7F7", ORANGE])
TIME = LinearSegmentedColormap.from_list("time", ["#DCE9F2", "#00497A"])


def mark_style(place: int) -> dict[str, Any]:
    """Return colour and marker of the class or point at a place, counted from 0."""
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


def line_style(place: int) -> dict[str, Any]:
    """Return colour, marker and dashes of the line at a place, counted from 0."""
    return mark_style(place) | {"linestyle": DASHES[place % len(DASHES)]}


def architecture_styles(names: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return how the line of every architecture looks; ValueError if there is none."""
    if not names:
        raise ValueError("there is no architecture to draw.")
    others = [name for name in names if name not in ARCHITECTURE_STYLES]
    looks = ARCHITECTURE_STYLES | {
        name: OTHER_STYLES[i % len(OTHER_STYLES)] for i, name in enumerate(others)
    }
    return {name: looks[name] | {"linewidth": 2, "markersize": 5, "label": name} for name in names}
