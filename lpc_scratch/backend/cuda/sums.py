"""Sums over many rows of few columns, in two stages whose order never changes.

First every block of the GPU sums a slab of rows, then the slabs' sums are added up. So no two
threads write to one number, and the bits are the same in every run.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.cuda.device import xp as cupy
from lpc_scratch.backend.cuda.kernels import BLOCK, alike, launch, plain, result

FEW_ROWS = 256  # up to which the gradient of a ReLU and its sum are one launch
_MANY_ROWS = 4096  # from which on two stages are taken
_LINES = 16  # that a thread adds up at least, where there are so many
_SLABS = 1024  # at most


@dataclass(frozen=True)
class Slabs:
    """Where the slabs of rows of E matrices (rows, columns) are.

    A block reads `BLOCK` neighbouring numbers at once: several rows where columns are few, some of
    the columns where they are many.
    """

    members: int
    rows: int
    columns: int

    @property
    def height(self) -> int:
        """Rows of a slab."""
        lines = max(BLOCK // self.columns, 1)
        return lines * max(_LINES, -(-self.rows // (lines * _SLABS)))

    @property
    def count(self) -> int:
        """Slabs of a matrix."""
        return -(-self.rows // self.height)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Blocks of the first stage: slabs, stretches of columns, members."""
        return self.count, -(-self.columns // BLOCK), self.members

    @property
    def sizes(self) -> tuple[np.int64, np.int32, np.int32]:
        """What the kernels of the first stage are told: rows, columns, rows of a slab."""
        return np.int64(self.rows), np.int32(self.columns), np.int32(self.height)

    def empty(self, dtype: object) -> Array:
        """Return an array (members, slabs, columns) for what the first stage finds."""
        return cupy.empty((self.members, self.count, self.columns), dtype)

    def launch_last(self, name: str, *arguments: object, dtype: object, pairs: int = 1) -> None:
        """Launch a kernel of the second stage: blocks of 32 columns and 16 slabs at once."""
        grid = (-(-self.columns // 32), self.members, pairs)
        launch(name, dtype, grid, *arguments, block=(32, 16))


def sum_rows(x: Array, out: Array | None = None) -> Array:
    """Return the sum over rows: (..., B, O) to (..., 1, O)."""
    *stack, rows, columns = x.shape
    total, slabs = result(out, (*stack, 1, columns), x.dtype), Slabs(prod(stack), rows, columns)
    x, parts = plain(x), rows
    if rows > _MANY_ROWS:
        partial, parts = slabs.empty(x.dtype), slabs.count
        launch("slab_sums", x.dtype, slabs.grid, x, partial, *slabs.sizes)
        x = partial
    slabs.launch_last("sum_rows", x, total, np.int32(parts), np.int32(columns), dtype=x.dtype)
    return total


def relu_backward_sum(
    dy: Array, y: Array, total: Array | None = None, out: Array | None = None
) -> tuple[Array, Array]:
    """Return the sum over few rows of dx = dy [y > 0], and dx."""
    *stack, rows, columns = alike("relu_backward_sum", dy, y).shape
    total = result(total, (*stack, 1, columns), dy.dtype)
    dx = result(out, dy.shape, dy.dtype)
    arrays = (plain(dy), plain(y), dx, total)
    slabs = Slabs(prod(stack), rows, columns)
    sizes = (np.int32(rows), np.int32(columns))
    slabs.launch_last("relu_backward_sum", *arrays, *sizes, dtype=dy.dtype)
    return total, dx
