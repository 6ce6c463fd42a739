"""Corrupted images: noise, blur, light, motion and occlusion in five severities.

In the manner of MNIST-C (Mu and Gilmer 2019, "MNIST-C: a robustness benchmark for computer
vision"), but not its files, nor its code or parameters: numbers measured on these images compare
with one another, not with those published for MNIST-C.

Images are black, 0, outside their borders, as around the digits of MNIST. Lengths are shares of
the shorter side of an image, so that a severity means about as much to 8 x 8 pixels as to 28 x 28.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from data_utils.checks import check_all
from data_utils.errors import DatasetError

FloatArray = npt.NDArray[np.float32]

CORRUPTIONS: dict[str, tuple[float, float, float, float, float]] = {
    "gaussian-noise": (0.1, 0.2, 0.3, 0.4, 0.5),  # standard deviation, clipped to [0, 1]
    "salt-and-pepper": (0.02, 0.05, 0.1, 0.2, 0.3),  # share of pixels made black or white
    "blur": (0.05, 0.065, 0.08, 0.1, 0.125),  # standard deviation of a Gaussian, share of the side
    "contrast": (0.6, 0.45, 0.3, 0.2, 0.1),  # factor of the distance from the image's mean
    "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),  # added to every pixel, clipped to [0, 1]
    "rotation": (10, 20, 30, 40, 50),  # degrees, to the left or to the right
    "translation": (0.04, 0.07, 0.1, 0.13, 0.16),  # share of the side, in a random direction
    "occlusion": (0.2, 0.3, 0.4, 0.5, 0.6),  # side of a black square, share of the side
}
"""The one parameter of every corruption, at severities 1 to 5."""


def corrupt(images: npt.ArrayLike, name: str, severity: int, seed: int) -> FloatArray:
    """Corrupt images.

    Parameters
    ----------
    images : (N, H, W) or (N, H, W, C) array
        Numbers from 0 (black) to 1.
    name : str
        A key of `CORRUPTIONS`.
    severity : int
        1 to 5.
    seed : int
        At least 0. The same seed gives the same bits. What happens to the n-th image does not
        depend on how many follow, and the same pixels, directions and places are drawn for every
        severity, so that severities differ in nothing else.

    Returns
    -------
    float32 array of the shape of `images`
        From 0 to 1. Always a new array.

    Raises
    ------
    DatasetError
        If the name is unknown, the severity or the seed out of range, or `images` have another
        shape, no pixel, or a value that is not a number from 0 to 1.

    Examples
    --------
    >>> digits = load_dataset("digits")
    >>> images = digits.x_test.reshape(-1, *digits.image_shape) / 16
    >>> corrupt(images, "rotation", severity=3, seed=0).shape
    (360, 8, 8)
    """
    if name not in CORRUPTIONS:
        raise DatasetError(
            f"unknown corruption '{name}': the known ones are {', '.join(CORRUPTIONS)}"
        )
    if severity not in range(1, 6):
        raise DatasetError(f"severity is {severity}: it must be from 1 to 5")
    if seed < 0:
        raise DatasetError(f"seed is {seed}: it must be at least 0")
    x = _check(images)
    channels_last = x.ndim == 4
    x = np.ascontiguousarray(np.moveaxis(x, 3, 1)) if channels_last else x[:, None]
    amount = CORRUPTIONS[name][severity - 1]
    x = _FUNCTIONS[name](x, amount, np.random.default_rng(seed)).clip(0, 1)
    return np.ascontiguousarray(np.moveaxis(x, 1, 3)) if channels_last else x[:, 0]


# Below, x is (N, C, H, W) and stays as it is. Random numbers are drawn image by image.


def _gaussian_noise(x: FloatArray, deviation: float, rng: np.random.Generator) -> FloatArray:
    noise = rng.standard_normal(x.shape, dtype=np.float32)
    noise *= np.float32(deviation)
    noise += x
    return noise


def _salt_and_pepper(x: FloatArray, share: float, rng: np.random.Generator) -> FloatArray:
    """Make pixels, in all of their channels, black or white."""
    chance = rng.random((len(x), 1, *x.shape[2:]), dtype=np.float32)
    salted = np.where(chance > 1 - share / 2, np.float32(1), x)
    return np.where(chance < share / 2, np.float32(0), salted)


def _blur(x: FloatArray, share: float, rng: np.random.Generator) -> FloatArray:
    """Average with a Gaussian over the pixels of the image."""
    deviation = share * _side(x)

    def weights(length: int) -> FloatArray:
        """Weight of pixel j in pixel i of the result, (i, j)."""
        pixel = np.arange(length)
        gaussian = np.exp(-(((pixel[:, None] - pixel) / deviation) ** 2) / 2)
        return (gaussian / gaussian.sum(axis=1, keepdims=True)).astype(np.float32)

    return _mix(weights(x.shape[2]), x, weights(x.shape[3]))


def _contrast(x: FloatArray, factor: float, rng: np.random.Generator) -> FloatArray:
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    return mean + np.float32(factor) * (x - mean)


def _brightness(x: FloatArray, amount: float, rng: np.random.Generator) -> FloatArray:
    return x + np.float32(amount)


def _rotation(x: FloatArray, degrees: float, rng: np.random.Generator) -> FloatArray:
    """Turn every image about its middle, to the left or to the right at random."""
    left = rng.random(len(x)) < 0.5
    turned = np.empty_like(x)
    for chosen, angle in ((left, np.deg2rad(degrees)), (~left, -np.deg2rad(degrees))):
        turned[chosen] = _turn(x[chosen], angle)
    return turned


def _turn(x: FloatArray, angle: float) -> FloatArray:
    """Turn all images by one angle, with linear interpolation between the four nearest pixels."""
    height, width = x.shape[2:]
    middle = (height - 1) / 2, (width - 1) / 2
    down, right = np.arange(height)[:, None] - middle[0], np.arange(width) - middle[1]
    # where in the original every pixel of the result lies
    row = middle[0] + np.cos(angle) * down + np.sin(angle) * right
    column = middle[1] - np.sin(angle) * down + np.cos(angle) * right
    pixels = x.reshape(*x.shape[:2], height * width)  # of no image at all too
    turned = np.zeros_like(x)
    for i in (np.floor(row), np.floor(row) + 1):
        for j in (np.floor(column), np.floor(column) + 1):
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            weight = inside * (1 - abs(row - i)) * (1 - abs(column - j))
            position = np.where(inside, i * width + j, 0).astype(np.intp)
            turned += weight.astype(np.float32) * pixels[:, :, position]
    return turned


def _translation(x: FloatArray, share: float, rng: np.random.Generator) -> FloatArray:
    """Move every image in a direction of its own, with linear interpolation between pixels."""
    direction = 2 * np.pi * rng.random((len(x), 1, 1, 1))
    distance = share * _side(x)

    def weights(length: int, shift: npt.NDArray[np.float64]) -> FloatArray:
        """Weight of pixel j in pixel i of the result, (N, 1, i, j)."""
        pixel = np.arange(length)
        return np.maximum(0, 1 - abs(pixel[:, None] - shift - pixel)).astype(np.float32)

    down = weights(x.shape[2], distance * np.sin(direction))
    right = weights(x.shape[3], distance * np.cos(direction))
    return _mix(down, x, right)


def _occlusion(x: FloatArray, share: float, rng: np.random.Generator) -> FloatArray:
    """Hide a square anywhere in the image; of pixels at its edge, the part that it covers."""
    side = share * _side(x)
    place = rng.random((len(x), 2, 1))

    def covered(length: int, place: npt.NDArray[np.float64]) -> FloatArray:
        """Return the part of pixel i between the two ends of the square, (N, i)."""
        start, pixel = place * (length - side), np.arange(length)
        part = np.minimum(pixel + 1, start + side) - np.maximum(pixel, start)
        return part.clip(0, 1).astype(np.float32)

    rows, columns = covered(x.shape[2], place[:, 0]), covered(x.shape[3], place[:, 1])
    return x * (1 - rows[:, None, :, None] * columns[:, None, None, :])


_FUNCTIONS: dict[str, Callable[[FloatArray, float, np.random.Generator], FloatArray]] = {
    "gaussian-noise": _gaussian_noise,
    "salt-and-pepper": _salt_and_pepper,
    "blur": _blur,
    "contrast": _contrast,
    "brightness": _brightness,
    "rotation": _rotation,
    "translation": _translation,
    "occlusion": _occlusion,
}


def _mix(rows: FloatArray, x: FloatArray, columns: FloatArray) -> FloatArray:
    """Return rows x columnsᵀ: weighted sums over the rows and the columns of every image."""
    return np.matmul(np.matmul(rows, x), columns.mT)


def _side(x: FloatArray) -> int:
    """Return the shorter side of an image, in pixels."""
    return min(x.shape[2:])


def _check(images: npt.ArrayLike) -> FloatArray:
    """Return images as a float32 array of 3 or 4 dimensions with values from 0 to 1."""
    x = np.asarray(images)
    if x.dtype.kind not in "buif":
        raise DatasetError(f"images have dtype {x.dtype}: they must hold numbers from 0 to 1")
    if x.ndim not in (3, 4) or x.size == 0:
        raise DatasetError(
            f"images have shape {x.shape}: they must be (N, H, W) or (N, H, W, C), with one pixel "
            "at the least"
        )
    within = (x >= 0) & (x <= 1)  # false for nan too
    check_all("images", x, within, "every pixel must be from 0 to 1 (divide bytes by 255)")
    return x.astype(np.float32, copy=False)
