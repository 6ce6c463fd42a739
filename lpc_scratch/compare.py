"""`python -m lpc_scratch.compare`: the four architectures side by side, over several seeds."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import tyro

from lpc_scratch.commands import command_line
from lpc_scratch.errors import ConfigError
from lpc_scratch.experiments.command import ExperimentCommand, report_failures, run_experiment
from lpc_scratch.experiments.comparison import write_comparison
from lpc_scratch.experiments.grid import make_cells
from lpc_scratch.nn.network import Architecture


@dataclass(frozen=True)
class CompareCommand(ExperimentCommand):
    """Train several architectures on one data set with equal budgets, and compare accuracy,
    collapse and codes: comparison.csv, comparison.md and plots.

    Without any flag: all four, on the digits of scikit-learn, with three seeds.
    """  # noqa: D205

    architecture: tyro.conf.Suppress[Architecture] = "binary"
    architectures: tuple[Architecture, ...] = get_args(Architecture)
    """Which architectures are compared."""
    evaluate_every: int = 5
    """Epochs between two measurements."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.architectures:
            raise ConfigError("architectures is empty: name one or more")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; see `command_line.run`."""
    return command_line.run(_compare, arguments)


def _compare(arguments: Sequence[str]) -> None:
    command = command_line.parse(CompareCommand, arguments, "python -m lpc_scratch.compare")
    if command.print_config:
        print(command.settings(), end="")
        return
    base = command_line.train_config(command)
    cells = make_cells(base, None, [f"architecture={','.join(command.architectures)}"])
    folder = command.output or Path("runs", f"compare-{Path(command.dataset).stem}")
    results = run_experiment(command, cells, ["architecture"], folder)
    table = write_comparison(results, folder)
    if not command.quiet:
        print(f"\n{table}\n\nThe comparison is in {folder}")
    report_failures(results)


if __name__ == "__main__":
    sys.exit(main())
