"""Stand-in for CuPy on the host: arrays and launches as strict as CuPy's, without a GPU.

`DeviceArray` refuses to meet an array of the host, the kernels run as C++ (`host_cuda`), and cuBLAS
is computed by NumPy from the very pointers, sizes and flags that cuBLAS would get.
"""

import contextlib
import ctypes
import os
import types

import numpy as np
from host_cuda import HostModule, begin_capture, capturing, end_capture, record

_MAKERS = (
    *("array", "arange", "ascontiguousarray", "concatenate", "empty", "full", "ones"),
    *("pad", "where", "zeros", "zeros_like"),
)


class DeviceArray(np.ndarray):
    """Stands in for `cupy.ndarray`: like it, it refuses to meet an array of the host."""

    __module__ = "cupy"

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **keywords):
        operands = [*map(_enter, inputs)]
        call = getattr(ufunc, method)
        if out:
            targets = tuple(map(_enter, out))
            given = {id(a): a.nbytes for a in (*inputs, *out) if isinstance(a, np.ndarray)}
            record(
                lambda: call(*operands, out=targets, **keywords),
                ufunc.__name__,
                sum(given.values()),
            )
            return out[0]
        if capturing():
            raise RuntimeError(f"{ufunc.__name__} makes an array while a graph is recorded")
        return np.asarray(call(*operands, **keywords)).view(DeviceArray)

    def __setitem__(self, index, value):
        if capturing():
            raise RuntimeError("an assignment while a graph is recorded")
        _enter(value)
        super().__setitem__(index, value)

    @property
    def data(self):
        return types.SimpleNamespace(ptr=self.ctypes.data)


def _enter(value):
    if isinstance(value, DeviceArray):
        return value.view(np.ndarray)
    if isinstance(value, np.ndarray):
        raise TypeError("a host array meets a device array")
    return value


class Stream:
    """The one stream of the host: all work is done at once, in order."""

    ptr = 1

    def __init__(self, non_blocking=False):
        self._may_record = non_blocking

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def synchronize(self):
        if capturing():
            raise RuntimeError("a stream is waited for while a graph is recorded")

    def begin_capture(self):
        if not self._may_record:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        begin_capture()

    def end_capture(self):
        return end_capture()


def make_cupy():
    """Return a module to be imported as `cupy`."""

    def on_device(make):
        return lambda *arguments, **keywords: make(*arguments, **keywords).view(DeviceArray)

    def asarray(array, dtype=None):
        if isinstance(array, DeviceArray):
            return array if dtype is None else array.astype(dtype, copy=False)
        return cupy.array(array, dtype)

    def asnumpy(array):
        Stream().synchronize()
        return np.array(array)

    cupy = types.ModuleType("cupy")
    vars(cupy).update({name: getattr(np, name) for name in np.__all__})
    for name in _MAKERS:
        setattr(cupy, name, on_device(getattr(np, name)))
    cupy.broadcast_to = lambda array, shape: np.broadcast_to(array, shape, subok=True)
    cupy.ndarray = DeviceArray
    cupy.asarray = asarray
    cupy.asnumpy = asnumpy
    cupy.RawModule = lambda code, options: HostModule(code, options, DeviceArray)
    cupy.cuda = types.SimpleNamespace(
        Device=lambda: types.SimpleNamespace(id=0),
        MemoryPool=lambda: types.SimpleNamespace(malloc=None),
        Stream=Stream,
        get_current_stream=Stream,
        runtime=types.SimpleNamespace(
            getDeviceCount=lambda: 1,
            getDeviceProperties=lambda _: {"name": b"stand-in"},
            memGetInfo=lambda: (2**33, 2**34),  # free, total
        ),
        using_allocator=lambda _: contextlib.nullcontext(),
    )
    cupy.get_default_memory_pool = lambda: types.SimpleNamespace(free_bytes=lambda: 2**20)
    cupy.__version__ = "0"
    return cupy


def make_cublas():
    """Return what stands in for the library that `lpc_scratch.backend.cublas.load` loads."""

    def succeed(*_):
        return 0

    def single(handle, flip_a, flip_b, m, n, k, one, *rest):
        a, b, before, c, setting = rest[:3], rest[3:6], rest[6], rest[7:10], rest[10:]
        return batched(
            *(handle, flip_a, flip_b, m, n, k, one, *a, 0, *b, 0, before, *c, 0, 1, *setting)
        )

    def batched(_handle, flip_a, flip_b, m, n, k, one, *rest):
        a, b, before, c = rest[:4], rest[4:8], rest[8], rest[9:13]
        members, compute, _algorithm = rest[13:]
        assert (one._obj.value, before._obj.value) in ((1, 0), (1, 1))
        tf32 = os.environ.get("CUPY_TF32") == "1"
        assert compute == {0: 77 if tf32 else 68, 1: 70}[c[1]]
        shape_a, shape_b = (k, m) if flip_a else (m, k), (n, k) if flip_b else (k, n)

        def compute_product():
            for member in range(members):
                left = _columns_first(a, shape_a, member)
                right = _columns_first(b, shape_b, member)
                out = _columns_first(c, (m, n), member)
                with np.errstate(all="ignore"):  # cuBLAS raises nothing
                    product = (left.T if flip_a else left) @ (right.T if flip_b else right)
                    out[...] = out + product if before._obj.value else product

        numbers = members * (m * k + k * n + m * n)
        record(compute_product, "product", (4, 8)[c[1]] * numbers)
        return 0

    return types.SimpleNamespace(
        cublasCreate_v2=lambda _: 0,
        cublasSetStream_v2=lambda *_: 0,
        cublasSetWorkspace_v2=lambda *_: 0,
        cublasGemmEx=single,
        cublasGemmStridedBatchedEx=batched,
    )


def _columns_first(matrix, shape, member):
    """Return a view of a member's matrix where cuBLAS finds it."""
    pointer, kind, step, jump = matrix
    number = (ctypes.c_float, ctypes.c_double)[kind]
    size = ctypes.sizeof(number)
    rows, columns = shape
    assert step >= rows, "the leading dimension is too small"
    address = pointer + member * jump * size
    numbers = np.ctypeslib.as_array((number * (step * (columns - 1) + rows)).from_address(address))
    return np.lib.stride_tricks.as_strided(numbers, shape, (size, step * size))
