"""The tables and figures of a sweep."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from lpc_scratch.experiments.cells import Result
from lpc_scratch.experiments.grid import axis_value
from lpc_scratch.experiments.phases import PHASES, THRESHOLDS
from lpc_scratch.experiments.progress import describe_value
from lpc_scratch.experiments.sweep_plots import (
    plot_code_geometry,
    plot_equilibrium,
    plot_metrics,
    plot_phases,
)
from lpc_scratch.experiments.tables import (
    Table,
    cell_table,
    mean_and_deviation,
    write_csv,
    write_text,
)
from lpc_scratch.markdown import table
from lpc_scratch.metrics import simplex_hamming
from lpc_scratch.plots import save_figures

_COLUMNS = {
    "test_accuracy": "test accuracy",
    "nc1": "NC1",
    "peak_distance": "peak distance",
    "same_code": "same-code share",
    "distinct_codes": "distinct codes",
    "code_distance": "Hamming distance",
    "code_spread": "its spread",
    "latent_norm": "mean norm of z",
}


def write_sweep(
    results: Sequence[Result], axes: Sequence[str], folder: Path, question: str | None = None
) -> str:
    """Write cells.csv, summary.md and the figures of a sweep; return the table.

    Parameters
    ----------
    results : sequence of Result
        All cells; one that has diverged or failed is in the tables with that status.
    axes : sequence of str
        The axes on which they differ, without the seed.
    folder : Path
        Folder of the sweep.
    question : str, optional
        What the sweep asks.

    Raises
    ------
    RunFolderError
        If the folder cannot be written.
    """
    cells = cell_table(results, axes if "gamma" in axes else [*axes, "gamma"])
    write_csv(folder / "cells.csv", cells)
    shown = _table(cells, axes)
    parts = [_heading(results, axes, question), shown, *_troubles(results, axes)]
    if "gamma" in axes:
        parts.append("Phases, in the order in which they are asked:\n\n" + _list(THRESHOLDS))
    write_text(folder / "summary.md", "\n\n".join(parts) + "\n")
    classes = next((len(result.class_names) for result in results if result.class_names), 0)
    if classes:  # else nothing was trained
        save_figures(_figures(cells, axes, classes), folder / "plots")
    return shown


def _figures(cells: Table, axes: Sequence[str], classes: int) -> dict[str, Figure]:
    """Return the figures that suit the axes: metrics, codes, and over gamma phases and forces."""
    figures: dict[str, Figure] = {}
    if not axes or not any(cell["status"] == "finished" for cell in cells):
        return figures
    limits = {"⌈log₂ K⌉": math.ceil(math.log2(classes)), "K − 1": classes - 1}
    figures["metrics"] = plot_metrics(cells, axes, marks=limits if "latent_dim" in axes else {})
    others = [axis for axis in axes if axis != "gamma"]
    if "gamma" in axes:
        y, panels = (*others, None, None)[:2]
        figures["phases"] = plot_phases(cells, "gamma", y, panels, THRESHOLDS)
        penalised = [c for c in cells if c.get("architecture", "binary") == "binary"]
        if any(cell["gamma"] > 0 for cell in penalised):
            figures["equilibrium"] = plot_equilibrium(penalised, others[:2])
    x = "gamma" if "gamma" in axes else max(axes, key=lambda a: len({cell[a] for cell in cells}))
    rest = [axis for axis in axes if axis != x]
    lines, fixed = rest[:1], rest[1:]  # of the other axes it shows the first value
    shown = [cell for cell in cells if all(cell[axis] == cells[0][axis] for axis in fixed)]
    figure = plot_code_geometry(shown, x, lines, simplex_hamming(classes))
    figure.suptitle(", ".join(f"{axis} {describe_value(cells[0][axis])}" for axis in fixed))
    figures["code-distances"] = figure
    return figures


def _heading(results: Sequence[Result], axes: Sequence[str], question: str | None) -> str:
    config = results[0].config
    seeds = sorted({result.config.seeds[0] for result in results})
    fixed = [
        f"{name} {describe_value(axis_value(config, name))}"
        for name in ("dataset", "architecture", "optimizer", "learning_rate", "epochs")
        if name not in axes
    ]
    lines = [f"# Sweep over {', '.join(axes) or 'the seed'}"]
    if question:
        lines.append(question.capitalize())
    lines.append(
        f"{', '.join(fixed)}; seeds {', '.join(map(str, seeds))}. Mean ± standard deviation over "
        "seeds after the last epoch, on the training set but for the test accuracy."
    )
    return "\n\n".join(lines)


def _table(cells: Table, axes: Sequence[str]) -> str:
    places: dict[tuple, Table] = {}
    for cell in cells:
        places.setdefault(tuple(cell[axis] for axis in axes), []).append(cell)
    rows = []
    for place, group in places.items():
        phases = Counter(PHASES.get(cell["phase"], "failed") for cell in group)
        phase = ", ".join(f"{n} x {p}" if len(phases) > 1 else p for p, n in phases.items())
        values = [mean_and_deviation([cell[column] for cell in group]) for column in _COLUMNS]
        rows.append([*map(describe_value, place), phase, *values])
    return table([*axes, "phase", *_COLUMNS.values()], rows)


def _troubles(results: Sequence[Result], axes: Sequence[str]) -> list[str]:
    lines = []
    for result in results:
        if result.status != "finished":
            place = [f"{axis} {describe_value(axis_value(result.config, axis))}" for axis in axes]
            seed = f"seed {result.config.seeds[0]}"
            lines.append(f"{', '.join((*place, seed))}: {result.message}")
    return ["Cells that did not finish:\n\n" + _list(lines)] if lines else []


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
