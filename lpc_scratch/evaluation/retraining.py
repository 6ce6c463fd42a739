"""Networks trained anew with a run's settings."""

import math
from dataclasses import replace
from functools import lru_cache

from data_utils import Dataset
from lpc_scratch.config import TrainConfig
from lpc_scratch.evaluation.splits import held_out_classes, without_classes
from lpc_scratch.evaluation.subject import Subject
from lpc_scratch.nn.network import Network
from lpc_scratch.training.trainer import Trainer


@lru_cache(maxsize=16)  # two suites look at the same networks
def train_without_half(subject: Subject, steps: int, seed: int) -> tuple[Network, Dataset]:
    """Return the networks of `retrain` without the held-out half of the classes, and their data."""
    part = without_classes(subject.dataset, held_out_classes(subject.dataset.num_classes, seed))
    return retrain(subject.run.config, part, steps), part


def retrain(config: TrainConfig, dataset: Dataset, steps: int) -> Network:
    """Return the networks of a configuration after at least so many steps on a data set.

    What is equal for all data sets is the number of steps, not that of epochs, or a small one would
    hardly be trained on. Schedules are stretched to the number of epochs that this takes. The
    classifier has random weights at first, for a code of all classes is none of fewer. Raises
    DivergenceError if the loss becomes infinite or NaN.
    """
    epochs = math.ceil(steps / config.steps_per_epoch(len(dataset.x_train)))

    def stretched(count: int) -> int:
        return round(count * epochs / max(config.epochs, 1))

    settings = replace(
        config,
        epochs=epochs,
        gamma_every=max(1, stretched(config.gamma_every)),
        learning_rate_every=max(1, stretched(config.learning_rate_every)),
        warmup_epochs=stretched(config.warmup_epochs),
    )
    trainer = Trainer(settings, dataset)
    for epoch in range(epochs):
        trainer.run_epoch(epoch)
    return trainer.network
