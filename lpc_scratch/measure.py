"""`python -m lpc_scratch.measure`: how far anyone's features have collapsed."""

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from tqdm import tqdm

from data_utils import DatasetError
from lpc_scratch.backend.threads import single_blas_thread
from lpc_scratch.commands import command_line
from lpc_scratch.errors import ConfigError, MemoryLimitError
from lpc_scratch.features.report import COLUMNS, short_table, tidy_rows, write_report
from lpc_scratch.features.source import Source, Split, read_source, source_of_run
from lpc_scratch.files.atomic import writing
from lpc_scratch.files.host_memory import free_memory
from lpc_scratch.files.tables import write_csv, write_text
from lpc_scratch.metrics import class_table, far_samples, measure_features, pair_table
from lpc_scratch.metrics.arrays import as_rows, memory_needed
from lpc_scratch.metrics.features import FARTHEST, Measured
from lpc_scratch.metrics.heads import Layout
from lpc_scratch.plots.features import feature_figures
from lpc_scratch.plots.runs import save_figures
from lpc_scratch.runs import layout
from lpc_scratch.runs.load import load_run

MOST_PAIRS = 300
"""Classes beyond which no table of their pairs is written: it would have 45,000 rows."""


@dataclass(frozen=True)
class MeasureCommand:
    """Measure collapse and binarity of the features of any network, and write measured.csv,
    measured.md, tables of classes and samples, and plots.

    FILE is an .npz or .safetensors file or a folder of .npy files with `features` (N, D), or
    `features.NAME` for each of several layers, and `labels` (N,); if you like
    `classifier_weight` and `classifier_bias` of the layer that takes the last features, `logits`,
    `features_test`, `labels_test` and `logits_test`, and `features_unknown`, of inputs of no
    class. Or it is the folder of a run of ours, whose data are looked for as in training.

    Features are read twice and in chunks, so that they need not fit in memory; arrays of a
    compressed .npz file must.
    """  # noqa: D205

    file: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FILE")]
    """File or folder of arrays, or folder of a run."""
    layers: tuple[str, ...] = ()
    """Names of layers, or all; by default the latent layer of a run, and all of a file."""
    weight_layout: Layout = "auto"
    """Whether rows (torch) or columns (Keras) of classifier_weight belong to classes; auto asks
    its shape, which cannot tell where there are as many classes as coordinates."""
    about: Literal["zero", "mean"] = "zero"
    """Origin of the codes: 0, or the mean of the class means, as for features after a ReLU."""
    member: int = 0
    """Which network of a run that has several: its position among the seeds, from 0."""
    farthest: int = FARTHEST
    """Samples of each class that are named, those farthest from the point of their class."""
    seed: int = 0
    """Decides the subsamples of the mixtures and of the entropy, and the random basis."""
    jobs: int = 1
    """Threads that work on a chunk each; one thread leaves the cores to BLAS."""
    dataset: str | None = None
    """Path of the data of a run, where they are no longer where it had them."""
    data_dir: Path | None = None
    """Folder with the files of mnist, cifar-10 and the like; looked in first."""
    output: Path | None = None
    """Folder of the results; by default measured in the folder of a run, and
    runs/measure-<time> for files."""
    quiet: bool = False
    """Print nothing but errors and warnings."""

    def __post_init__(self) -> None:
        for name, least in {"member": 0, "farthest": 1, "seed": 0, "jobs": 1}.items():
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be at least {least}, not {getattr(self, name)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; see `command_line.run`."""
    return command_line.run(_measure, arguments)


def _measure(arguments: Sequence[str]) -> None:
    command = tyro.cli(MeasureCommand, prog="python -m lpc_scratch.measure", args=list(arguments))
    of_run = (command.file / layout.CONFIG).exists()
    beside = command.file / "measured" if of_run else None
    folder = command.output or beside or command_line.new_folder("measure")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"output {folder} is a file, and the results need a folder")
    if of_run:
        run, places = load_run(command.file), (command.dataset, command.data_dir)
        source = source_of_run(run, command.layers, command.member, *places)
    else:
        source = read_source(command.file, command.layers, command.weight_layout)
    with single_blas_thread() if command.jobs > 1 else nullcontext():
        found = _measure_all(command, source)
    _write(folder, source, found)
    if not command.quiet:
        print(f"\n{short_table(found)}\n")
        for (layer, split), measured in found.items():
            for note in measured.notes:
                print(f"{layer}, {split}: {note}")
        print(f"The measurements are in {folder}")


def _measure_all(command: MeasureCommand, source: Source) -> dict[tuple[str, str], Measured]:
    """Return what is measured by layer and split; test samples by the means of the training set."""
    found: dict[tuple[str, str], Measured] = {}
    last = list(source.splits["train"].layers)[-1]
    for layer in source.splits["train"].layers:
        for name, split in source.splits.items():
            about = f"{layer}, {name}"
            settings: dict[str, Any] = {}
            if layer == last:
                settings = {
                    "classifier_weight": source.weight,
                    "classifier_bias": source.bias,
                    "logits": split.logits,
                    "unknown": source.unknown,
                    "weight_layout": source.layout,
                }
            if name == "test":
                settings["judge"] = found[layer, "train"].judge
            found[layer, name] = _measure_one(command, about, layer, split, settings)
    return found


def _measure_one(
    command: MeasureCommand, about: str, layer: str, split: Split, settings: dict[str, Any]
) -> Measured:
    """Measure one layer, with its progress; a DatasetError says of which layer it is."""
    started = time.perf_counter()
    try:
        rows = as_rows(split.layers[layer], "features")
        (N, D), classes = rows.shape, len(np.unique(split.labels))
        needed, free = memory_needed(N, D, classes, command.jobs), free_memory()
        if needed > free:
            raise MemoryLimitError(
                f"{about} takes {needed / 1e9:.2g} GB of memory for {classes} classes and {D} "
                f"coordinates, and {free / 1e9:.2g} GB are free: use fewer --jobs or more memory"
            )
        size = f"{N:,} samples, {D:,} coordinates, {classes:,} classes"
        if not command.quiet:
            print(f"{about}: {size}, up to {needed / 1e6:,.0f} MB", flush=True)
        hidden = command.quiet or not sys.stderr.isatty()
        with tqdm(total=2 * N, unit="row", unit_scale=True, disable=hidden, leave=False) as bar:
            measured = measure_features(
                rows,
                split.labels,
                about=command.about,
                farthest=command.farthest,
                seed=command.seed,
                jobs=command.jobs,
                progress=bar.update,
                **settings,
            )
    except ValueError as error:
        raise DatasetError(f"{about}: {str(error).removesuffix('.')}") from error
    if not command.quiet:
        print(f"{about}: {time.perf_counter() - started:.1f} s", flush=True)
    return measured


def _write(folder: Path, source: Source, found: dict[tuple[str, str], Measured]) -> None:
    """Write all files, after all has been measured: an interrupt before leaves none."""
    last = list(source.splits["train"].layers)[-1]
    measured = found[last, "train"]
    classes, samples = class_table(measured), far_samples(measured)
    pairs = pair_table(measured) if len(classes) <= MOST_PAIRS else []
    figures = feature_figures(found, source.class_names)
    report = write_report(source.name, found, classes, samples, pairs, source.class_names)
    write_text(folder / "measured.md", report)
    write_csv(folder / "measured.csv", tidy_rows(found), COLUMNS)
    for name, records in (("classes", classes), ("samples", samples), ("pairs", pairs)):
        if records:
            write_csv(folder / f"{name}.csv", [asdict(record) for record in records])
    with writing(folder, " to draw its figures"):
        save_figures(figures, folder / layout.PLOTS)


if __name__ == "__main__":
    sys.exit(main())
