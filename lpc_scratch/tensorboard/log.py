"""The log of a run for TensorBoard: curves, histograms of the latent layer, and its points.

`tensorboard --logdir runs` shows all runs below a folder.
"""

import logging
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from lpc_scratch.backend import Array
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError, one_line
from lpc_scratch.files.atomic import writing
from lpc_scratch.metrics.registry import METRICS, SECTIONS
from lpc_scratch.nn.inference import latent_and_logits
from lpc_scratch.runs import layout
from lpc_scratch.training import Recorder
from lpc_scratch.training.result import EDGES, Row, TrainingResult
from lpc_scratch.training.trainer import Trainer

GROUPS = {section: [m.name for m in METRICS if m.section == section] for section in SECTIONS}
"""The sections in which TensorBoard shows the columns of `metrics.csv`."""
_CURVES = {metric.name: f"{metric.section}/{metric.name}" for metric in METRICS}
_CHARTS = {g: {c: ["Multiline", [f"{_CURVES[c]}/"]] for c in GROUPS[g]} for g in GROUPS}
_MOST_POINTS = 1000
_LARGEST_TILE = 32  # pixels along a side: tensorboardX takes 96 bytes for each while it writes them


class TensorBoardLog(Recorder):
    """Logs a run while another recorder keeps it.

    Curves are named by section and column, `collapse/nc1`, and with several networks also by the
    network, `collapse/nc1/seed-0`; then `Custom Scalars` shows those of all networks in one chart.
    The step is the epoch. The projector shows the latent points of up to 1000 test samples after
    the last epoch, with their classes, and with their images where these are grey or of three
    colours.

    A run that is resumed is logged again from its first epoch, and what was logged before is void:
    no point is there twice, and none is missing, also where it was not logged at all.

    The recorder that keeps the run, such as a `RunFolder`, is always asked first. `path` is where
    the log is: `tensorboard` in the folder of the run. What cannot be written raises
    RunFolderError.
    """

    def __init__(self, recorder: Recorder, folder: Path) -> None:
        self.path = folder / layout.TENSORBOARD
        self._folder, self._recorder = folder, recorder
        self._writer: Any = None

    @staticmethod
    def check() -> None:
        """Raise ConfigError if tensorboardX, which knows TensorBoard's format, is missing."""
        try:
            import tensorboardX  # noqa: F401
        except ImportError as error:
            raise ConfigError(
                f"--tensorboard needs tensorboardX ({one_line(error)}): pip install tensorboardX"
            ) from error

    def begin(self, trainer: Trainer, result: TrainingResult) -> int | None:
        """Let the recorder begin; log the run so far, if there is one to resume."""
        done = self._recorder.begin(trainer, result)
        if done is not None:
            self._log(trainer, result, result.rows, done)
        return done

    def save(self, trainer: Trainer, result: TrainingResult, new_rows: list[Row]) -> None:
        """Let the recorder save; log the measurements, and at the last epoch the latent points."""
        self._recorder.save(trainer, result, new_rows)
        self._log(trainer, result, new_rows, result.snapshots.epochs[-1])

    def checkpoint(self, trainer: Trainer, epoch: int) -> None:
        """Let the recorder keep the state; there is nothing to log."""
        self._recorder.checkpoint(trainer, epoch)

    def close(self) -> None:
        """Close the log; all that was logged has been on the disk since it was."""
        if self._writer:
            with writing(self._folder, " to log it"):
                self._writer.close()

    def _log(self, trainer: Trainer, result: TrainingResult, rows: list[Row], epoch: int) -> None:
        """Write some rows, and the points where the last epoch is done."""
        networks = _networks(trainer.config)
        unmeasured = () if trainer.x_validation is not None else ("validation_accuracy",)
        curves = {column: curve for column, curve in _CURVES.items() if column not in unmeasured}
        counts_at = dict(zip(result.snapshots.epochs, result.snapshots.counts, strict=True))
        # The epochs of a resumed run are as far back as training has taken since.
        start = time.time() - trainer.seconds
        with writing(self._folder, f" to log epoch {epoch}"):
            self._writer = self._writer or _summary_writer(self.path, charts=len(networks) > 1)
            for row in rows:
                network, when = networks[row["member"]], (row["epoch"], start + row["seconds"])
                for column, curve in curves.items():
                    self._writer.add_scalar(curve + network, row[column], *when)
                counts = counts_at[row["epoch"]][row["member"]]
                if counts.any():  # where every coordinate is constant there are none
                    # The sums of the values, which TensorBoard does not show, are not known.
                    shape = (EDGES[0], EDGES[-1], counts.sum(), np.nan, np.nan, EDGES[1:], counts)
                    self._writer.add_histogram_raw(f"latent/histogram{network}", *shape, *when)
            self._writer.flush()  # to the disk: what a killed run has logged is there
            if epoch == trainer.config.epochs:
                self._project(trainer, networks)

    def _project(self, trainer: Trainer, networks: list[str]) -> None:
        """Write latent points at even distances in the test set, with their classes and images."""
        dataset, epoch = trainer.dataset, trainer.config.epochs
        total = len(dataset.x_test)
        chosen = np.linspace(0, total - 1, min(total, _MOST_POINTS)).astype(int)
        names = [" ".join(name.split()) for name in dataset.class_names]  # a line each
        classes = [names[label] for label in dataset.y_test[chosen]]
        images = _tiles(dataset.x_test[chosen], dataset.image_shape)
        latent, _ = latent_and_logits(trainer.network, dataset.x_test[chosen])
        latents = trainer.backend.to_host(latent).reshape(len(networks), len(chosen), -1)
        # add_embedding would add to the list of an earlier end, and print that its folder is there.
        (self.path / "projector_config.pbtxt").unlink(missing_ok=True)
        for old in self.path.glob("[0-9]*"):
            shutil.rmtree(old, ignore_errors=True)
        (self.path / f"{epoch:05}").mkdir()
        for member, _ in trainer.in_training():
            tag = f"latent{networks[member]}"
            with np.errstate(all="ignore"):  # pixels where a sheet has no images are left unset
                self._writer.add_embedding(latents[member], classes, images, epoch, tag)


