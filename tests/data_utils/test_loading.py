from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets
from sklearn.model_selection import train_test_split

from data_utils import DATASETS, DatasetError, load_dataset


def test_digits_are_split_by_the_seed_with_equal_class_shares() -> None:
    first, again, other = (load_dataset("digits", seed=seed) for seed in (0, 0, 1))
    assert (first.x_train.shape, first.x_test.shape) == ((1437, 64), (360, 64))
    assert first.x_train.dtype == np.uint8
    assert first.y_train.dtype == np.int64
    assert set(np.bincount(first.y_test)) <= {35, 36, 37}
    np.testing.assert_array_equal(first.x_train, again.x_train)
    assert not np.array_equal(first.y_train, other.y_train)


def test_digits_are_those_of_scikit_learn_wherever_it_keeps_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images, labels = datasets.load_digits(return_X_y=True)
    expected = train_test_split(images, labels, test_size=0.2, stratify=labels, random_state=3)
    monkeypatch.setattr(datasets, "load_digits", None)
    found = [load_dataset("digits", seed=3)]
    monkeypatch.undo()
    monkeypatch.setattr("data_utils.digits.find_spec", lambda _: None)
    found.append(load_dataset("digits", seed=3))
    for data in found:
        for part, other in zip(
            (data.x_train, data.x_test, data.y_train, data.y_test), expected, strict=True
        ):
            np.testing.assert_array_equal(part, other)


def test_digits_are_scaled_to_plus_minus_one() -> None:
    data = load_dataset("digits")
    x = data.x_train * data.scale + data.shift
    assert (x.min(), x.max(), data.image_shape) == (-1, 1, (8, 8))


@pytest.mark.parametrize("name", ["MNIST", "imagenet", ""])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(DatasetError, match="unknown data set") as caught:
        load_dataset(name)
    message = str(caught.value)
    assert all(known in message for known in (*DATASETS, ".npz"))
    assert ("did you mean 'mnist'" in message) == (name == "MNIST")


def test_a_folder_in_the_working_directory_does_not_hide_a_known_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_dataset("digits").num_classes == 10


def test_a_seed_out_of_range_is_refused() -> None:
    with pytest.raises(DatasetError, match="seed is -1: it must be from 0 to 4294967295"):
        load_dataset("gaussians", seed=-1)
