from dataclasses import replace

import numpy as np
import pytest

from data_utils import load_dataset
from lpc_scratch.evaluation.splits import (
    held_out_classes,
    smaller,
    with_wrong_labels,
    without_classes,
)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def test_half_of_the_classes_are_held_out_the_same_for_a_seed():
    held = [held_out_classes(10, seed) for seed in (0, 0, 1)]
    assert held[0].tolist() == held[1].tolist() != held[2].tolist()
    assert [len(held_out_classes(classes, 0)) for classes in (10, 3, 2)] == [5, 1, 1]


def test_remaining_classes_are_numbered_anew_with_their_names(digits):
    part = without_classes(digits, np.array([0, 4]))
    assert part.class_names == tuple("12356789")
    for y, x, whole_y, whole_x in (
        (part.y_train, part.x_train, digits.y_train, digits.x_train),
        (part.y_test, part.x_test, digits.y_test, digits.x_test),
    ):
        assert np.unique(y).tolist() == list(range(8))
        names = np.array(list(map(int, part.class_names)))[y]
        kept = ~np.isin(whole_y, [0, 4])
        assert np.array_equal(names, whole_y[kept])
        assert np.array_equal(x, whole_x[kept])


def test_smaller_training_set_has_equal_class_shares_and_the_same_test_set(digits):
    part = smaller(digits, 100, seed=0)
    assert np.bincount(part.y_train).tolist() == [10] * 10
    assert part.x_test is digits.x_test
    assert smaller(digits, 10**6, seed=0) is digits


@pytest.mark.parametrize("samples", [1, 9, 10, 15, 1427, 1432, 1436])
def test_smaller_training_set_can_have_any_size(digits, samples):
    part = smaller(digits, samples, seed=0)
    rows = {(*x, y) for x, y in zip(digits.x_train, digits.y_train, strict=True)}
    kept = {(*x, y) for x, y in zip(part.x_train, part.y_train, strict=True)}
    assert len(part.y_train) == samples
    assert kept <= rows
    shares = np.bincount(digits.y_train) * samples / len(digits.y_train)
    assert np.abs(np.bincount(part.y_train, minlength=10) - shares).max() < 1


def test_every_class_of_an_uneven_training_set_is_kept_where_there_is_room(digits):
    labels = np.repeat([0, 1, 2], [1, 30, 300])
    uneven = replace(
        digits, x_train=digits.x_train[:331], y_train=labels, class_names=("a", "b", "c")
    )
    for seed in range(5):
        counts = [np.bincount(smaller(uneven, n, seed).y_train, minlength=3) for n in (3, 12, 330)]
        assert np.array_equal(counts[0], [1, 1, 1])
        assert np.abs(counts[1] - [1, 1, 10]).max() <= 1
        assert counts[2][0] == 1
    drawn = [smaller(uneven, 12, seed).x_train for seed in (0, 0, 1)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_wrong_labels_are_so_many_and_each_another_class(digits):
    noisy = with_wrong_labels(digits, 0.3, seed=0)
    changed = noisy.y_train != digits.y_train
    assert changed.sum() == round(0.3 * len(digits.y_train))
    assert set(np.unique(noisy.y_train)) == set(range(10))
    assert np.array_equal(noisy.y_test, digits.y_test)
    assert np.bincount(noisy.y_train[changed]).min() > 20  # all classes alike
