"""Work on images in units that fit in the cache, shared out to threads."""

from collections.abc import Callable
from typing import Any

import numpy as np

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.scratch import scratch
from lpc_scratch.backend.threads import in_threads, num_threads, single_blas_thread, split

Unit = tuple[slice, slice]
"""Images, and rows of each: several images have all their rows."""

NUMBERS = 262_144
"""Numbers that a unit makes of its images: fewer, and threads wait for the interpreter's lock
between NumPy's calls; more, and they leave the cache."""


def units(images: int, rows: int, numbers: int) -> list[Unit]:
    """Cut images, of whose rows each makes so many numbers, into units of about `NUMBERS`."""
    if rows * numbers > NUMBERS:
        bands = split(rows, min(rows, -(-rows * numbers // NUMBERS)))
        return [(slice(i, i + 1), band) for i in range(images) for band in bands]
    groups = split(images, max(num_threads(), -(-images * rows * numbers // NUMBERS)))
    return [(group, slice(0, rows)) for group in groups if group.start < group.stop]


def run_units(run: Callable[[Unit], None], work: list[Unit]) -> None:
    """Run every unit, an equal share on each thread; BLAS has one thread meanwhile."""

    def share(part: slice) -> None:
        for unit in work[part]:
            run(unit)

    with single_blas_thread():
        in_threads(share, split(len(work), min(num_threads(), len(work))))


def sum_units(
    run: Callable[[Unit, Array], None], work: list[Unit], shape: tuple[int, ...], dtype: Any
) -> Array:
    """Return what every unit adds to: a total of each thread, and these in order.

    Its bits depend on the number of threads, not on which of them is faster.
    """

    def share(part: slice) -> Array:
        total = np.zeros(shape, dtype)
        for unit in work[part]:
            run(unit, total)
        return total

    with single_blas_thread():
        first, *others = in_threads(share, split(len(work), min(num_threads(), len(work))))
    for other in others:
        first += other
    return first


def padded_rows(x: Array, rows: tuple[int, int], left: int, columns: int) -> Array:
    """Rows from first to stop of x (n, H, W, C), and so many columns; what is outside is 0.

    `left` columns of 0 come first; below 0, so many of x are left out. What needs no padding is
    x itself, all else stands in scratch.
    """
    (first, stop), (n, _, width, C), number = rows, x.shape, x.itemsize
    inside = x[:, max(first, 0) : max(stop, 0), max(-left, 0) : max(columns - left, 0)]
    shape = (n, stop - first, columns, C)
    if inside.shape == shape and x.strides[1:] == (width * C * number, C * number, number):
        return inside
    padded = scratch(shape, x.dtype, 0)
    padded[...] = 0
    above, before = max(-first, 0), max(left, 0)
    padded[:, above : above + inside.shape[1], before : before + inside.shape[2]] = inside
    return padded
