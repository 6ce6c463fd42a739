"""How the lines, marks and phases of a sweep look, and the legends that explain them."""

from collections.abc import Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lpc_scratch.plots.palette import GREY, MARKERS, PHASE_STYLES, SWEEP_COLOURS, SWEEP_DASHES
from lpc_scratch.plots.panels import add_legend
from lpc_scratch.plots.sweep.axes import describe
from lpc_scratch.plots.sweep.cells import Table, axis_values, group
from lpc_scratch.theory.phases import PHASES


def line_styles(table: Table, lines_by: Sequence[str]) -> dict[tuple, dict[str, Any]]:
    """Return how the line of every combination looks, by the values of the combination.

    Colour and marker tell the first setting, dashes the combination of the others; if there are no
    others, colour, marker and dashes all tell the first.
    """
    first = axis_values(table, lines_by[0]) if lines_by else []
    others = list(group(table, lines_by[1:]))
    styles = {}
    for key in group(table, lines_by):
        place = first.index(key[0]) if key else 0
        dash = others.index(key[1:]) if len(key) > 1 else place
        styles[key] = {
            "color": SWEEP_COLOURS[place % len(SWEEP_COLOURS)],
            "marker": MARKERS[place % len(MARKERS)],
            "linestyle": SWEEP_DASHES[dash % len(SWEEP_DASHES)],
            "label": ", ".join(map(describe, lines_by, key)),
        }
    return styles


def line_handles(table: Table, lines_by: Sequence[str]) -> list[Artist]:
    """Return the entries of a legend for `line_styles`: one a value, rather than a combination."""
    styles = line_styles(table, lines_by)
    if len(lines_by) < 2:
        return [Line2D([], [], **style) for key, style in styles.items() if key]
    first: dict[Any, Artist] = {}
    others: dict[tuple, Artist] = {}
    for (value, *rest), style in styles.items():
        look = style | {"linestyle": "", "label": describe(lines_by[0], value)}
        first.setdefault(value, Line2D([], [], **look))
        look = style | {"color": GREY, "marker": ""}
        look["label"] = ", ".join(map(describe, lines_by[1:], rest))
        others.setdefault(tuple(rest), Line2D([], [], **look))
    return [first[value] for value in axis_values(table, lines_by[0])] + list(others.values())


BORNE: dict[str, Any] = {"color": "black", "linewidth": 2, "solid_capstyle": "butt"}
"""How the line of the largest gamma looks in a phase diagram."""


def phase_handles(line: bool = False) -> list[Artist]:
    """Return the entries of a legend for `draw_phases`, and for `draw_largest_gamma` if `line`."""
    cross = Line2D([], [], color=GREY, marker="x", linestyle="", label="failed or not run")
    patches = [Patch(**PHASE_STYLES[phase], linewidth=0, label=PHASES[phase]) for phase in PHASES]
    borne = Line2D([], [], **BORNE, label="largest gamma that the\nlearning rates bear")
    return [*patches, cross, *([borne] if line else [])]


def explain(figure: Figure, handles: Sequence[Artist], title: str | None = None) -> None:
    """Put one legend for all panels below them, if there is anything to say."""
    if not handles and not title:
        return
    longest = max((len(str(handle.get_label())) for handle in handles), default=0)
    columns = int(figure.get_figwidth() / (0.7 + 0.075 * longest))  # an entry's width in inches
    look: dict[str, Any] = {"handlelength": 3.5, "fontsize": 9, "title_fontsize": 9}
    add_legend(figure, handles, max(1, columns), title=title, **look)
