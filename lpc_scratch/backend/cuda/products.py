"""Matrix products of arrays in any layout that cuBLAS can be told of, and what is added to them."""

from functools import cache
from math import prod

import numpy as np

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.cuda.cublas import Cublas, load
from lpc_scratch.backend.cuda.device import xp as cupy
from lpc_scratch.backend.cuda.kernels import blocks, launch, plain, result


def product(a: Array, b: Array, out: Array | None = None, add: bool = False) -> Array:
    """Return a b (..., m, n), of matrices or stacks of them; with `add`, out + a b in `out`.

    Raises
    ------
    ValueError
        If a and b do not fit, or `out` does not fit them.
    """
    if a.dtype != b.dtype or a.shape[-1] != b.shape[-2]:
        raise ValueError(f"no product of {a.shape} {a.dtype} and {b.shape} {b.dtype}")
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = result(out, (*stack, a.shape[-2], b.shape[-1]), a.dtype)
    cublas = _cublas(cupy.cuda.get_current_stream().ptr)
    cublas.matmul(_matrix(a, stack), _matrix(b, stack), y, add)
    return y


def add_bias(y: Array, b: Array, kernel: str = "add_bias") -> Array:
    """Add b (..., 1, O) to y (..., B, O), in place, and return y; or what another kernel does."""
    rows, columns = y.shape[-2:]
    size, members = rows * columns, y.size // (rows * columns)
    b = plain(cupy.broadcast_to(b, (*y.shape[:-2], 1, columns)))
    grid = (blocks(size), members)
    launch(kernel, y.dtype, grid, y, b, np.int32(columns), np.int64(size))
    return y


@cache
def _cublas(stream: int) -> Cublas:
    return Cublas(load(), stream, cupy)


def _matrix(array: Array, stack: tuple[int, ...]) -> Array:
    """Return a matrix, or a stack of them, as cuBLAS reads it; `stack` is that of the product."""
    shape = array.shape[:-2]
    if prod(shape) == 1:
        array = array.reshape(array.shape[-2:])
    elif shape != stack:
        array = cupy.broadcast_to(array, (*stack, *array.shape[-2:]))
    transposed = array.mT
    known = array.flags.c_contiguous or transposed.flags.c_contiguous
    return array if known else cupy.ascontiguousarray(array)
