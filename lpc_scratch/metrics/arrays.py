"""Arrays of any origin, and rows of a matrix that need not fit in memory.

NumPy arrays and memory maps are taken as they are; lists, pandas frames, and whatever offers
``__array__`` or DLPack, are made arrays. What cannot be one gets a sentence that says what to pass.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

Result = TypeVar("Result")
_NUMBERS = 2**20  # of a chunk of rows, 8 MB in float64


def as_array(values: Any, name: str) -> npt.NDArray:
    """Return ``values`` as an array of real numbers, no copy where there is an array already.

    Raises ValueError, whose message starts with ``name``, for tensors that need a gradient or are
    on a GPU, sparse matrices, ragged lists, and arrays of objects, text or complex numbers.
    """
    if getattr(values, "requires_grad", False):
        raise ValueError(f"{name} needs a gradient, which NumPy has not: pass {name}.detach().")
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise ValueError(f"{name} is a sparse matrix: pass {name}.toarray().")
    try:
        foreign = hasattr(values, "__dlpack__") and not hasattr(values, "__array__")
        array = np.from_dlpack(values) if foreign else np.asanyarray(values)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise ValueError(f"{name} is no array that NumPy can read ({error}).") from error
    if array.dtype.kind not in "buif":
        what = "Python objects" if array.dtype == object else f"values of dtype {array.dtype}"
        raise ValueError(f"{name} holds {what}: it must hold real numbers.")
    return array


def describe_infinite(name: str, block: npt.NDArray, first_row: int = 0) -> str:
    """Return the sentence that names the first entry of a matrix that is nan or infinite."""
    row, column = np.argwhere(~np.isfinite(block))[0].tolist()
    value = block[row, column]
    return f"{name} must be finite, but row {first_row + row}, column {column} is {value}."


@runtime_checkable
class Rows(Protocol):
    """A matrix (N, D) that is read a few rows at a time, such as a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """N and D."""

    @property
    def dtype(self) -> np.dtype:
        """What one entry is."""

    def read(self, start: int, stop: int) -> npt.NDArray:
        """Return the rows from `start` to `stop`, which is not among them."""


class ArrayRows:
    """An array in memory, or a memory map, as `Rows`."""

    def __init__(self, array: npt.NDArray, name: str) -> None:
        self.shape, self.dtype = array.shape, array.dtype
        self._array, self._name = array, name
        self._file = getattr(array, "filename", None)  # of a memory map
        self._size = self._bytes()

    def read(self, start: int, stop: int) -> npt.NDArray:
        """Return rows; ValueError if the file of a memory map is shorter than it was."""
        if self._bytes() < self._size:  # to read on would end the process with a bus error
            raise ValueError(f"{self._name} has lost its end: {self._file} is shorter than it was.")
        return self._array[start:stop]

    def _bytes(self) -> int:
        return os.path.getsize(self._file) if self._file is not None else 0


def as_rows(values: Any, name: str) -> Rows:
    """Return a matrix as `Rows`; ValueError unless it is 2-D, of real numbers, and not empty."""
    rows = values if isinstance(values, Rows) else ArrayRows(as_array(values, name), name)
    if len(rows.shape) != 2 or 0 in rows.shape:
        raise ValueError(f"{name} must be (N, D) and not empty, not of shape {rows.shape}.")
    if rows.dtype.kind not in "buif":
        raise ValueError(f"{name} holds values of dtype {rows.dtype}: it must hold real numbers.")
    return rows


def read_finite(rows: Rows, name: str, start: int, stop: int) -> npt.NDArray[np.float64]:
    """Return rows as float64; ValueError names the first entry that is nan or infinite."""
    block = np.asarray(rows.read(start, stop), dtype=np.float64)
    if not np.isfinite(block).all():
        raise ValueError(describe_infinite(name, block, start))
    return block


def chunks(samples: int, widest: int) -> list[tuple[int, int]]:
    """Return the bounds of chunks of rows of which `widest` numbers each are computed."""
    size = max(_NUMBERS // widest, 1)
    return [(start, min(start + size, samples)) for start in range(0, samples, size)]


def in_order(
    compute: Callable[[int, int], Result], bounds: Sequence[tuple[int, int]], jobs: int
) -> Iterator[Result]:
    """Yield what is computed of each chunk, in their order, on so many threads.

    At most ``jobs + 1`` results wait to be taken. What is left is given up where the caller stops.
    """
    if jobs == 1:
        yield from (compute(*part) for part in bounds)
        return
    pool, waiting = ThreadPoolExecutor(jobs), deque[Future[Result]]()
    try:
        for part in bounds:
            waiting.append(pool.submit(compute, *part))
            if len(waiting) > jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def memory_needed(samples: int, dims: int, classes: int, jobs: int = 1) -> int:
    """Return the bytes that measuring (N, D) features of C classes takes at most, beside them.

    A few matrices C x D and C x C, D x D for the axes of the class means, two subsamples, what
    each thread makes of its chunk, and a few numbers a sample.
    """
    widest = max(dims, classes)
    kept = 12 * classes * dims + 2 * dims * min(dims, classes) + 6 * classes**2
    drawn = 3 * 10_000 * min(dims, 128) + 5 * 2000 * max(dims, 2000)
    threads = (jobs + 1) * 8 * max(_NUMBERS, widest)
    return 8 * (kept + drawn + threads + 3 * samples)
