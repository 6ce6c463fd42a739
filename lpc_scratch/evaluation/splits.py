"""Parts of a data set: some of its classes, fewer samples, wrong labels."""

from dataclasses import replace

import numpy as np

from data_utils import Dataset
from data_utils.split import drawn
from lpc_scratch.backend import Array


def held_out_classes(classes: int, seed: int) -> Array:
    """Return the half of the classes (rounded down) that networks are not trained on, sorted."""
    return np.sort(np.random.default_rng(seed).permutation(classes)[: classes // 2])


def without_classes(dataset: Dataset, classes: Array) -> Dataset:
    """Return a data set without the samples of some classes; the others are numbered anew."""
    kept = np.setdiff1d(np.arange(dataset.num_classes), classes)
    train, test = (np.isin(y, kept) for y in (dataset.y_train, dataset.y_test))
    return replace(
        dataset,
        x_train=dataset.x_train[train],
        y_train=np.searchsorted(kept, dataset.y_train[train]),
        x_test=dataset.x_test[test],
        y_test=np.searchsorted(kept, dataset.y_test[test]),
        class_names=tuple(dataset.class_names[label] for label in kept),
        x_validation=None,  # it has the other classes too
        y_validation=None,
    )


def smaller(dataset: Dataset, samples: int, seed: int) -> Dataset:
    """Return a data set with fewer training samples, `drawn` in equal class shares."""
    if samples >= len(dataset.y_train):
        return dataset
    kept = drawn(dataset.y_train, samples, seed)
    return replace(dataset, x_train=dataset.x_train[kept], y_train=dataset.y_train[kept])


def with_wrong_labels(dataset: Dataset, share: float, seed: int) -> Dataset:
    """Return a data set in which a share of the training labels is another class, at random."""
    generator = np.random.default_rng(seed)
    count = round(share * len(dataset.y_train))
    wrong = generator.permutation(len(dataset.y_train))[:count]
    labels = dataset.y_train.copy()
    labels[wrong] += generator.integers(1, dataset.num_classes, count)
    labels[wrong] %= dataset.num_classes
    return replace(dataset, y_train=labels)
