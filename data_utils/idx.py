"""The IDX format of MNIST and its kin: from the bytes of a file to an array.

A file is two zero bytes, a byte for the element type, a byte for the number of dimensions, each
dimension as a big-endian 32-bit integer, then the elements in C order.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_utils.errors import DatasetError
from data_utils.files import REMEDY
from data_utils.source import Parts

UINT8 = 0x08  # the only element type that these data sets use
NDIMS = (3, 1, 3, 1)  # images, labels, images, labels


def parse_set(contents: Sequence[bytes], paths: Sequence[Path]) -> Parts:
    """Return the four arrays of training images, training labels, test images and test labels.

    Raises DatasetError, which names a path, for what is no IDX file, and if images and labels
    differ in number.
    """
    x_train, y_train, x_test, y_test = map(parse_idx, contents, NDIMS, paths)
    _check_counts(x_train, y_train, paths[0], paths[1])
    _check_counts(x_test, y_test, paths[2], paths[3])
    return x_train, y_train, x_test, y_test


def parse_idx(content: bytes, ndim: int, path: Path) -> np.ndarray:
    """Return the uint8 array of `ndim` dimensions, 3 for images and 1 for labels, of an IDX file.

    It is a read-only view of the decompressed `content`: nothing is copied. Raises DatasetError,
    which names the path, if the magic number, a dimension or the length is wrong.
    """
    magic = bytes([0, 0, UINT8, ndim])
    if content[:4] != magic:
        raise DatasetError(
            f"'{path}' is not an IDX file of {ndim}-dimensional unsigned bytes "
            f"(it starts with {content[:4].hex() or 'nothing'}, not {magic.hex()}): {REMEDY}"
        )
    header = 4 + 4 * ndim
    if len(content) < header:
        raise DatasetError(f"'{path}' ends within its IDX header: {REMEDY}")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", count=ndim, offset=4))
    elements = len(content) - header
    if 0 in shape:
        raise DatasetError(f"'{path}' is empty (its IDX header says {shape}): {REMEDY}")
    if elements != math.prod(shape):
        raise DatasetError(
            f"'{path}' holds {elements} elements, but its IDX header says {shape}, "
            f"which makes {math.prod(shape)}: {REMEDY}"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _check_counts(images: np.ndarray, labels: np.ndarray, of_images: Path, of_labels: Path) -> None:
    if len(images) != len(labels):
        raise DatasetError(
            f"'{of_images}' holds {len(images)} images, but '{of_labels}' {len(labels)} labels: "
            "delete both and run again, or supply intact copies"
        )
