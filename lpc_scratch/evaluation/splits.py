"""Parts of a data set: some of its classes, fewer samples, wrong labels."""

from dataclasses import replace

import numpy as np
from sklearn.model_selection import train_test_split

from data_utils import Dataset
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
    )


def smaller(dataset: Dataset, samples: int, seed: int) -> Dataset:
    """Return a data set with fewer training samples, in equal class shares.

    scikit-learn cannot draw them where a class has a single sample, or where fewer samples than
    there are classes are kept or left over. There the n-th of the N samples of a class, from 0 and
    in random order, has the place n / N, and the first are kept: at least one of each class, if
    there are as many.
    """
    y, classes = dataset.y_train, dataset.num_classes
    if samples >= len(y):
        return dataset
    counts = np.bincount(y)
    if counts.min() > 1 and classes <= samples <= len(y) - classes:
        kept, _ = train_test_split(
            np.arange(len(y)), train_size=samples, stratify=y, random_state=seed
        )
    else:
        order = np.random.default_rng(seed).permutation(len(y))
        place = np.empty(len(y))
        for label, count in enumerate(counts):
            place[y[order] == label] = np.arange(count) / count
        kept = order[np.argsort(place, kind="stable")[:samples]]
    return replace(dataset, x_train=dataset.x_train[kept], y_train=y[kept])


def with_wrong_labels(dataset: Dataset, share: float, seed: int) -> Dataset:
    """Return a data set in which a share of the training labels is another class, at random."""
    generator = np.random.default_rng(seed)
    count = round(share * len(dataset.y_train))
    wrong = generator.permutation(len(dataset.y_train))[:count]
    labels = dataset.y_train.copy()
    labels[wrong] += generator.integers(1, dataset.num_classes, count)
    labels[wrong] %= dataset.num_classes
    return replace(dataset, y_train=labels)
