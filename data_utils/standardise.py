"""What gives every feature, or every channel of images, mean 0 and standard deviation 1."""

from dataclasses import replace

import numpy as np

from data_utils.dataset import Dataset
from data_utils.errors import DatasetError

BLOCK = 1024  # rows in float64 at a time, to stay far below a copy of the data


def mean_and_deviation(x_train: np.ndarray, x_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation (I,) of every feature of a training set (N, I).

    All arithmetic is float64, so that a small variation about a large mean (a time stamp) is not
    lost. The deviation of a constant feature is given as 1, so that it becomes 0. Raises
    DatasetError if a value of `x_test` (M, I) is so far from the training set that float32 cannot
    hold it.
    """
    mean = x_train.mean(axis=0, dtype=np.float64)
    squares = np.zeros_like(mean)
    for start in range(0, len(x_train), BLOCK):
        centred = x_train[start : start + BLOCK] - mean
        squares += np.einsum("ni,ni->i", centred, centred)
    deviation = np.sqrt(squares / len(x_train))
    # Rounding can give a constant feature a tiny deviation, so compare the values themselves.
    constant = (x_train.min(axis=0) == x_train.max(axis=0)) | (deviation == 0)
    deviation[constant] = 1
    for start in range(0, len(x_test), BLOCK):
        with np.errstate(over="ignore"):
            distance = np.abs(x_test[start : start + BLOCK] - mean) / deviation
        far = distance > np.finfo(np.float32).max
        if far.any():
            row, feature = np.unravel_index(int(far.argmax()), far.shape)
            raise DatasetError(
                f"feature {feature} of x_test[{start + row}] is too many standard deviations of "
                "x_train from its mean: check that both are in the same units"
            )
    return mean, deviation


def per_channel(dataset: Dataset) -> Dataset:
    """Return images that are standardised by the mean and the deviation of each of their channels.

    Both are of the training set, in float64, over all samples and pixels; grey images have one
    channel. The images stay as stored: it is `scale` and `shift` that change, to (I,). A channel
    that is constant becomes 0. Raises DatasetError if the inputs are no images in uint8.
    """
    x, shape = dataset.x_train, dataset.image_shape
    if x.dtype != np.uint8 or len(shape) not in (2, 3):
        raise DatasetError(
            f"per_channel is for images in uint8, and the inputs of {dataset.name} are {x.dtype} "
            f"of shape {shape}: leave it out"
        )
    channels = shape[2] if len(shape) == 3 else 1
    # How often every value of a byte is there says all of it, without rounding.
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, len(x), BLOCK):
        for channel, count in enumerate(counts):
            count += np.bincount(x[start : start + BLOCK, channel::channels].ravel(), minlength=256)
    values, total = np.arange(256.0), x.size // channels
    mean = counts @ values / total
    deviation = np.sqrt((counts * (values - mean[:, None]) ** 2).sum(axis=1) / total)
    deviation[deviation == 0] = 1
    repeated = x.shape[1] // channels
    return replace(
        dataset,
        scale=np.tile(1 / deviation, repeated),
        shift=np.tile(-mean / deviation, repeated),
        white=round(2 / float(dataset.scale)),  # it was scaled to [-1, 1]
    )
