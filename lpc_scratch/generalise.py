"""`python -m lpc_scratch.generalise`: does the penalty generalise, against tuned rivals?"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from lpc_scratch.commands import command_line
from lpc_scratch.errors import ConfigError
from lpc_scratch.experiments.cells import data_settings, load_data
from lpc_scratch.experiments.command import ExperimentCommand, report_failures, run_experiment
from lpc_scratch.experiments.generalisation import METHODS, candidates, choose
from lpc_scratch.experiments.generalisation_report import write_generalisation
from lpc_scratch.nn.network import Architecture

_AXES = ("architecture", "penalty", "learning_rate", "gamma", "weight_decay", "dropout")


@dataclass(frozen=True)
class GeneraliseCommand(ExperimentCommand):
    """Compare the test accuracy of the penalty with that of the other architectures, weight decay,
    dropout and an l1 penalty, all tuned alike: tuning.csv, generalisation.csv, generalisation.md
    and a figure.

    First every method is trained at each rate and strength on few samples, and its settings are
    chosen on a validation split; then it is trained with these on training sets of several sizes.
    """  # noqa: D205

    architecture: tyro.conf.Suppress[Architecture] = "binary"
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Seeds of the comparison; settings are chosen with the first."""
    rates: tuple[float, ...] = (3e-4, 1e-3, 3e-3)
    """Learning rates that are tried, with three strengths of each method that has one."""
    sizes: tuple[int, ...] = (1000, 10_000, 0)
    """Training samples of the comparison; 0 for all."""
    training_samples: int = 10_000
    """Training samples with which settings are chosen; 0 for all."""
    validation_share: float = 0.1
    """Share of the training set on which settings are chosen, by class, above 0 and below 1."""
    epochs: int = 20
    """Epochs of every training, whatever its samples."""
    evaluate_every: int = 1000
    """Epochs between two measurements; the last epoch is always measured."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.rates:
            raise ConfigError("rates is empty: name one or more learning rates")
        if not self.sizes:
            raise ConfigError("sizes is empty: name one or more numbers of training samples")
        if not self.validation_share:
            raise ConfigError("validation_share is 0: settings need a held-out share, such as 0.1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; see `command_line.run`."""
    return command_line.run(_generalise, arguments)


def _generalise(arguments: Sequence[str]) -> None:
    command = command_line.parse(GeneraliseCommand, arguments, "python -m lpc_scratch.generalise")
    if command.print_config:
        print(command.settings(), end="")
        return
    folder = command.output or Path("runs", f"generalise-{Path(command.dataset).stem}")
    base = command_line.train_config(command)
    data = [replace(base, validation_share=0.0, training_samples=size) for size in command.sizes]
    sizes = [len(load_data(data_settings(config)).x_train) for config in data]
    tuned = replace(base, seeds=base.seeds[:1])
    grids = {method: candidates(tuned, method, command.rates) for method in METHODS}
    cells = [cell for grid in grids.values() for cell in grid]
    found = run_experiment(command, cells, _AXES, folder)
    report_failures(found)
    by_cell = dict(zip(cells, found, strict=True))
    tried = {method: [by_cell[cell] for cell in grid] for method, grid in grids.items()}
    best = {method: choose(results).config for method, results in tried.items()}
    final = {
        size: {
            method: [
                replace(config, validation_share=0.0, training_samples=asked, seeds=(seed,))
                for seed in command.seeds
            ]
            for method, config in best.items()
        }
        for asked, size in zip(command.sizes, sizes, strict=True)
    }
    cells = [cell for methods in final.values() for group in methods.values() for cell in group]
    by_cell = dict(zip(cells, run_experiment(command, cells, _AXES, folder), strict=True))
    compared = {
        size: {method: [by_cell[cell] for cell in group] for method, group in methods.items()}
        for size, methods in final.items()
    }
    text = write_generalisation(tried, compared, folder)
    if not command.quiet:
        print(f"\n{text}\n\nThe comparison is in {folder}")
    report_failures(list(by_cell.values()))


if __name__ == "__main__":
    sys.exit(main())
