"""Matrix products by cuBLAS, called in a way that a CUDA graph can record.

CuPy refuses to call cuBLAS while a stream is captured, so the library is called directly, with
a handle and a workspace of our own. Products are in full float32 precision, as torch's are, unless
the environment variable CUPY_TF32 is 1: then in TensorFloat-32, with ten bits of mantissa.
"""

import ctypes
import os
from ctypes import c_double, c_float, c_int, c_longlong, c_size_t, c_void_p
from typing import Any

import numpy as np

from lpc_scratch.backend.array import Array

_WORKSPACE = 32 * 2**20  # bytes: what NVIDIA's guide recommends for its largest GPUs
_ALGORITHM = -1  # CUBLAS_GEMM_DEFAULT
_TYPES = {np.dtype(np.float32): 0, np.dtype(np.float64): 1}  # CUDA_R_32F, CUDA_R_64F
_NUMBERS = {np.dtype(np.float32): c_float, np.dtype(np.float64): c_double}

_MATRIX = (c_void_p, c_int, c_int)  # pointer, type, leading dimension
_HEAD = (c_void_p, c_int, c_int, c_int, c_int, c_int, c_void_p)
_TAIL = (c_int, c_int)
_SIGNATURES = {
    "cublasCreate_v2": (c_void_p,),
    "cublasSetStream_v2": (c_void_p, c_void_p),
    "cublasSetWorkspace_v2": (c_void_p, c_void_p, c_size_t),
    "cublasGemmEx": (*_HEAD, *_MATRIX, *_MATRIX, c_void_p, *_MATRIX, *_TAIL),
    "cublasGemmStridedBatchedEx": (
        *_HEAD,
        *(*_MATRIX, c_longlong),
        *(*_MATRIX, c_longlong),
        c_void_p,
        *(*_MATRIX, c_longlong),
        c_int,
        *_TAIL,
    ),
}


def uses_tf32() -> bool:
    """Return whether products of float32 arrays are in TensorFloat-32: CUPY_TF32=1."""
    return os.environ.get("CUPY_TF32") == "1"


def load() -> ctypes.CDLL:
    """Load the cuBLAS that CuPy uses.

    Raises whatever `cuda.pathfinder` raises where there is none.
    """
    from cuda.pathfinder import load_nvidia_dynamic_lib  # comes with CuPy

    return ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)


class Cublas:
    """A cuBLAS handle for one stream.

    Parameters
    ----------
    library : ctypes.CDLL
        What `load` returns.
    stream : int
        Pointer of the CUDA stream.
    xp : module
        `cupy`; holds the workspace.
    """

    def __init__(self, library: Any, stream: int, xp: Any) -> None:
        self._library = library
        for name, signature in _SIGNATURES.items():
            getattr(library, name).argtypes = signature
        self._handle = c_void_p()
        self._call("cublasCreate_v2", ctypes.byref(self._handle))
        self._call("cublasSetStream_v2", self._handle, stream)
        # After the stream, whose setting resets it: without it cuBLAS would allocate in a capture.
        self._workspace = xp.empty(_WORKSPACE, np.uint8)
        size = (self._workspace.data.ptr, _WORKSPACE)
        self._call("cublasSetWorkspace_v2", self._handle, *size)

    def matmul(self, a: Array, b: Array, out: Array, add: bool = False) -> None:
        """Write out = a b, for a (..., m, k), b (..., k, n) and out (..., m, n) of one dtype.

        With `add` the product is added to what is there. `out` is C-contiguous; a and b are so too,
        or the transpose of such an array, and have the leading axes of `out` or none. Raises
        RuntimeError if cuBLAS reports an error.
        """
        *stack, m, n = out.shape
        k, members = a.shape[-1], int(np.prod(stack))
        number, kind = _NUMBERS[out.dtype], _TYPES[out.dtype]
        compute = 70 if kind else 77 if uses_tf32() else 68  # CUBLAS_COMPUTE_64F, _TF32, _32F
        one, before = ctypes.byref(number(1)), ctypes.byref(number(add))
        # cuBLAS reads columns first, where our arrays are their own transposes: outᵀ = bᵀ aᵀ.
        flip_a, step_a = _layout(a)
        flip_b, step_b = _layout(b)
        sizes = (self._handle, flip_b, flip_a, n, m, k, one)
        matrices = ((_pointer(b), kind, step_b), (_pointer(a), kind, step_a))
        target = (_pointer(out), kind, n)
        if members == 1:
            single = (*sizes, *matrices[0], *matrices[1], before, *target)
            self._call("cublasGemmEx", *single, compute, _ALGORITHM)
            return
        jumps = (0 if b.ndim == 2 else k * n, 0 if a.ndim == 2 else m * k)
        batch = (*sizes, *matrices[0], jumps[0], *matrices[1], jumps[1], before, *target, m * n)
        self._call("cublasGemmStridedBatchedEx", *batch, members, compute, _ALGORITHM)

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            raise RuntimeError(f"{name} failed with cuBLAS status {status}")


def _layout(array: Array) -> tuple[int, int]:
    """Return whether cuBLAS must transpose a matrix (0 or 1), and its leading dimension."""
    rows, columns = array.shape[-2:]
    row_step, column_step = (step // array.itemsize for step in array.strides[-2:])
    if columns == 1 or column_step == 1:
        return 0, max(row_step if rows > 1 else columns, columns)
    return 1, max(column_step, rows)


def _pointer(array: Any) -> int:
    return array.data.ptr
