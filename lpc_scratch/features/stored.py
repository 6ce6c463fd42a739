"""Arrays in files that are read a few rows at a time: `.npy`, `.npz`, `.safetensors`.

Rows are read, not mapped: a file that shrinks meanwhile is an error and no bus error, and its pages
do not count as memory of the process.
"""

import json
import math
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from data_utils import DatasetError
from data_utils.arrays import UNREADABLE
from data_utils.errors import one_line

_TENSORS = {
    name: np.dtype(code)
    for name, code in zip(
        ["F64", "F32", "F16", "BF16", "BOOL", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8"],
        ["<f8", "<f4", "<f2", "<u2", "?", "<i8", "<i4", "<i2", "i1", "<u8", "<u4", "<u2", "u1"],
        strict=True,
    )
}
_LONGEST_HEADER = 100_000_000  # bytes, the bound of safetensors itself


@dataclass(frozen=True)
class StoredArray:
    """An array in a file, C-contiguous; of a matrix it gives rows.

    Attributes
    ----------
    path, name : the file, and how the array is called in it
    offset : of its first byte in the file
    shape, dtype : what it holds; of bfloat16, which NumPy has not, uint16
    brain : whether it is bfloat16
    """

    path: Path
    name: str
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype
    brain: bool = False

    def read(self, start: int, stop: int) -> npt.NDArray:
        """Return entries from `start` to `stop` along the first axis.

        Raises
        ------
        DatasetError
            If the file cannot be read or has become shorter.
        """
        row = math.prod(self.shape[1:])
        values = np.empty((stop - start) * row, self.dtype)
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset + start * row * self.dtype.itemsize)
                got = file.readinto(values.view(np.uint8).data) if values.size else 0
        except OSError as error:
            raise DatasetError(
                f"{self.name} in '{self.path}' cannot be read ({one_line(error)})"
            ) from error
        if got < values.nbytes:
            last = start + got // (row * self.dtype.itemsize)
            raise DatasetError(
                f"{self.name} in '{self.path}' ends in row {last} of {self.shape[0]}, and was "
                "longer before: measure it when nothing writes it any more"
            )
        if self.brain:
            values = (values.astype(np.uint32) << 16).view(np.float32)
        return values.reshape(stop - start, *self.shape[1:])


Stored = StoredArray | npt.NDArray


def open_arrays(path: Path) -> dict[str, Stored]:
    """Return the arrays of a file or a folder by name, in its order; those of a folder by number.

    Compressed arrays of an `.npz` file, and those in Fortran order, are read at once.

    Raises
    ------
    DatasetError
        If the path leads nowhere, to another kind of file, or to a damaged one.
    """
    if not path.exists():
        raise DatasetError(f"'{path}' does not exist: name a file or folder of arrays, or a run")
    try:
        if path.is_dir():
            files = sorted(path.glob("*.npy"), key=lambda file: natural(file.stem))
            return {file.stem: _open_npy(file, file.stem) for file in files}
        if zipfile.is_zipfile(path):
            return _open_npz(path)
        if path.suffix == ".safetensors":
            return _open_tensors(path)
    except DatasetError:
        raise
    except (*UNREADABLE, struct.error, RecursionError) as error:
        if "allow_pickle" in str(error):
            raise DatasetError(
                f"'{path}' holds Python objects, which are never loaded because they can run code: "
                "save numbers"
            ) from error
        raise DatasetError(f"'{path}' cannot be read ({one_line(error)}): save it again") from error
    raise DatasetError(
        f"'{path}' is damaged or no file of arrays: write .npz, .safetensors, or a folder of .npy"
    )


def _open_npy(path: Path, name: str) -> Stored:
    with path.open("rb") as file:
        found = _array_at(file, path, name)
    return np.load(path, allow_pickle=False) if found is None else found


def _open_npz(path: Path) -> dict[str, Stored]:
    arrays: dict[str, Stored] = {}
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            found: Stored | None = None
            if info.compress_type == zipfile.ZIP_STORED:
                file.seek(info.header_offset)
                lengths = struct.unpack("<2H", file.read(30)[26:])  # of the name and of more
                file.seek(info.header_offset + 30 + sum(lengths))
                found = _array_at(file, path, name)
            if found is None:
                with archive.open(info) as member:
                    found = np.lib.format.read_array(member, allow_pickle=False)
            arrays[name] = found
    return arrays


def _array_at(file: BinaryIO, path: Path, name: str) -> StoredArray | None:
    """Return the array whose header comes next in a file; None where its rows are not in a row."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
    read = np.lib.format.read_array_header_2_0 if version == (2, 0) else read
    if read is None:
        raise ValueError(f"{name} has an unknown version of the .npy format")
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise DatasetError(
            f"{name} in '{path}' holds Python objects, which are never loaded because they can run "
            "code: save numbers"
        )
    if fortran and len(shape) > 1:
        return None
    return _checked(StoredArray(path, name, file.tell(), shape, dtype))


def _open_tensors(path: Path) -> dict[str, Stored]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(_LONGEST_HEADER, path.stat().st_size):
            raise ValueError("its header is longer than the file")
        header: Mapping = json.loads(file.read(length))
    arrays: dict[str, Stored] = {}
    for name in sorted(header.keys() - {"__metadata__"}, key=natural):
        about = header[name]
        if about["dtype"] not in _TENSORS:
            raise DatasetError(
                f"{name} in '{path}' is {about['dtype']}, which NumPy has not: save it as F32"
            )
        dtype, shape = _TENSORS[about["dtype"]], tuple(map(int, about["shape"]))
        first, end = about["data_offsets"]
        if end - first != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} has another size than its shape says")
        place = 8 + length + first
        brain = about["dtype"] == "BF16"
        arrays[name] = _checked(StoredArray(path, name, place, shape, dtype, brain))
    return arrays


def _checked(array: StoredArray) -> StoredArray:
    """Return the array if its file is long enough for it."""
    needed = array.offset + math.prod(array.shape) * array.dtype.itemsize
    size = array.path.stat().st_size
    if size < needed:
        raise DatasetError(
            f"{array.name} in '{array.path}' is cut off: the file has {size:,} of {needed:,} "
            "bytes, save it again"
        )
    return array


def natural(name: str) -> list[tuple[bool, int, str]]:
    """Return a key that sorts names as people count: layer2 before layer10."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
