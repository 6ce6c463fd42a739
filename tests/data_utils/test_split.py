"""Validation parts and smaller training sets."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from data_utils import Dataset, DatasetError, load_dataset
from data_utils.split import split
from data_utils.stratified import stratified


@pytest.fixture(scope="module")
def numbered() -> Dataset:
    """Return the digits with the number of a sample in place of its pixels."""
    digits = load_dataset("digits")
    numbers = np.arange(len(digits.x_train))[:, None]
    return replace(digits, x_train=numbers, image_shape=(1,))


def test_without_a_share_and_a_number_nothing_changes(numbered: Dataset) -> None:
    assert split(numbered, 0.0, 0, seed=0) is numbered
    assert split(numbered, 0.0, 1437, seed=0).x_train.tolist() == numbered.x_train.tolist()


def test_a_validation_part_is_drawn_by_class_and_leaves_the_rest(numbered: Dataset) -> None:
    data = split(numbered, 0.2, 0, seed=0)
    assert data.x_validation is not None
    assert data.y_validation is not None
    assert (len(data.x_train), len(data.x_validation)) == (1150, 287)
    both = np.concatenate([data.x_train, data.x_validation])[:, 0]
    assert sorted(both) == list(range(1437))
    for x, y in ((data.x_train, data.y_train), (data.x_validation, data.y_validation)):
        assert np.array_equal(numbered.y_train[x[:, 0]], y)
    shares = np.bincount(data.y_validation) / np.bincount(numbered.y_train)
    assert np.abs(shares - 0.2).max() < 0.01
    assert data.x_test is numbered.x_test


def test_the_validation_part_does_not_depend_on_how_many_are_trained_on(numbered: Dataset) -> None:
    whole, part, other = (
        split(numbered, 0.2, samples, seed) for samples, seed in ((0, 3), (200, 3), (200, 4))
    )
    assert np.array_equal(whole.x_validation, part.x_validation)
    assert not np.array_equal(part.x_validation, other.x_validation)
    assert {*part.x_train[:, 0]} < {*whole.x_train[:, 0]}
    assert set(np.bincount(part.y_train)) <= {19, 20, 21}
    assert np.array_equal(part.x_train, split(numbered, 0.2, 200, seed=3).x_train)


def test_parts_are_those_that_scikit_learn_draws(rng: np.random.Generator) -> None:
    for seed in range(20):
        classes = rng.integers(2, 12)
        labels = np.r_[np.repeat(np.arange(classes), 2), rng.integers(0, classes, 80)]
        first = int(rng.integers(classes, len(labels) - classes + 1))
        parts = stratified(labels, (first, len(labels) - first), seed)
        expected = train_test_split(
            np.arange(len(labels)), train_size=first, stratify=labels, random_state=seed
        )
        for part, other in zip(parts, expected, strict=True):
            np.testing.assert_array_equal(part, other)


@pytest.mark.parametrize(
    ("share", "samples", "message"),
    [
        (0.0001, 0, "validation_share 0.0001 gives the validation part 0 of 1437 samples, and"),
        (0.9999, 0, "gives the training part 0 of 1437 samples, and none is of class 0"),
        (0.0, 1438, "training_samples is 1438, and digits has 1437 to train on"),
        (0.5, 1000, "and digits has 719 to train on: lower it, or 0 for all"),
        (0.0, 9, "training_samples is 9, and none is of class ."),
    ],
)
def test_parts_that_cannot_be_are_refused(
    numbered: Dataset, share: float, samples: int, message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        split(numbered, share, samples, seed=0)


def test_a_class_with_one_sample_cannot_be_in_both_parts(numbered: Dataset) -> None:
    labels = np.r_[0, 1 + np.arange(1436) % 9]
    with pytest.raises(DatasetError, match="samples, and none is of class 0: every class needs"):
        split(replace(numbered, y_train=labels), 0.2, 0, seed=0)
