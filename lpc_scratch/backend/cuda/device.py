"""The GPU that CuPy finds: its name, its memory, and the way there and back.

This is the only module that imports CuPy: what else needs it takes `xp` from here, once
`get_backend("gpu")` is asked for.
"""

import cupy
import numpy as np

from lpc_scratch.backend.array import Array

xp = cupy


def describe_device() -> str:
    """Return the current GPU's name and CuPy's version, having used it.

    Raises whatever CuPy raises where no GPU is there, or where kernels cannot be compiled or
    cuBLAS cannot be loaded.
    """
    if cupy.cuda.runtime.getDeviceCount() == 0:
        raise RuntimeError("no CUDA device")
    ones = cupy.ones((2, 2), np.float32)
    float((ones @ ones).sum())
    device = cupy.cuda.Device()
    name = cupy.cuda.runtime.getDeviceProperties(device.id)["name"].decode()
    return f"{name}, CuPy {cupy.__version__}"


def to_device(array: Array) -> Array:
    """Copy a host array to the device; a device array is returned as it is."""
    return cupy.asarray(array)


def to_host(array: Array) -> Array:
    """Copy a device array to the host, waiting for the work that makes it."""
    return cupy.asnumpy(array)


def synchronize() -> None:
    """Wait until the device has done all its work."""
    cupy.cuda.get_current_stream().synchronize()


def free_memory() -> int:
    """Return the bytes that the device has free, and those that CuPy keeps and does not use."""
    free, _ = cupy.cuda.runtime.memGetInfo()
    return free + cupy.get_default_memory_pool().free_bytes()
