import numpy as np
import pytest

from data_utils import DatasetError, load_dataset


@pytest.mark.parametrize(("classes", "dims"), [(2, 1), (4, 20), (10, 100)])
def test_classes_are_separable_but_not_trivially(classes: int, dims: int) -> None:
    data = load_dataset("gaussians", classes=classes, dims=dims)
    means = np.stack([data.x_train[data.y_train == c].mean(axis=0) for c in range(classes)])
    distances = np.linalg.norm(data.x_test[:, None] - means, axis=2)
    accuracy = np.mean(distances.argmin(axis=1) == data.y_test)
    assert 0.95 < accuracy <= 1
    closest = min(np.linalg.norm(means[i] - means[j]) for i in range(classes) for j in range(i))
    assert closest == pytest.approx(5, abs=0.7)


def test_every_vertex_is_a_different_centre_when_all_are_used() -> None:
    data = load_dataset("gaussians", classes=64, dims=6)
    means = np.stack([data.x_train[data.y_train == c].mean(axis=0) for c in range(64)])
    assert len(np.unique(np.sign(means), axis=0)) == 64


def test_a_seed_decides_the_data() -> None:
    first, again, other = (load_dataset("gaussians", seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.x_train, again.x_train)
    np.testing.assert_array_equal(first.y_test, again.y_test)
    assert not np.array_equal(first.x_train, other.x_train)


def test_the_set_is_float32_balanced_and_of_unit_scale() -> None:
    data = load_dataset("gaussians", classes=3, dims=5)
    assert data.x_train.dtype == np.float32
    assert data.y_train.dtype == np.int64
    np.testing.assert_array_equal(np.bincount(data.y_train), [500, 500, 500])
    np.testing.assert_array_equal(np.bincount(data.y_test), [100, 100, 100])
    standardised = data.x_train * data.scale + data.shift
    assert standardised.dtype == np.float32
    assert np.mean(standardised**2) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("classes", "dims", "message"),
    [
        (1, 20, "at least 2 classes, not 1"),
        (2, 0, "dims of at least 1, not 0"),
        (5, 2, "only 4 distinct centres in 2 dims, too few for 5 classes"),
    ],
)
def test_impossible_settings_are_refused(classes: int, dims: int, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        load_dataset("gaussians", classes=classes, dims=dims)
