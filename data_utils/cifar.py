"""The binary files of CIFAR-10 and CIFAR-100: from their bytes to arrays.

A file is rows of one length: a label (CIFAR-100: the coarse, then the fine one), then the red, the
green and the blue plane of 32 x 32 pixels, a byte each (https://www.cs.toronto.edu/~kriz/cifar.html).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_utils.errors import DatasetError
from data_utils.files import REMEDY
from data_utils.source import Parts

SIDE, CHANNELS = 32, 3


def parse_rows(
    contents: Sequence[bytes], paths: Sequence[Path], *, labels: int, classes: int
) -> Parts:
    """Return images and labels of the training files and of the last one, the test set.

    `labels` is the number of bytes before the pixels, of which the last is the label that is kept;
    `classes` is how many of those there are. Pixels become (N, H, W, C), channels last. Raises
    DatasetError, which names the path, for part of a row or a label out of range.
    """
    size = labels + SIDE * SIDE * CHANNELS
    rows = []
    for content, path in zip(contents, paths, strict=True):
        if not content or len(content) % size:
            raise DatasetError(
                f"'{path}' has {len(content)} bytes, which is no whole number of images of {size} "
                f"bytes: it is truncated or another kind of file, {REMEDY}"
            )
        rows.append(np.frombuffer(content, np.uint8).reshape(-1, size))
        label = rows[-1][:, labels - 1]
        if label.max() >= classes:
            n = int(label.argmax())
            raise DatasetError(
                f"'{path}' gives image {n} the label {label[n]}, but labels are 0 to "
                f"{classes - 1}: {REMEDY}"
            )
    train, test = (_split(part, labels) for part in (rows[:-1], rows[-1:]))
    return *train, *test


def _split(parts: Sequence[np.ndarray], labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (N, H, W, C) and the labels (N,) of the rows of some files."""
    ends = np.cumsum([len(part) for part in parts])
    images = np.empty((ends[-1], SIDE, SIDE, CHANNELS), np.uint8)
    for part, end in zip(parts, ends, strict=True):
        planes = part[:, labels:].reshape(-1, CHANNELS, SIDE, SIDE)
        images[end - len(part) : end] = planes.transpose(0, 2, 3, 1)
    return images, np.concatenate([part[:, labels - 1] for part in parts])
