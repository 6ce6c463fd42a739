"""The folder of a run: configuration, metrics, model, and the state to resume from."""

import json
import shutil
import time
from itertools import product
from pathlib import Path

from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import RunFolderError
from lpc_scratch.files.atomic import lock_file, write_atomically, writing
from lpc_scratch.files.tensors import load_tensors, save_tensors
from lpc_scratch.runs import layout
from lpc_scratch.runs.checkpoint import (
    check_settings,
    load_snapshots,
    load_state,
    save_model,
    save_state,
)
from lpc_scratch.runs.config_file import dump_config, load_config
from lpc_scratch.runs.dataset_file import describe_dataset
from lpc_scratch.runs.environment import describe_environment
from lpc_scratch.runs.metrics_file import format_metrics, read_metrics
from lpc_scratch.training import Recorder
from lpc_scratch.training.result import Row, TrainingResult
from lpc_scratch.training.trainer import Trainer

BETWEEN_CHECKPOINTS = 1.0
"""Seconds from one checkpoint to the next at least: of epochs that are shorter, few are kept."""


class RunFolder(Recorder):
    """The files of one run.

    Parameters
    ----------
    path : Path
        The folder; made when training begins.
    resume : bool
        Continue the run that is in it.
    overwrite : bool
        Replace the run that is in it.

    Attributes
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path, resume: bool = False, overwrite: bool = False) -> None:
        self.path = path
        self._config = path / layout.CONFIG
        self._environment = path / layout.ENVIRONMENT
        self._dataset = path / layout.DATASET
        self._metrics = path / layout.METRICS
        self._latent = path / layout.LATENT
        self._model = path / layout.MODEL
        self._state = path / layout.CHECKPOINT
        self._begun = False
        self._kept = 0.0  # when the last checkpoint was made
        self._resume = resume
        self._overwrite = overwrite

    @property
    def holds_run(self) -> bool:
        """Whether any file of a run is in the folder."""
        return any((self.path / name).exists() for name in layout.FILES)

    def read_config(self) -> TrainConfig:
        """Return the configuration of the run in the folder.

        Raises
        ------
        RunFolderError
            If there is none.
        """
        if not self._config.exists():
            raise RunFolderError(f"{self.path} holds no run to resume: it has no config.yaml")
        return load_config(self._config, TrainConfig)

    def check(self, config: TrainConfig) -> None:
        """Raise RunFolderError if such a run may not be written here; write nothing.

        A folder that holds a run must be resumed, with the settings of that run, or overwritten.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"{self.path} is a file, and a run needs a folder")
        if self._resume:
            check_settings(f"the run in {self.path}", self.read_config(), config)
            if not self._state.exists() and self._is_trained():
                raise RunFolderError(
                    f"the run in {self.path} has no checkpoint.safetensors to resume from: start "
                    "it again with --overwrite"
                )
        elif self.holds_run and not self._overwrite:
            raise RunFolderError(
                f"{self.path} already holds a run: continue it with --resume, replace it with "
                "--overwrite, or name another folder with --output"
            )

    def begin(self, trainer: Trainer, result: TrainingResult) -> int | None:
        """Check the folder, and load the state, rows and snapshots of the run to resume.

        A new run writes nothing here: its folder is made when there is something to keep.

        Returns
        -------
        int or None
            The epochs completed by the run to resume; None for a new one.

        Raises
        ------
        RunFolderError
            As `check`; or if what is to be resumed cannot be read or is further than the epochs
            asked for, or the folder cannot be written.
        """
        self.check(trainer.config)
        if not self._resume or not self._state.exists():  # killed before its first checkpoint
            return None
        epoch = load_state(self._state, trainer)
        members, classes = len(trainer.config.seeds), trainer.dataset.num_classes
        if epoch > trainer.config.epochs:
            raise RunFolderError(
                f"the run in {self.path} is already at epoch {epoch}, beyond epochs "
                f"{trainer.config.epochs}: ask for more"
            )
        result.rows = [row for row in read_metrics(self._metrics) if row["epoch"] <= epoch]
        result.snapshots = load_snapshots(
            self._latent, epoch, (members, classes, trainer.network.latent_dim)
        )
        measured = [(row["epoch"], row["seed"]) for row in result.rows]
        if measured != list(product(result.snapshots.epochs, trainer.config.seeds)):
            raise RunFolderError(
                f"{self._metrics} and {self._latent.name} do not hold the same epochs: start the "
                "run again with --overwrite"
            )
        with writing(self.path, " to resume"):
            self._lock()
            self._remove_partial_files()
            self._describe(trainer)
            write_atomically(self._metrics, format_metrics(result.rows).encode())
        self._begun = True
        return epoch

    def save(self, trainer: Trainer, result: TrainingResult, new_rows: list[Row]) -> None:
        """Replace metrics, snapshots, model and state by those of a measured epoch.

        The first call makes the folder of a new run, and removes a run that is already there.

        Raises
        ------
        RunFolderError
            If the folder cannot be written.
        """
        epoch = result.snapshots.epochs[-1]
        with writing(self.path, f" to keep epoch {epoch}"):
            if not self._begun:
                self.path.mkdir(parents=True, exist_ok=True)
                self._lock()
                self.check(trainer.config)  # another process may have been here since
                if self._overwrite:
                    self._clear()
                self._remove_partial_files()
                self._describe(trainer)
                self._begun = True
            # Whole, not appended to: a crash would leave half a row.
            write_atomically(self._metrics, format_metrics(result.rows).encode())
            save_tensors(self._latent, result.snapshots.to_arrays())
        self._keep(trainer, epoch)

    def checkpoint(self, trainer: Trainer, epoch: int) -> None:
        """Replace model and state by those after an epoch, unless the last ones are new still.

        Raises
        ------
        RunFolderError
            If the folder cannot be written.
        """
        if time.monotonic() - self._kept >= BETWEEN_CHECKPOINTS:
            self._keep(trainer, epoch)

    def _keep(self, trainer: Trainer, epoch: int) -> None:
        # The state comes last: where it says that an epoch is done, the rest is there too.
        with writing(self.path, f" to keep epoch {epoch}"):
            save_model(self._model, trainer, epoch)
            save_state(self._state, trainer, epoch)
        self._kept = time.monotonic()

    def _is_trained(self) -> bool:
        """Return whether the folder holds more than an untrained network."""
        rows = read_metrics(self._metrics) if self._metrics.exists() else []
        saved = load_tensors(self._model)[1].get("epoch") if self._model.exists() else "0"
        return saved != "0" or any(row["epoch"] > 0 for row in rows)

    def _clear(self) -> None:
        """Remove an old run's files, first those that it is resumed from."""
        figures = (f"{layout.PLOTS}/{name}.png" for name in layout.FIGURES)
        first = (layout.CHECKPOINT, layout.CONFIG)
        for name in (*first, *layout.FILES, *figures, *layout.EXPORTS.values()):
            (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.path / layout.TENSORBOARD, ignore_errors=True)

    def _remove_partial_files(self) -> None:
        """Remove what a killed process was writing."""
        for name in layout.FILES:
            for partial in self.path.glob(f"{name}.*.partial"):
                partial.unlink(missing_ok=True)

    def _lock(self) -> None:
        """Keep other processes from writing here, until this one ends.

        Raises
        ------
        RunFolderError
            If another process does.
        """
        if not lock_file(self.path / layout.LOCK, self):
            raise RunFolderError(
                f"another process is writing to {self.path}: wait for it, or name another folder "
                "with --output"
            )

    def _describe(self, trainer: Trainer) -> None:
        write_atomically(self._config, dump_config(trainer.config).encode())
        about = describe_environment(trainer.backend, trainer.network.parameters.size)
        write_atomically(self._environment, json.dumps(about, indent=2).encode())
        dataset = json.dumps(describe_dataset(trainer.dataset), indent=2)
        write_atomically(self._dataset, dataset.encode())
