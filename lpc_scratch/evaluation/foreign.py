"""Inputs of a kind that a network was not trained on, near to its own and far from them.

*Near* are real inputs of other classes: other image sets of the same shape, and, in `ood`, classes
held out of training. *Far* are inputs that show nothing at all: the sample's own, shuffled, and
noise. A network can tell far ones by what its classes have in common; for near ones it must know
each class.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_utils import DatasetError, load_dataset
from data_utils.sources import SOURCES
from lpc_scratch.backend import Array
from lpc_scratch.evaluation.measurement import LeftOut
from lpc_scratch.evaluation.subject import Subject

FAR = ("shuffled pixels", "shuffled features", "noise")
"""Names of the far inputs; all other foreign ones are near."""

MISTAKES = "own mistakes"
"""Name of the inputs that are no foreign ones, but those that a network gets wrong."""

Foreign = tuple[str, Array] | LeftOut
"""The name of a kind and its inputs, as stored; or why there are none."""


def foreign_inputs(subject: Subject, seed: int, data_dir: Path | None) -> Iterator[Foreign]:
    """Yield the other image sets of the same shape, the sample itself, shuffled, and noise.

    Of each image set there are as many images as in the sample, at most. They are looked for in
    `data_dir` first, and not downloaded.

    Images have their pixels shuffled, each in its own way. Of vectors, whose features have scales
    of their own, every feature is shuffled among the samples, which keeps its values and takes away
    what features have to do with one another. Noise is uniform: between the smallest and the
    largest pixel of the training set, and between those of each feature of vectors.
    """
    data, known, generator = subject.dataset, subject.x, np.random.default_rng(seed)
    axis, name = (1, "shuffled pixels") if len(data.image_shape) > 1 else (0, "shuffled features")
    shuffled: Foreign = name, generator.permuted(known, axis=axis)
    if axis == 0 and min(known.shape) < 2:
        shuffled = LeftOut("ood", name, "it takes two samples and two features or more")
    yield from _image_sets(subject, generator, data_dir)
    yield shuffled
    low, high = (f(axis=None if axis else 0) for f in (data.x_train.min, data.x_train.max))
    noise = generator.uniform(low, high, known.shape)
    whole = np.issubdtype(known.dtype, np.integer)
    yield "noise", (noise.round() if whole else noise).astype(known.dtype)


def _image_sets(
    subject: Subject, generator: np.random.Generator, data_dir: Path | None
) -> Iterator[Foreign]:
    data = subject.dataset
    for name, source in SOURCES.items():
        if name == data.name or source.image_shape != data.image_shape:
            continue
        try:
            x = load_dataset(name, data_dir, progress=False, download=False).x_test
        except DatasetError as error:
            yield LeftOut("ood", name, str(error))
        else:
            yield name, x[generator.permutation(len(x))[: len(subject.x)]]
