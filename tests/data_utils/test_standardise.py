"""Standardisation of images by channel."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from data_utils import Dataset, DatasetError, load_dataset
from data_utils.standardise import BLOCK, per_channel


@pytest.fixture
def images() -> Dataset:
    """Return more uint8 images of 2 x 3 pixels in three colours than are looked at at once."""
    drawn = np.random.default_rng(0).integers(256, size=(2, BLOCK + 100, 6, 3))
    drawn = (drawn * [1.0, 0.5, 0.1] + [0, 100, 3]).astype(np.uint8).reshape(2, -1, 18)
    labels = np.arange(BLOCK + 100) % 3
    return Dataset(
        name="colours",
        x_train=drawn[0],
        y_train=labels,
        x_test=drawn[1],
        y_test=labels,
        scale=2 / 255,
        shift=-1.0,
        class_names=("a", "b", "c"),
        image_shape=(2, 3, 3),
    )


def test_every_channel_of_the_training_set_gets_mean_0_and_deviation_1(images: Dataset) -> None:
    data = per_channel(images)
    assert data.x_train is images.x_train
    assert data.x_test is images.x_test
    channels = (images.x_train * data.scale + data.shift).reshape(-1, 3)
    np.testing.assert_allclose(channels.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(channels.std(axis=0), 1, rtol=1e-12)
    assert np.shape(data.scale) == np.shape(data.shift) == (18,)
    assert np.array_equal(np.reshape(data.scale, (6, 3)), np.tile(data.scale[:3], (6, 1)))
    assert data.white == 255


def test_grey_images_have_one_channel() -> None:
    digits = load_dataset("digits")
    data = per_channel(digits)
    np.testing.assert_allclose(data.scale, 1 / digits.x_train.std())
    np.testing.assert_allclose(data.shift, -digits.x_train.mean() / digits.x_train.std())
    assert data.white == 16


def test_a_constant_channel_becomes_0(images: Dataset) -> None:
    x = images.x_train.copy()
    x[:, 1::3] = 77
    data = per_channel(replace(images, x_train=x))
    assert not np.any((x * data.scale + data.shift)[:, 1::3])


def test_inputs_that_are_no_images_in_uint8_are_refused(images: Dataset) -> None:
    for data, what in (
        (load_dataset("gaussians"), r"gaussians are float32 of shape \(20,\)"),
        (replace(images, image_shape=(18,)), r"colours are uint8 of shape \(18,\)"),
        (replace(images, x_train=images.x_train / 255), "colours are float64 of shape"),
    ):
        with pytest.raises(DatasetError, match=f"per_channel is for images in uint8, .*{what}"):
            per_channel(data)


def test_deviations_of_real_images_are_those_published(real: Callable[[str], Dataset]) -> None:
    data = per_channel(real("cifar-10"))
    deviation = 1 / np.asarray(data.scale[:3]) / 255
    np.testing.assert_allclose(deviation, (0.2470, 0.2435, 0.2616), atol=5e-5)
    np.testing.assert_allclose(-data.shift[:3] * deviation, (0.4914, 0.4822, 0.4465), atol=5e-5)