def _summary_writer(folder: Path, charts: bool) -> Any:
    """Begin a log, beside that of a run which is resumed; `RunFolder` removes older ones.

    It writes an event when it is added, or raises OSError. `charts` says whether `Custom Scalars`
    shows the curves of several networks in one chart.
    """
    from tensorboardX import RecordWriter, SummaryWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    def add(summary: Any = None, step: int = 0, at: float | None = None, **other: Any) -> None:
        event = Event(summary=summary, step=step, wall_time=at or time.time(), **other)
        records.write(event.SerializeToString())

    # A SummaryWriter hands events to a thread: what it flushes need not be all that was added, and
    # a full disk ends the thread alone, so that its queue fills and the next event, or closing,
    # waits without an end. This one is told not to write, and what it hands on is written here.
    folder.mkdir(parents=True, exist_ok=True)
    records = RecordWriter(str(folder / f"events.out.tfevents.{time.time_ns()}"))
    writer = SummaryWriter(str(folder), write_to_disk=False)
    file = writer._get_file_writer()
    file.add_summary, writer._get_file_writer = add, lambda: file
    writer.flush, writer.close = records.flush, records.close
    logging.getLogger("tensorboardX.x2num").setLevel(logging.ERROR)  # nan is a measurement here
    add(file_version="brain.Event:2")
    # At a START, TensorBoard forgets what it has read so far from that step on: all of it.
    add(session_log=SessionLog(status=SessionLog.START))
    if charts:
        writer.add_custom_scalars(_CHARTS)
    return writer


def _networks(config: TrainConfig) -> list[str]:
    """Return a slash and what tells each network from the others; nothing if it is alone."""
    repeated = {seed for seed in config.seeds if config.seeds.count(seed) > 1}
    pairs = zip(config.seeds, config.initial_gammas, strict=True)
    names = [f"/seed-{s}-gamma-{g}" if s in repeated else f"/seed-{s}" for s, g in pairs]
    return names if len(names) > 1 else [""]


def _tiles(x: Array, shape: tuple[int, ...]) -> Array | None:
    """Return images x (n, I) as squares (n, C, side, side) from 0 to 1; None for other inputs.

    They are grey, C = 1, or of three colours. Of large images only every second, or third, … pixel.
    """
    if len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,)):
        return None
    step = -(-max(shape[:2]) // _LARGEST_TILE)
    images = x.reshape(-1, *shape[:2], *(shape[2:] or (1,)))[:, ::step, ::step].astype(float)
    images = (images - images.min()) / (np.ptp(images) or 1)
    missing = [(0, max(images.shape[1:3]) - side) for side in images.shape[1:3]]
    return np.pad(images, [(0, 0), *missing, (0, 0)]).transpose(0, 3, 1, 2)
