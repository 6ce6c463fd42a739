"""`python -m lpc_scratch.train`: train a classifier and write its run folder."""

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from data_utils import DatasetError
from lpc_scratch.commands import command_line
from lpc_scratch.commands.progress import make_progress, summary
from lpc_scratch.commands.startup import began
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError
from lpc_scratch.files.atomic import writing
from lpc_scratch.files.tensors import load_tensors
from lpc_scratch.runs import layout
from lpc_scratch.runs.config_file import dump_config
from lpc_scratch.runs.dataset_file import lost_dataset, read_dataset_description
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.runs.memory import check_memory
from lpc_scratch.runs.metrics_file import read_metrics
from lpc_scratch.tensorboard.log import TensorBoardLog
from lpc_scratch.training import Recorder, load_configured_dataset, train


@dataclass(frozen=True)
class TrainCommand(TrainConfig):
    """Train a classifier with a low-dimensional latent layer, measure its collapse, and write
    a run folder: config.yaml, environment.json, metrics.csv, model.safetensors and plots.

    Without any flag: the binary architecture on the digits of scikit-learn, in seconds.
    """  # noqa: D205

    config: Path | None = None
    """YAML file of settings, with the flags' names and underscores; flags override it."""
    output: Path | None = None
    """Folder of the run; by default runs/<dataset>-<architecture>-<time>."""
    resume: bool = False
    """Continue the run in the folder of --output, with its settings; --epochs may be raised."""
    overwrite: bool = False
    """Replace the run in the folder of --output."""
    tensorboard: bool = False
    """Also write event files for TensorBoard, into the folder tensorboard of the run."""
    quiet: bool = False
    """Print nothing but errors and warnings."""
    print_config: bool = False
    """Print the settings as YAML, and stop."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resume and self.output is None:
            raise ConfigError("--resume needs --output with the folder of the run to continue")
        if self.output == Path():
            raise ConfigError("output is empty or the current folder: name a folder for the run")
        if self.resume and self.overwrite:
            raise ConfigError("--resume and --overwrite exclude each other")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; see `command_line.run`."""
    return command_line.run(_train, arguments)


def _train(arguments: Sequence[str]) -> None:
    started = began()
    command = command_line.parse(TrainCommand, arguments, "python -m lpc_scratch.train")
    config = command_line.train_config(command)
    if command.print_config:
        print(dump_config(config), end="")
        return
    if command.tensorboard:
        TensorBoardLog.check()
    if command.output:
        RunFolder(command.output, command.resume, command.overwrite).check(config)
    try:
        dataset = load_configured_dataset(config, progress=not command.quiet)
    except DatasetError as error:
        if command.resume:
            raise lost_dataset(f"the run in {command.output}", config.dataset, error) from error
        raise
    path = command.output or command_line.new_folder(f"{dataset.name}-{config.architecture}")
    run = RunFolder(path, command.resume, command.overwrite)
    required = check_memory(config, dataset)
    progress = None
    with ExitStack() as opened:
        if not command.quiet:
            print(f"needs about {required}", flush=True)
            progress = opened.enter_context(closing(make_progress(config.epochs)))
        recorder: Recorder = run
        if command.tensorboard:
            recorder = opened.enter_context(closing(TensorBoardLog(run, path)))
        result = train(config, dataset, recorder, progress)
    with result.watch.on("drawing"):
        draw(path)
    if not command.quiet:
        spent = result.watch.report(time.perf_counter() - started)
        print(f"\n{summary(result.rows)}\n\nThe run is in {run.path}\n{spent}")


def draw(folder: Path) -> list[Path]:
    """Draw the figures of a run from its files, and return those of the figures.

    Raises
    ------
    RunFolderError
        If a file of the run is missing or damaged, or the figures cannot be written.
    """
    from lpc_scratch.plots import save_run_plots

    names = read_dataset_description(folder / layout.DATASET).class_names
    rows, (snapshots, _) = (
        read_metrics(folder / layout.METRICS),
        load_tensors(folder / layout.LATENT),
    )
    snapshots.pop("classifier_initial", None)  # no figure shows it
    with writing(folder, " to draw its figures"):
        plots = folder / layout.PLOTS
        return save_run_plots(rows, **snapshots, class_names=names, folder=plots)


if __name__ == "__main__":
    sys.exit(main())
