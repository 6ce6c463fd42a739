"""Compiles and launches the kernels of `kernels.cu` and `image_kernels.cu`."""

from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.cuda.device import xp as cupy

BLOCK = 256  # threads of a block; kernels.cu has the same number
_FOLDER = files("lpc_scratch.backend.cuda")
_SOURCE = "".join(
    _FOLDER.joinpath(name).read_text(encoding="utf-8")
    for name in ("kernels.cu", "image_kernels.cu")
)


def launch(
    name: str,
    dtype: Any,
    grid: tuple[int, ...],
    *arguments: Any,
    block: tuple[int, ...] = (BLOCK,),
) -> None:
    """Launch a kernel, compiled for float32 or float64; numbers come as NumPy scalars."""
    _kernel(name, np.dtype(dtype).name)(grid, block, arguments)


@cache
def _kernel(name: str, dtype: str) -> Any:
    return _module(dtype).get_function(name)


@cache
def _module(dtype: str) -> Any:
    real = {"float32": "float", "float64": "double"}[dtype]
    return cupy.RawModule(code=_SOURCE, options=(f"-DREAL={real}",))


def blocks(size: int) -> int:
    """Return the number of blocks that have a thread for each of `size` elements."""
    return -(-size // BLOCK)


def plain(array: Array) -> Array:
    """Return an array as the kernels read it: row after row."""
    return array if array.flags.c_contiguous else cupy.ascontiguousarray(array)


def alike(name: str, *arrays: Array) -> Array:
    """Return the first of arrays; raise ValueError if they differ in shape or dtype."""
    first = arrays[0]
    if any(x.shape != first.shape or x.dtype != first.dtype for x in arrays):
        raise ValueError(f"{name} needs arrays of one shape and dtype")
    return first


def result(out: Array | None, shape: tuple[int, ...], dtype: Any) -> Array:
    """Return `out`, or a new array; raise ValueError if a kernel cannot write to it."""
    if out is None:
        return cupy.empty(shape, dtype)
    if out.shape != tuple(shape) or out.dtype != dtype or not out.flags.c_contiguous:
        raise ValueError(
            f"out must be C-contiguous, of shape {tuple(shape)} and dtype {np.dtype(dtype)}, not "
            f"{out.shape} and {out.dtype}"
        )
    return out


def number(x: float | Array, dtype: Any) -> Array:
    """Return a number as an array of the device; one that is there already is not copied."""
    return x.astype(dtype, copy=False) if isinstance(x, cupy.ndarray) else cupy.full((), x, dtype)
