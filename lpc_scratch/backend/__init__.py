"""NumPy or CuPy behind one set of primitives.

A `Backend` is the only thing that knows which array module runs. Everything above it is
written once, against `backend.xp` (the module) and `backend.ops` (the primitives).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.numpy_ops import NumpyOps
from lpc_scratch.backend.reference import Reference
from lpc_scratch.errors import DeviceError, one_line

__all__ = ["Array", "Backend", "Device", "backend_of", "get_backend"]

Device = Literal["cpu", "gpu"]


@dataclass(frozen=True)
class Backend:
    """One array module with its primitives and its way to and from the host.

    Attributes
    ----------
    name : {"cpu", "gpu"}
        The device.
    xp : module
        `numpy` or `cupy`.
    ops : Reference
        The primitives: those of `reference`, with what is faster on the device.
    to_device, to_host : callable
        Host array to device array and back; no copy is made on the CPU.
    synchronize : callable
        Waits until the device has done all its work; does nothing on the CPU.
    free_memory : callable or None
        Returns the bytes of a GPU's memory that this process may still take; None on the CPU,
        whose memory is the host's.
    description : str
        The device in words.
    graph : callable or None
        Makes an object that records launches and replays them as one; None where none can be.
    """

    name: Device
    xp: Any
    ops: Reference
    to_device: Callable[[Array], Array]
    to_host: Callable[[Array], Array]
    synchronize: Callable[[], None]
    free_memory: Callable[[], int] | None
    description: str
    graph: Callable[[], Any] | None = None


@cache
def get_backend(device: str = "cpu") -> Backend:
    """Return the backend of a device that can be used here.

    Parameters
    ----------
    device : {"cpu", "gpu"}
        `cpu` is NumPy, `gpu` is CuPy on the current CUDA device.

    Raises
    ------
    DeviceError
        If the device is unknown, or is `gpu` and CuPy or a usable GPU is missing.
    """
    if device == "cpu":
        calls = (np.asarray, np.asarray, lambda: None, None)
        return Backend("cpu", np, NumpyOps(), *calls, "CPU, NumPy")
    if device == "gpu":
        return _gpu_backend()
    raise DeviceError(f"unknown device {device!r}: choose cpu or gpu")


def backend_of(array: Array) -> Backend:
    """Return the backend that an array belongs to, told by the module of its type."""
    return get_backend("gpu" if type(array).__module__.startswith("cupy") else "cpu")


def _gpu_backend() -> Backend:
    mode = os.environ.get("LPC_GPU", "graph")
    if mode not in ("graph", "eager"):
        raise DeviceError(f"LPC_GPU is {mode!r}: set it to graph (the default) or to eager")
    # That CuPy imports and that a GPU is there are two questions: CuPy imports without one.
    try:
        from lpc_scratch.backend.cuda import device
    except ImportError as error:
        raise DeviceError(
            "device gpu needs CuPy, which cannot be imported here "
            f"({error}): pip install -r requirements-gpu.txt for a CUDA 12 driver, "
            "requirements-gpu-cuda13.txt for CUDA 13, or use the device cpu"
        ) from error
    try:
        description = device.describe_device()
    except Exception as error:  # no driver, no device, no compiler, no cuBLAS: each its own kind
        raise DeviceError(
            "device gpu needs an NVIDIA GPU, and CuPy finds none that it can use "
            f"({one_line(error)}): check that nvidia-smi lists one, or use the device cpu"
        ) from error
    calls = (device.to_device, device.to_host, device.synchronize, device.free_memory)
    if mode == "eager":
        return Backend("gpu", device.xp, Reference(device.xp), *calls, f"{description}, eager")
    try:
        from lpc_scratch.backend.cuda import cublas, graph, ops

        kernels = ops.CudaOps()
        kernels.check()
    except Exception as error:  # of the compiler, the driver or cuBLAS
        raise DeviceError(
            f"the kernels of lpc_scratch cannot run on {description} ({one_line(error)}): "
            "set LPC_GPU=eager to train with CuPy's own, more slowly"
        ) from error
    description += ", CUDA graph" + (", TF32" if cublas.uses_tf32() else "")
    return Backend("gpu", device.xp, kernels, *calls, description, graph.Graph)
