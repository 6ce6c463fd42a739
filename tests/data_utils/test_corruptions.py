import numpy as np
import pytest
from scipy import ndimage

from data_utils import DatasetError, load_dataset
from data_utils.corruptions import CORRUPTIONS, corrupt

NAMES = list(CORRUPTIONS)
ALIKE = {"blur", "contrast", "brightness"}  # nothing in them is left to chance


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """Return digits (100, 8, 8)."""
    return load_dataset("digits").x_test[:100].reshape(-1, 8, 8) / 16


@pytest.fixture(scope="module")
def spot() -> np.ndarray:
    """Return 50 times the same uneven spot amid 41 x 41 black pixels."""
    image = np.zeros((41, 41), dtype=np.float32)
    image[17:22, 18:25] = np.random.default_rng(0).random((5, 7))
    return np.repeat(image[None], 50, axis=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 8, 8), (5, 28, 28), (5, 6, 9, 3), (2, 1, 1)])
def test_the_result_is_an_image_of_the_same_shape(name: str, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).random(shape)
    before = images.copy()
    for severity in (1, 5):
        corrupted = corrupt(images, name, severity, seed=0)
        assert corrupted.shape == shape
        assert corrupted.dtype == np.float32
        assert corrupted.min() >= 0
        assert corrupted.max() <= 1
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_decides_the_bits_of_an_image_however_many_follow(
    name: str, digits: np.ndarray
) -> None:
    first, again, other = (corrupt(digits, name, 3, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (name in ALIKE)
    np.testing.assert_array_equal(first[:7], corrupt(digits[:7], name, 3, seed=1))


@pytest.mark.parametrize("name", NAMES)
def test_severities_grow_on_small_images_and_on_larger_ones(name: str, digits: np.ndarray) -> None:
    for images in (digits, ndimage.zoom(digits, (1, 3.5, 3.5), order=1)):
        change = [np.abs(corrupt(images, name, k, seed=0) - images).mean() for k in range(1, 6)]
        assert np.all(np.diff(change) > 0)
        assert change[0] > 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_a_channel_axis_of_length_one_changes_nothing(name: str, digits: np.ndarray) -> None:
    np.testing.assert_array_equal(
        corrupt(digits[..., None], name, 2, seed=0)[..., 0], corrupt(digits, name, 2, seed=0)
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name != "gaussian-noise"])
def test_every_channel_of_an_image_is_corrupted_in_the_same_place(
    name: str, digits: np.ndarray
) -> None:
    grey = np.repeat(digits[..., None], 3, axis=-1)
    expected = corrupt(digits, name, 3, seed=0)
    for channel in np.moveaxis(corrupt(grey, name, 3, seed=0), -1, 0):
        np.testing.assert_allclose(channel, expected, atol=1e-6)


def test_noise_has_the_deviation_of_the_table() -> None:
    grey = np.full((20, 28, 28), 0.5)
    noise = corrupt(grey, "gaussian-noise", 1, seed=0) - grey
    assert noise.std() == pytest.approx(0.1, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.005)


def test_salt_and_pepper_are_equally_many_whole_pixels() -> None:
    corrupted = corrupt(np.full((20, 28, 28, 3), 0.5), "salt-and-pepper", 4, seed=0)
    assert np.mean(corrupted == 0) == pytest.approx(0.1, abs=0.01)
    assert np.mean(corrupted == 1) == pytest.approx(0.1, abs=0.01)
    assert (corrupted == corrupted[..., :1]).all()


def test_blur_is_a_gaussian_filter_that_keeps_plain_images(spot: np.ndarray) -> None:
    expected = ndimage.gaussian_filter(spot[0], 0.05 * 41, mode="constant", truncate=8)
    np.testing.assert_allclose(corrupt(spot, "blur", 1, seed=0)[0], expected, atol=1e-6)
    plain = np.full((1, 8, 12), 0.7)
    np.testing.assert_allclose(corrupt(plain, "blur", 5, seed=0), plain, rtol=1e-6)


def test_contrast_and_brightness_of_two_pixels() -> None:
    image = [[[0.2, 0.8]]]  # mean 0.5
    np.testing.assert_allclose(corrupt(image, "contrast", 3, seed=0), [[[0.41, 0.59]]], rtol=1e-6)
    np.testing.assert_allclose(corrupt(image, "brightness", 3, seed=0), [[[0.5, 1]]], rtol=1e-6)


def test_rotation_turns_to_both_sides_as_scipy_does() -> None:
    images = np.repeat(np.random.default_rng(0).random((1, 9, 12)), 40, axis=0)
    turned = corrupt(images, "rotation", 3, seed=0)
    left, right = (
        ndimage.rotate(images[0], angle, order=1, reshape=False, mode="grid-constant")
        for angle in (30, -30)
    )
    to_left = [np.allclose(image, left, atol=1e-6) for image in turned]
    to_right = [np.allclose(image, right, atol=1e-6) for image in turned]
    assert np.logical_xor(to_left, to_right).all()
    assert 10 < np.sum(to_left) < 30


def test_translation_moves_the_centre_by_its_share_of_the_side(spot: np.ndarray) -> None:
    moved = corrupt(spot, "translation", 3, seed=0)
    np.testing.assert_allclose(moved.sum(axis=(1, 2)), spot.sum(axis=(1, 2)), rtol=1e-5)
    start = np.array(ndimage.center_of_mass(spot[0]))
    shifts = np.array([ndimage.center_of_mass(image) for image in moved]) - start
    np.testing.assert_allclose(np.linalg.norm(shifts, axis=1), 0.1 * 41, rtol=1e-4)
    assert np.abs(shifts.mean(axis=0)).max() < 0.1 * 41 / 2  # to all sides


@pytest.mark.parametrize("side", [8, 28])
def test_occlusion_hides_its_share_of_the_area_in_different_places(side: int) -> None:
    hidden = 1 - corrupt(np.ones((20, side, side)), "occlusion", 2, seed=0)
    np.testing.assert_allclose(hidden.mean(axis=(1, 2)), 0.3**2, rtol=1e-4)
    assert len(np.unique(hidden.reshape(20, -1), axis=0)) == 20


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "fog"}, "unknown corruption 'fog': the known ones are gaussian-noise, salt"),
        ({"severity": 0}, "severity is 0: it must be from 1 to 5"),
        ({"severity": 6}, "severity is 6"),
        ({"seed": -1}, "seed is -1"),
        ({"images": np.zeros((2, 64))}, r"shape \(2, 64\): they must be \(N, H, W\)"),
        ({"images": np.zeros((0, 8, 8))}, r"shape \(0, 8, 8\)"),
        ({"images": np.full((2, 8, 8), np.nan)}, r"images\[0, 0, 0\] is nan"),
        ({"images": [[[0, 1], [1, 255]]]}, r"images\[0, 1, 1\] is 255: .* \(divide bytes by 255"),
        ({"images": [[["a"]]]}, "dtype <U1"),
    ],
)
def test_what_cannot_be_corrupted_is_named(changed: dict[str, object], message: str) -> None:
    arguments = {"images": np.zeros((2, 8, 8)), "name": "blur", "severity": 1, "seed": 0}
    with pytest.raises(DatasetError, match=message):
        corrupt(**(arguments | changed))
