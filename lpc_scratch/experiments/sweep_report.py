"""The tables and figures of a sweep."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from lpc_scratch.config import TrainConfig
from lpc_scratch.experiments.cells import Result
from lpc_scratch.experiments.grid import axis_value
from lpc_scratch.experiments.progress import describe_place
from lpc_scratch.experiments.tables import (
    Table,
    cell_table,
    follows,
    headings,
    held_out,
    with_validation,
)
from lpc_scratch.files.atomic import writing
from lpc_scratch.files.markdown import exact, mean_and_deviation, table
from lpc_scratch.files.tables import write_csv, write_text
from lpc_scratch.metrics import simplex_hamming
from lpc_scratch.plots import save_figures
from lpc_scratch.plots.sweep import plot_code_geometry, plot_equilibrium, plot_metrics, plot_phases
from lpc_scratch.theory.phases import PHASES, THRESHOLDS

CELLS = "cells.csv"
"""Name of the table of cells in the folder of a sweep."""
SWEEP_PLOTS = ("metrics", "phases", "equilibrium", "code-distances")
"""Names of the figures that a sweep can have."""

_FIXED = (
    *("dataset", "architecture", "depth", "width", "latent_dim", "loss", "penalty", "gamma"),
    *("optimizer", "learning_rate", "batch_size", "epochs"),
)
_OF_IMAGES = (
    *("blocks", "batch_norm", "stem_stride", "crop", "flip"),
    *("per_channel", "validation_share", "training_samples"),
)
_COLUMNS = (
    *("test_accuracy", "nc1", "peak_distance", "kurtosis", "same_code", "distinct_codes"),
    *("code_distance", "code_spread", "latent_norm"),
)


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
    write_csv(folder / CELLS, cells)
    shown = _table(cells, axes)
    parts = [_heading(results, axes, question), shown, *_troubles(results, axes)]
    parts.append("Phases, in the order in which they are asked:\n\n" + _list(THRESHOLDS))
    write_text(folder / "summary.md", "\n\n".join(parts) + "\n")
    draw_sweep(cells, axes, folder, {len(r.class_names) for r in results if r.class_names})
    return shown


def draw_sweep(cells: Table, axes: Sequence[str], folder: Path, classes: set[int]) -> None:
    """Draw the figures of a sweep from its table of cells, in place of those that are there.

    `classes` are the numbers of classes that occur. Raises RunFolderError as `write_sweep`.
    """
    figures = {}
    if axes and any(cell["status"] == "finished" for cell in cells):
        figures = _figures(cells, axes, classes)
    with writing(folder / "plots"):
        for name in SWEEP_PLOTS:  # of another grid that was in this folder
            (folder / "plots" / f"{name}.png").unlink(missing_ok=True)
        save_figures(figures, folder / "plots")


def _figures(cells: Table, axes: Sequence[str], classes: set[int]) -> dict[str, Figure]:
    """Return the figures that suit the axes: metrics, codes, and over gamma phases and forces.

    `classes` are the numbers of classes that occur: limits that depend on it need a single one.
    """
    (K,) = classes if len(classes) == 1 else (None,)
    marks = {}
    if K and "latent_dim" in axes:
        marks = {"⌈log₂ K⌉": math.ceil(math.log2(K)), "K − 1": K - 1}
    figures = {"metrics": plot_metrics(cells, axes, marks=marks)}
    if "gamma" in axes:
        by, shown, title = _cut(cells, axes, "gamma", 2)
        y, panels = (*by, None, None)[:2]
        figures["phases"] = plot_phases(shown, "gamma", y, panels, THRESHOLDS)
        figures["phases"].suptitle(title)
        penalised = [c for c in shown if c.get("architecture", "binary") == "binary"]
        if any(cell["gamma"] > 0 for cell in penalised):
            figures["equilibrium"] = plot_equilibrium(penalised, by)
            figures["equilibrium"].suptitle(title)
    x = "gamma" if "gamma" in axes else max(axes, key=lambda a: len({cell[a] for cell in cells}))
    by, shown, title = _cut(cells, axes, x, 1)
    figures["code-distances"] = plot_code_geometry(shown, x, by, K and simplex_hamming(K))
    figures["code-distances"].suptitle(title)
    return figures


def _cut(cells: Table, axes: Sequence[str], x: str, most: int) -> tuple[list[str], Table, str]:
    """Return what a figure can show beside its axis x: so many others, and the first value of all.

    An axis that only follows those that are shown (as a learning rate its optimiser) is free.

    Returns
    -------
    by : list of str
        The axes that are shown.
    shown : list of dict
        The cells that have the first value of all others.
    title : str
        These values.
    """
    others = [axis for axis in axes if axis != x]
    by, rest = others[:most], others[most:]
    fixed = [axis for axis in rest if not follows(cells, axis, by)]
    shown = [cell for cell in cells if all(cell[axis] == cells[0][axis] for axis in fixed)]
    title = ", ".join(f"{axis} {exact(cells[0][axis])}" for axis in fixed)
    return by, shown, title


def _heading(results: Sequence[Result], axes: Sequence[str], question: str | None) -> str:
    config = results[0].config
    seeds = sorted({result.config.seeds[0] for result in results})
    fixed = [
        f"{name.replace('_', ' ')} {exact(axis_value(config, name))}"
        for name in _FIXED
        if name not in axes and not (config.takes_images and name in ("depth", "width"))
    ]
    if config.takes_images:
        channels = "-".join(map(str, config.channels))
        fixed.insert(1, f"{config.backbone} of {channels} channels")
    fixed += [
        f"{name.replace('_', ' ')} {getattr(config, name)}"
        for name in _OF_IMAGES
        if name not in axes and getattr(config, name) != getattr(TrainConfig, name)
    ]
    lines = [f"# Sweep over {', '.join(axes) or 'the seed'}"]
    if question:
        lines.append(question.capitalize())
    lines.append(
        f"{', '.join(fixed)}; seeds {', '.join(map(str, seeds))}. Mean ± standard deviation over "
        f"seeds after the last epoch, on the training set but for the {held_out(config)}."
    )
    return "\n\n".join(lines)


def _table(cells: Table, axes: Sequence[str]) -> str:
    places: dict[tuple, Table] = {}
    columns = with_validation(_COLUMNS, cells)
    for cell in cells:
        places.setdefault(tuple(cell[axis] for axis in axes), []).append(cell)
    rows = []
    for place, group in places.items():
        phases = Counter(PHASES.get(cell["phase"], "failed") for cell in group)
        phase = ", ".join(f"{n} x {p}" if len(phases) > 1 else p for p, n in phases.items())
        values = [mean_and_deviation([cell[column] for cell in group]) for column in columns]
        rows.append([*map(exact, place), phase, *values])
    return table([*axes, "phase", *headings(columns)], rows)


def _troubles(results: Sequence[Result], axes: Sequence[str]) -> list[str]:
    lines = [f"{describe_place(r, axes)}: {r.message}" for r in results if not r.finished]
    return ["Cells that did not finish:\n\n" + _list(lines)] if lines else []


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
