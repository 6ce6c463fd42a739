"""`python -m lpc_scratch.sweep`: a grid of settings, and the phases of training over gamma."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpc_scratch.commands import command_line
from lpc_scratch.errors import ConfigError, RunFolderError
from lpc_scratch.experiments.command import ExperimentCommand, report_failures, run_experiment
from lpc_scratch.experiments.grid import make_cells, varying_axes
from lpc_scratch.experiments.prediction_report import (
    compare_predictions,
    free_axes,
    write_predictions,
)
from lpc_scratch.experiments.presets import PRESETS
from lpc_scratch.experiments.redraw import redraw_sweep
from lpc_scratch.experiments.sweep_report import write_sweep
from lpc_scratch.runs import layout


@dataclass(frozen=True)
class SweepCommand(ExperimentCommand):
    """Train a network for every combination of some settings, and draw how collapse depends on
    them: cells.csv, summary.md and plots.

    For example: --preset gamma-phase, or --grid gamma=0.1,1,10 penalty=exp,l2.
    """  # noqa: D205

    preset: str | None = None
    """Grid with a name; an unknown one is answered by all names."""
    grid: tuple[str, ...] = ()
    """Axes of the grid, such as gamma=0.1,1,10 latent_dim=8,16: settings of a network, with depth
    and width for hidden and seed for seeds. They join those of a preset, or replace them."""
    predict: bool = False
    """Write what theory predicts for the cells of the preset, and stop before training."""
    redraw: bool = False
    """Draw the figures of the sweep in the folder of --output again, from its cells.csv and with
    its settings, and stop."""
    evaluate_every: int = 100
    """Epochs between two measurements; the last epoch is always measured."""

    def __post_init__(self) -> None:
        if isinstance(self.grid, Mapping):  # as a YAML file may have it
            axes = tuple(f"{name}={_values(values)}" for name, values in self.grid.items())
            object.__setattr__(self, "grid", axes)
        super().__post_init__()
        if self.redraw and self.output is None:
            raise ConfigError("--redraw needs --output with the folder of the sweep to draw")


def _values(values: Any) -> str:
    return ",".join(map(str, values)) if isinstance(values, list) else str(values)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; see `command_line.run`."""
    return command_line.run(_sweep, arguments)


def _sweep(arguments: Sequence[str]) -> None:
    command = command_line.parse(SweepCommand, arguments, "python -m lpc_scratch.sweep")
    if command.print_config:
        print(command.settings(), end="")
        return
    if command.redraw and command.output and not (command.output / layout.CONFIG).exists():
        raise RunFolderError(f"{command.output} holds no sweep to draw: it has no config.yaml")
    cells = make_cells(command_line.train_config(command), command.preset, command.grid)
    axes = varying_axes(cells)
    if command.redraw and command.output:
        redraw_sweep(cells, axes, command.output)
        return
    name = command.preset or "-".join(axes) or "seed"
    folder = command.output or Path("runs", f"sweep-{name}-{Path(command.dataset).stem}")
    preset = PRESETS[command.preset] if command.preset else None
    predicted = preset.predicted if preset else ()
    if command.predict:
        if not predicted:
            raise ConfigError(
                "--predict needs a preset of which theory has predictions, such as "
                "--preset optimizer-geometry"
            )
        axes = free_axes(cells, axes)
        print(write_predictions(compare_predictions(cells, axes, predicted), axes, folder))
        return
    results = run_experiment(command, cells, axes, folder)
    table = write_sweep(results, axes, folder, preset.question if preset else None)
    if predicted:
        found = dict(zip(cells, results, strict=True))
        axes = free_axes(cells, axes)
        compared = compare_predictions(cells, axes, predicted, found)
        table = f"{table}\n\n{write_predictions(compared, axes, folder)}"
    if not command.quiet:
        print(f"\n{table}\n\nThe sweep is in {folder}")
    report_failures(results)


if __name__ == "__main__":
    sys.exit(main())
