"""Parts of a training set, drawn by class: what is held out for validation, and fewer samples."""

from dataclasses import replace

import numpy as np

from data_utils.dataset import Dataset
from data_utils.errors import DatasetError
from data_utils.stratified import stratified


def split(dataset: Dataset, share: float, samples: int, seed: int) -> Dataset:
    """Return a data set with a validation part, and with fewer training samples.

    Both are drawn from the training set, in equal class shares; the test set is left alone. A
    `share` of it, from 0 to below 1, is held out for validation, and of what remains so many
    `samples` are kept, or all of them for 0. The validation part depends on the seed and the share
    alone, so that it is the same however many samples are trained on. With both at 0 the data set
    itself is returned. Features of one's own are standardised as before, by the whole training set.

    Raises DatasetError if there are not so many samples, or a part would lack a class.
    """
    kept = np.arange(len(dataset.y_train))
    if share:
        count = round(share * len(kept))
        held_out = np.sort(drawn(dataset.y_train, count, seed))
        kept = np.setdiff1d(kept, held_out, assume_unique=True)
        for part, rows in (("validation", held_out), ("training", kept)):
            what = f"validation_share {share} gives the {part} part"
            _check_classes(dataset, rows, f"{what} {len(rows)} of {len(dataset.y_train)} samples")
        dataset = replace(
            dataset,
            x_validation=dataset.x_train[held_out],
            y_validation=dataset.y_train[held_out],
        )
    if samples:
        if samples > len(kept):
            raise DatasetError(
                f"training_samples is {samples}, and {dataset.name} has {len(kept)} to train on: "
                "lower it, or 0 for all"
            )
        kept = kept[np.sort(drawn(dataset.y_train[kept], samples, seed))]
        _check_classes(dataset, kept, f"training_samples is {samples}")
    if len(kept) == len(dataset.y_train):
        return dataset
    return replace(dataset, x_train=dataset.x_train[kept], y_train=dataset.y_train[kept])


def drawn(labels: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """Return the positions of some of the samples with such labels (N,), in equal class shares.

    `stratified` cannot draw them where a class has a single sample, or where fewer samples than
    there are classes are kept or left over. There the n-th of the N samples of a class, from 0 and
    in random order, has the place n / N, and the first are kept: at least one of each class, if
    there are as many.
    """
    counts = np.bincount(labels)
    if counts.min() > 1 and len(counts) <= samples <= len(labels) - len(counts):
        return stratified(labels, (samples, len(labels) - samples), seed)[0]
    order = np.random.default_rng(seed).permutation(len(labels))
    place = np.empty(len(labels))
    for label, count in enumerate(counts):
        place[labels[order] == label] = np.arange(count) / count
    return order[np.argsort(place, kind="stable")[:samples]]


def _check_classes(dataset: Dataset, rows: np.ndarray, what: str) -> None:
    """Raise DatasetError unless rows of the training set are of all classes."""
    counts = np.bincount(dataset.y_train[rows], minlength=dataset.num_classes)
    if not counts.all():
        name = dataset.class_names[int(counts.argmin())]
        raise DatasetError(f"{what}, and none is of class {name}: every class needs one")
