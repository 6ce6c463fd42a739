"""Accuracy on images that are noisy, blurred, turned or partly hidden."""

from collections.abc import Iterator

import numpy as np

from data_utils.corruptions import CORRUPTIONS, corrupt
from lpc_scratch.attacks import PixelModel
from lpc_scratch.backend import Array
from lpc_scratch.evaluation.measurement import Measurement
from lpc_scratch.evaluation.subject import Subject, accuracy

SEVERITIES = (1, 2, 3, 4, 5)


def evaluate_noise(subject: Subject, seed: int) -> Iterator[Measurement]:
    """Measure the accuracy at every severity of every corruption; severity 0 is the clean image.

    Raises
    ------
    ConfigError
        If the run was not trained on images.
    """
    model = PixelModel.from_run(subject.run)
    pixels = model.pixels(subject.x)
    settings = f"{len(pixels)} test images, seed {seed}"
    images = np.clip(pixels, 0, 1).reshape(-1, *subject.run.image_shape)

    def accuracy_on(shown: Array) -> Array:
        return accuracy(model.logits(shown.reshape(len(shown), -1)), subject.y)

    clean = accuracy_on(images)
    at_severity: dict[int, list[Array]] = {severity: [] for severity in SEVERITIES}
    for name in CORRUPTIONS:
        yield Measurement("noise", name, "accuracy", clean, 0, settings)
        for severity in SEVERITIES:
            found = accuracy_on(corrupt(images, name, severity, seed))
            at_severity[severity].append(found)
            yield Measurement("noise", name, "accuracy", found, severity, settings)
    yield Measurement("noise", "mean of all", "accuracy", clean, 0, settings)
    for severity, values in at_severity.items():
        mean = np.mean(values, axis=0)
        yield Measurement("noise", "mean of all", "accuracy", mean, severity, settings)
