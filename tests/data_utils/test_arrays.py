from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_utils import Dataset, DatasetError, load_dataset

LABELS = np.array([0, 1, 2, 0, 1, 2])


def arrays(**changes: Any) -> dict[str, Any]:
    """Return a sound data set of 6 and 3 samples, 4 features, 3 classes, with some changes."""
    rng = np.random.default_rng(0)
    sound = {
        "x_train": rng.normal(size=(6, 4)),
        "y_train": LABELS,
        "x_test": rng.normal(size=(3, 4)),
        "y_test": np.array([2, 1, 0]),
    }
    return {key: value for key, value in (sound | changes).items() if value is not None}


def load(tmp_path: Path, **changes: Any) -> Dataset:
    np.savez(tmp_path / "own.npz", **arrays(**changes))
    return load_dataset(str(tmp_path / "own.npz"))


def replaced(index: Any, value: Any, key: str = "x_train") -> np.ndarray:
    array = arrays()[key].copy()
    array[index] = value
    return array


def test_a_folder_and_an_npz_file_hold_the_same_data_set(tmp_path: Path) -> None:
    from_file = load(tmp_path, class_names=np.array(["a", "b", "c"]))
    for key, value in arrays(class_names=np.array(["a", "b", "c"])).items():
        np.save(tmp_path / f"{key}.npy", value)
    from_folder = load_dataset(str(tmp_path))
    np.testing.assert_array_equal(from_file.x_train, from_folder.x_train)
    np.testing.assert_array_equal(from_file.y_test, from_folder.y_test)
    assert from_file.class_names == from_folder.class_names == ("a", "b", "c")
    assert from_file.name == "own"


def test_features_stay_as_stored_with_the_training_set_s_mean_and_deviation(
    tmp_path: Path,
) -> None:
    x = replaced((slice(None), 3), 0.1)
    data = load(tmp_path, x_train=x)
    np.testing.assert_array_equal(data.x_train, x)
    np.testing.assert_array_equal(data.x_test, arrays()["x_test"])
    assert (data.x_train.dtype, data.scale, data.shift) == (np.float64, 1.0, 0.0)
    np.testing.assert_allclose(data.feature_mean, x.mean(axis=0))
    np.testing.assert_allclose(data.feature_deviation, [*x[:, :3].std(axis=0), 1])


def test_small_variation_about_a_large_mean_is_not_rounded_away(tmp_path: Path) -> None:
    times = 1.7e9 + 30 * arrays()["x_train"]
    data = load(tmp_path, x_train=times, x_test=times[:3])
    np.testing.assert_allclose(data.feature_mean, times.mean(axis=0))
    np.testing.assert_allclose(data.feature_deviation, times.std(axis=0))


def test_test_set_in_other_units_is_refused(tmp_path: Path) -> None:
    small = {"x_train": 1e-30 * arrays()["x_train"], "x_test": 1e30 * arrays()["x_test"]}
    with pytest.raises(DatasetError, match=r"feature 0 of x_test\[0\] is too many standard"):
        load(tmp_path, **small)


def test_uint8_images_stay_uint8_and_keep_their_shape(tmp_path: Path) -> None:
    images = np.asfortranarray(np.arange(6 * 12, dtype=np.uint8).reshape(6, 2, 2, 3))
    data = load(tmp_path, x_train=images, x_test=images[:3])
    assert data.x_train.dtype == np.uint8
    assert data.x_train.shape == (6, 12)
    assert (data.image_shape, data.scale, data.shift) == ((2, 2, 3), 2 / 255, -1.0)
    assert data.x_train.flags.c_contiguous
    np.testing.assert_array_equal(data.x_train[1], np.arange(12, 24))


def test_labels_stored_as_floats_become_int64_if_they_are_whole(tmp_path: Path) -> None:
    data = load(tmp_path, y_train=LABELS.astype(np.float64))
    assert data.y_train.dtype == np.int64
    np.testing.assert_array_equal(data.y_train, LABELS)
    assert data.class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, r"lacks y_test \(it holds x_test, x_train, y_train\)"),
        ({"x_train": replaced((2, 3), np.nan)}, r"x_train\[2, 3\] is nan"),
        ({"x_test": replaced((0, 1), -np.inf, "x_test")}, r"x_test\[0, 1\] is -inf"),
        ({"x_train": replaced((5, 0), 1e300)}, r"x_train\[5, 0\] is 1e\+300"),
        ({"x_train": np.full((6, 4), "a")}, "x_train has dtype <U1"),
        ({"x_train": np.full((6, 4), {})}, "x_train in .* holds Python objects"),
        ({"x_train": np.zeros(6)}, r"x_train has shape \(6,\)"),
        ({"x_train": np.zeros((0, 4))}, "x_train is empty"),
        ({"x_test": np.zeros((3, 5))}, r"shape \(4,\) in x_train but \(5,\) in x_test"),
        ({"x_test": np.zeros((3, 4), np.uint8)}, "x_train is float64 but x_test uint8"),
        ({"y_train": LABELS[:5]}, "y_train holds 5 labels for 6 inputs"),
        ({"y_train": np.eye(6)}, r"y_train has shape \(6, 6\)"),
        ({"y_train": LABELS + 0.5}, r"y_train\[0\] is 0.5: labels must be the integers"),
        ({"y_train": LABELS - np.inf}, r"y_train\[0\] is -inf: labels must be the integers"),
        ({"y_train": LABELS - 1}, r"y_train\[0\] is -1: labels must be the integers"),
        ({"y_train": LABELS * 2}, "no sample of class 1, though its labels go up to 4"),
        ({"y_train": LABELS * 0}, "at least 2 classes"),
        ({"y_test": np.array([0, 3, 1])}, r"y_test\[1\] is 3, a class without a training"),
        ({"class_names": np.array(["a", "b"])}, "must be 3 strings, one for each class"),
        ({"class_names": np.array(["a", "b", "\ud800"])}, r"holds '\\ud800': use printable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_unusable_arrays_are_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        load(tmp_path, **changes)


@pytest.mark.parametrize(
    "header", ["'descr': '<f8', 'shape': (True, 3)", "'descr': (), 'shape': (6, 4)"]
)
def test_a_header_that_is_another_literal_is_refused(tmp_path: Path, header: str) -> None:
    for key, value in arrays().items():
        np.save(tmp_path / f"{key}.npy", value)
    text = f"{{{header}, 'fortran_order': False}}".ljust(117) + "\n"
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(192)
    (tmp_path / "x_train.npy").write_bytes(content)
    with pytest.raises(DatasetError, match=r"x_train in .* cannot be read .*: save it again"):
        load_dataset(str(tmp_path))


def test_files_that_are_missing_or_damaged_are_refused(tmp_path: Path) -> None:
    absent, other, damaged = (tmp_path / name for name in ("absent.npz", "x.csv", "damaged.npz"))
    other.write_text("1,2,3\n")
    np.savez(damaged, **arrays())
    content = bytearray(damaged.read_bytes())
    content[200] ^= 0xFF  # one byte of x_train
    damaged.write_bytes(content)
    for path, message in [
        (absent, "absent.npz' does not exist"),
        (other, "x.csv' is damaged or no .npz file"),
        (damaged, "x_train in .*damaged.npz' cannot be read"),
        (tmp_path, r"lacks x_train, y_train, x_test, y_test \(it holds none\)"),
    ]:
        with pytest.raises(DatasetError, match=message):
            load_dataset(str(path))
