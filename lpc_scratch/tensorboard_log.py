"""The log of a run for TensorBoard: curves, histograms of the latent layer, and its points.

`tensorboard --logdir runs` shows all runs below a folder. The events are written here, record by
record, and not by tensorboardX's SummaryWriter: that hands them to a thread, so that what is
flushed need not be all that was logged, and a full disk is noticed by nobody and ends in a wait
without an end.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError, one_line
from lpc_scratch.history import History, Row
from lpc_scratch.projector import write_projector
from lpc_scratch.tensor_file import writing
from lpc_scratch.tensorboard_events import first_events, measured_events, network_name
from lpc_scratch.trainer import Trainer
from lpc_scratch.training import Recorder


class TensorBoardLog:
    """Logs a run while another recorder keeps it; a `training.Recorder`.

    Curves are named by section and column, `collapse/nc1`, and with several networks also by the
    network, `collapse/nc1/seed-0`; then `Custom Scalars` shows those of all networks in one chart.
    The step is the epoch. A run that is resumed is logged again from its first epoch, and what was
    logged before is void: no point is there twice, and none is missing, also where it was not
    logged at all.

    Parameters
    ----------
    recorder : Recorder
        Keeps the run, such as a `RunFolder`; it is always asked first.
    folder : Path
        The folder of the run.

    Attributes
    ----------
    path : Path
        Where the log is: `tensorboard` in the folder of the run.
    """

    def __init__(self, recorder: Recorder, folder: Path) -> None:
        self.path = folder / "tensorboard"
        self._folder, self._recorder = folder, recorder
        self._file: Any = None

    @staticmethod
    def check() -> None:
        """Raise ConfigError if tensorboardX, which knows TensorBoard's format, is missing."""
        try:
            import tensorboardX  # noqa: F401
        except ImportError as error:
            raise ConfigError(
                f"--tensorboard needs tensorboardX ({one_line(error)}): pip install tensorboardX"
            ) from error

    def begin(self, trainer: Trainer, history: History) -> int | None:
        """Let the recorder begin; log the run so far, if there is one to resume.

        Raises
        ------
        RunFolderError
            As the recorder; or if the log cannot be written.
        """
        done = self._recorder.begin(trainer, history)
        if done is not None:
            with writing(self._folder, " to log it"):
                self._log(trainer, history, history.rows, done)
        return done

    def save(self, trainer: Trainer, history: History, new_rows: list[Row]) -> None:
        """Let the recorder save; log the measurements, and at the last epoch the latent points.

        Raises
        ------
        RunFolderError
            As the recorder; or if the log cannot be written.
        """
        self._recorder.save(trainer, history, new_rows)
        epoch = history.snapshots.epochs[-1]
        with writing(self._folder, f" to log epoch {epoch}"):
            self._log(trainer, history, new_rows, epoch)

    def checkpoint(self, trainer: Trainer, epoch: int) -> None:
        """Let the recorder keep the state; there is nothing to log."""
        self._recorder.checkpoint(trainer, epoch)

    def close(self) -> None:
        """Close the log; all that was logged has been on the disk since it was."""
        file, self._file = self._file, None
        if file:
            with writing(self._folder, " to log it"):
                file.close()

    def _log(self, trainer: Trainer, history: History, rows: Sequence[Row], epoch: int) -> None:
        """Write the epochs of some rows, and the points where the last epoch is done."""
        first = -1 if self._file else 0
        if not self._file:
            self._open(trainer.config)
        for event in measured_events(trainer, history, rows, first):
            self._file.write(event.SerializeToString())
        self._file.flush()  # to the disk: what a killed run has logged is there
        if epoch == trainer.config.epochs:
            names = {i: network_name(trainer.config, i) for i, _ in trainer.in_training()}
            write_projector(self.path, trainer, names)

    def _open(self, config: TrainConfig) -> None:
        """Begin a log, beside that of a run which is resumed; `RunFolder` removes older ones."""
        from tensorboardX.record_writer import RecordWriter

        self.path.mkdir(parents=True, exist_ok=True)
        self._file = RecordWriter(str(self.path / f"events.out.tfevents.{time.time_ns()}"))
        for event in first_events(config):
            self._file.write(event.SerializeToString())
