"""The IDX format of MNIST and its kin: from a file to an array.

A file is two zero bytes, a byte for the element type, a byte for the number of dimensions, each
dimension as a big-endian 32-bit integer, then the elements in C order.
"""

import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np

from data_utils.errors import DatasetError

UINT8 = 0x08  # the only element type that these data sets use
GZIP = b"\x1f\x8b"  # how a gzip file begins; an IDX file begins with two zero bytes
LARGEST = 2**28  # bytes; the largest of these files has 47 MB, a bomb of a few kB has many GB
REMEDY = "delete it and run again, or supply an intact copy"


def read_file(path: Path) -> bytes:
    """Read a file as it is, or raise DatasetError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"'{path}' cannot be read ({error.strerror}): make it readable, or supply another copy"
        ) from error


def is_packed(content: bytes) -> bool:
    """Tell a gzip file by its first bytes: copies keep ``.gz`` in names of unpacked files."""
    return content.startswith(GZIP)


def read_content(path: Path) -> bytes:
    """Read a file, decompressing it if it is a gzip file, whatever its name says.

    Raises DatasetError if it cannot be read, or is an incomplete or damaged gzip file.
    """
    content = read_file(path)
    if not is_packed(content):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            content = file.read(LARGEST + 1)
    except EOFError as error:
        raise DatasetError(f"'{path}' is a truncated gzip file: {REMEDY}") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(f"'{path}' is not a valid gzip file ({error}): {REMEDY}") from error
    if len(content) > LARGEST:
        raise DatasetError(f"'{path}' unpacks to more than {LARGEST} bytes: {REMEDY}")
    return content


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
