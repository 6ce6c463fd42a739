"""Accuracy on images that are noisy, blurred, turned or partly hidden."""

from collections.abc import Iterator

import numpy as np

from data_utils.corruptions import CORRUPTIONS, corrupt
from lpc_scratch.attacks import PixelModel
from lpc_scratch.backend import Array
from lpc_scratch.evaluation.measurement import Measurement
from lpc_scratch.evaluation.subject import Subject, accuracy


def evaluate_noise(subject: Subject, seed: int) -> Iterator[Measurement]:
    """Measure the accuracy at every severity of every corruption; severity 0 is the clean image.

    Raises ConfigError if the run was not trained on pixels.
    """
    model = PixelModel.from_run(subject.run)
    pixels = model.pixels(subject.x)
    settings = f"{len(pixels)} test images, seed {seed}"
    images = np.clip(pixels, 0, 1).reshape(-1, *subject.run.image_shape)

    def accuracy_on(shown: Array) -> Array:
        return accuracy(model.logits(shown.reshape(len(shown), -1)), subject.y)

    clean = accuracy_on(images)
    found = {
        name: [clean, *(accuracy_on(corrupt(images, name, level, seed)) for level in range(1, 6))]
        for name in CORRUPTIONS
    }
    means = [np.mean(values, axis=0) for values in zip(*found.values(), strict=True)]
    found["mean of all"] = [clean, *means[1:]]
    for name, accuracies in found.items():
        for level, values in enumerate(accuracies):
            yield Measurement("noise", name, "accuracy", values, level, settings)
