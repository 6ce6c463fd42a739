"""The training loop: epochs, with measurements in between."""

from dataclasses import replace
from typing import Protocol, TypeVar

from data_utils import DATASETS, Dataset, load_dataset
from data_utils.lookup import expanded
from data_utils.split import split
from data_utils.standardise import per_channel
from lpc_scratch.config import TrainConfig
from lpc_scratch.training.build import start_from_code
from lpc_scratch.training.growth import warn_of_growing_gamma
from lpc_scratch.training.measuring import CollapseWatch, classifier_weights, measure_networks
from lpc_scratch.training.result import Row, TrainingResult
from lpc_scratch.training.trainer import Trainer

Config = TypeVar("Config", bound=TrainConfig)


class Recorder:
    """Keeps something of a run as it goes: a subclass says what, and by itself it is nothing."""

    def begin(self, trainer: Trainer, result: TrainingResult) -> int | None:
        """Fill both from a run to resume and return its completed epochs; None for a new run."""
        return None

    def save(self, trainer: Trainer, result: TrainingResult, new_rows: list[Row]) -> None:
        """Keep what is wanted of a measured epoch, whose `new_rows` the result has by now."""

    def checkpoint(self, trainer: Trainer, epoch: int) -> None:
        """Keep the trainer's state after an epoch that is not measured, so as to resume."""


class Progress(Protocol):
    """Shows a run as it goes."""

    def epoch(self, epoch: int, loss: float, samples_per_second: float) -> None:
        """Show how many epochs are trained, and the mean loss and the throughput of the last."""

    def measured(self, rows: list[Row]) -> None:
        """Show the measurements of an epoch."""


def train(
    config: TrainConfig,
    dataset: Dataset | None = None,
    recorder: Recorder | None = None,
    progress: Progress | None = None,
    keep_going: bool = False,
) -> TrainingResult:
    """Train the networks of a configuration, and measure them as they go.

    Parameters
    ----------
    config : TrainConfig
        All settings; the networks of several seeds are trained together.
    dataset : Dataset, optional
        The data; by default what `config` names.
    recorder : Recorder, optional
        Keeps the run and says where to continue; by default nothing is kept.
    progress : Progress, optional
        Shows the run; by default nothing is shown.
    keep_going : bool
        Train the other networks on after one has diverged, and note it in the result's `diverged`.

    Returns
    -------
    TrainingResult
        The trained network and its measurements, the first of them before training.

    Raises
    ------
    DatasetError, DeviceError
        If the data or the device cannot be had.
    ConfigError
        If the code that the classifier is to begin with cannot.
    DivergenceError
        If the loss of a network becomes infinite or NaN, unless the others are to keep going.
    RunFolderError
        If a `run_folder.RunFolder` is the recorder and cannot be written or resumed.

    Warns
    -----
    TrivialCollapseWarning
        If the penalty has drawn all classes to one point.
    GrowingGammaWarning
        Before the first epoch, if gamma is to grow beyond what the learning rates can bear.
    """
    config = settled(config)  # it is kept, and read from other folders
    trainer = Trainer(config, dataset or load_configured_dataset(config), keep_going)
    warn_of_growing_gamma(config, len(trainer.y_train), trainer.dataset.num_classes)
    result = TrainingResult(config, trainer.network, trainer.dataset.class_names)
    result.diverged = trainer.diverged
    collapse, on = CollapseWatch(trainer), result.watch.on

    def record(epoch: int) -> None:
        with on("measuring"):
            rows, latents = measure_networks(trainer, epoch, result.snapshots.classifier_initial)
            result.rows += rows
            result.snapshots.record(epoch, latents, trainer.dataset.y_train)
        if recorder:
            with on("saving"):
                recorder.save(trainer, result, rows)
        if not rows:
            return
        if progress:
            progress.measured(rows)
        collapse.look(result, rows)

    done = recorder.begin(trainer, result) if recorder else None
    if done is None:
        done = 0
        start_from_code(config, trainer.network)
        result.snapshots.classifier_initial = classifier_weights(trainer).copy()
        record(done)
    for epoch in range(done + 1, config.epochs + 1):
        with on("training"):
            loss = trainer.run_epoch(epoch - 1)
        if not trainer.in_training():
            break
        if progress:
            progress.epoch(epoch, loss, trainer.samples_per_second)
        if epoch % config.evaluate_every == 0 or epoch == config.epochs:
            record(epoch)
        elif recorder and epoch % config.checkpoint_every == 0:
            with on("saving"):
                recorder.checkpoint(trainer, epoch)
    return result


def load_configured_dataset(config: TrainConfig, progress: bool = True) -> Dataset:
    """Load the data set that a configuration names, in parts and standardised as it says.

    `progress` shows downloads.
    """
    dataset = load_dataset(
        config.dataset,
        config.data_dir,
        classes=config.gaussian_classes,
        dims=config.gaussian_dims,
        seed=config.data_seed,
        progress=progress,
    )
    share, samples = config.validation_share, config.training_samples
    dataset = split(dataset, share, samples, config.data_seed)
    return per_channel(dataset) if config.per_channel else dataset


def settled(config: Config) -> Config:
    """Return a configuration that means the same in any folder, such as a worker's, and later.

    Its paths are absolute, and its learning rates numbers.

    Raises
    ------
    DatasetError
        If a path begins with the home folder of a user who is not known here.
    """
    data_dir = config.data_dir and expanded(config.data_dir).resolve()
    dataset = config.dataset
    if dataset not in DATASETS and expanded(dataset).exists():
        dataset = str(expanded(dataset).resolve())
    code = config.classifier_code and expanded(config.classifier_code).resolve()
    config = replace(config, data_dir=data_dir, dataset=dataset, classifier_code=code)
    return config.with_learning_rates()
