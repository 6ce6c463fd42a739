"""What the commands `compare` and `sweep` share: settings, progress, and what they write."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from lpc_scratch.backend import get_backend
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError, SweepError
from lpc_scratch.experiments.cells import Result
from lpc_scratch.experiments.progress import CellCount, make_progress
from lpc_scratch.experiments.runner import run_cells
from lpc_scratch.experiments.store import ResultStore
from lpc_scratch.files.tables import write_text
from lpc_scratch.runs import layout
from lpc_scratch.runs.config_file import dump_config
from lpc_scratch.runs.environment import describe_environment


@dataclass(frozen=True)
class ExperimentCommand(TrainConfig):
    """Settings of an experiment: those of training, and how it is run."""

    gammas: tyro.conf.Suppress[tuple[float, ...]] = ()
    checkpoint_every: tyro.conf.Suppress[int] = 1  # a cell is saved when it is finished
    seeds: Annotated[tuple[int, ...], tyro.conf.arg(aliases=["--seed"])] = (0, 1, 2)
    """Seeds; each trains a network of its own."""

    jobs: int = -1
    """Processes that train side by side; -1 takes one for each core."""
    scheduler: str | None = None
    """Address of a dask scheduler, such as tcp://127.0.0.1:8786, whose workers train in place of
    processes on this machine."""
    config: Path | None = None
    """YAML file of settings, with the flags' names and underscores; flags override it."""
    output: Path | None = None
    """Folder of the experiment; what it holds already is not computed again."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    print_config: bool = False
    """Print the settings as YAML, and stop."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gammas:
            raise ConfigError("gammas are for train: name one gamma, or an axis gamma of a sweep")
        if self.jobs < 1 and self.jobs != -1:
            raise ConfigError(f"jobs must be at least 1, or -1 for all cores, not {self.jobs}")
        if self.scheduler == "":
            raise ConfigError("scheduler is empty: name its address, or leave it out")
        if self.output == Path():
            raise ConfigError(
                "output is empty or the current folder: name a folder for the results"
            )

    def settings(self) -> str:
        """Return all settings as YAML, which --config reads."""
        return dump_config(self, without=("config", "print_config", "quiet", "redraw"))


def run_experiment(
    command: ExperimentCommand, cells: Sequence[TrainConfig], axes: Sequence[str], folder: Path
) -> list[Result]:
    """Run the cells of a command with its progress, and write config.yaml and environment.json.

    `axes` tell the cells apart, for the progress. Errors are those of `runner.run_cells`.
    """
    progress = CellCount() if command.quiet else make_progress(axes)
    store, begun = ResultStore(folder), {}
    if not all(store.path(cell).exists() for cell in cells):  # else it may be another machine's
        begun = describe_environment(get_backend("cpu" if command.scheduler else command.device))
    started = time.perf_counter()
    try:
        results = run_cells(cells, folder, command.jobs, command.scheduler, progress)
    finally:
        progress.close()
    write_text(folder / layout.CONFIG, command.settings())
    if progress.computed:  # a command that only draws again keeps what is known of the training
        begun["wall_seconds"] = round(time.perf_counter() - started, 1)
        begun["cells_computed"] = progress.computed
        write_text(folder / layout.ENVIRONMENT, json.dumps(begun, indent=2) + "\n")
    return results


def report_failures(results: Sequence[Result]) -> None:
    """Raise SweepError if cells have failed, after the tables of the others are written.

    A cell that has diverged is a result, not a failure.
    """
    failed = [result for result in results if result.status == "failed"]
    if failed:
        raise SweepError(
            f"{len(failed)} of {len(results)} cells failed, the first with: {failed[0].message}; "
            "run the command again to compute them alone"
        )
