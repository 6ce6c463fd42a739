"""Stand-in for `cupy.RawModule` that runs CUDA kernels on the host, to test them without a GPU.

The kernels are compiled as C++ behind `cuda_shim.h`. Where a GPU would silently do something else,
a launch raises: it checks every argument against the kernel's signature, and the sizes of the grid.
Launches can be recorded and replayed, as those of a CUDA graph.
"""

import contextlib
import ctypes
import functools
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

_SHIM = Path(__file__).with_name("cuda_shim.h")
_FLAGS = (
    *("-O2", "-std=c++17", "-shared", "-fPIC", "-w"),
    "-fvisibility=hidden",  # else the loader merges templates of modules that are loaded together
    "-U_FORTIFY_SOURCE",  # its longjmp refuses to change stacks
)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_BOUNDS = r"(?:__launch_bounds__\s*\([^)]*\)\s*)?"
_KERNEL = re.compile(rf'extern\s+"C"\s+__global__\s+{_BOUNDS}void\s+{_BOUNDS}(\w+)\s*\(')

# Most blocks of a grid, and threads of a block, along x, y and z; and threads of a block in all.
_MOST_BLOCKS = (2**31 - 1, 65_535, 65_535)
_MOST_THREADS = (1024, 1024, 64)
_MOST_THREADS_OF_BLOCK = 1024

_recording: "list[Launch] | None" = None
_from_the_last = False


def host_compiler() -> str | None:
    """Return the path of a C++ compiler that can build the kernels, if there is one."""
    if sys.platform != "linux":
        return None
    return shutil.which("g++") or shutil.which("c++")


@contextlib.contextmanager
def reverse_order() -> Iterator[None]:
    """Run the blocks of a grid, and the threads of a block, from the last to the first."""
    global _from_the_last
    before, _from_the_last = _from_the_last, True
    try:
        yield
    finally:
        _from_the_last = before


@dataclass(frozen=True)
class Launch:
    """A call that was recorded: its name, and the bytes of the arrays it is given, each once."""

    name: str
    nbytes: int
    call: Callable[[], Any]


class HostGraph:
    """Calls that were recorded; `launch` makes them."""

    def __init__(self, launches: list[Launch]) -> None:
        self.launches = launches

    def launch(self) -> None:
        if _recording is not None:
            raise RuntimeError("a graph is launched while another is recorded")
        for launch in self.launches:
            launch.call()


def begin_capture() -> None:
    """Record launches from now on, without running them."""
    global _recording
    if _recording is not None:
        raise RuntimeError("a recording is under way")
    _recording = []


def end_capture() -> HostGraph:
    """Stop recording, and return what was recorded."""
    global _recording
    if _recording is None:
        raise RuntimeError("no recording is under way")
    launches, _recording = _recording, None
    return HostGraph(launches)


def capturing() -> bool:
    """Return whether a recording is under way."""
    return _recording is not None


def record(function: Callable[[], Any], name: str = "", nbytes: int = 0) -> None:
    """Call a function now, or add it to the recording that is under way."""
    if _recording is None:
        function()
    else:
        _recording.append(Launch(name, nbytes, function))


class HostModule:
    """Kernels of a CUDA source that includes nothing.

    Parameters
    ----------
    code : str
        The source; its kernels are declared `extern "C" __global__ void name(...)`.
    options : tuple of str
        Options of NVRTC. Those that start with -D count, the others mean nothing to the host.
    array_type : type
        Arrays that a kernel takes; others are refused as CuPy refuses arrays of the host.
    """

    def __init__(
        self, code: str, options: tuple[str, ...] = (), array_type: type = np.ndarray
    ) -> None:
        self._library = _build(code, tuple(option for option in options if option[:2] == "-D"))
        self._array_type = array_type

    def get_function(self, name: str) -> "HostKernel":
        return HostKernel(self._library, name, self._array_type)


class HostKernel:
    """A kernel, called as CuPy's: `kernel(grid, block, arguments)`."""

    def __init__(self, library: ctypes.PyDLL, name: str, array_type: type) -> None:
        self._name, self._array_type = name, array_type
        try:
            launcher, signature = (
                library[f"{what}_of_{name}"] for what in ("launcher", "signature")
            )
        except AttributeError:
            raise AttributeError(f"the module has no kernel {name}") from None
        launcher.restype, signature.restype = ctypes.c_void_p, ctypes.c_char_p
        self._parameters = [
            (letters[0], np.dtype("?" if letters[1] == "b" else letters[1:]))
            for letters in signature().decode().split()
        ]
        types = [
            np.ctypeslib.as_ctypes_type(dtype) if access == "v" else ctypes.c_void_p
            for access, dtype in self._parameters
        ]
        # PYFUNCTYPE keeps Python's lock: the threads of the host launch one kernel at a time.
        prototype = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint), *types)
        self._run = prototype(launcher())

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple, *, shared_mem: int = 0
    ) -> None:
        if shared_mem:
            raise ValueError(f"{self._name}: shared memory of a size set by the launch")
        sizes = (
            *self._sizes("grid", grid, _MOST_BLOCKS),
            *self._sizes("block", block, _MOST_THREADS),
        )
        if prod(sizes[3:]) > _MOST_THREADS_OF_BLOCK:
            raise ValueError(f"{self._name}: block {block} of more than 1024 threads")
        if len(args) != len(self._parameters):
            raise TypeError(f"{self._name}: {len(args)} arguments of {len(self._parameters)}")
        values = [
            self._value(i, *pair) for i, pair in enumerate(zip(args, self._parameters, strict=True))
        ]
        # `args` is in the recording too: it keeps the arrays alive.
        given = {id(a): a.nbytes for a in args if isinstance(a, np.ndarray)}
        call = functools.partial(self._launch, sizes, values, args)
        record(call, self._name, sum(given.values()))

    def _launch(self, sizes: tuple[int, ...], values: list[Any], _args: tuple) -> None:
        error = self._run((ctypes.c_uint * 7)(*sizes, _from_the_last), *values)
        if error:
            raise RuntimeError(f"{self._name}: {error.decode()}")

    def _sizes(self, what: str, given: tuple[int, ...], most: tuple[int, ...]) -> tuple[int, ...]:
        if not isinstance(given, tuple) or not 1 <= len(given) <= 3:
            raise TypeError(f"{self._name}: {what} {given} is not a tuple of one to three sizes")
        sizes = (*given, 1, 1)[:3]
        if not all(1 <= size <= limit for size, limit in zip(sizes, most, strict=True)):
            raise ValueError(f"{self._name}: {what} {given} is not from 1 to {most}")
        return sizes

    def _value(self, position: int, argument: Any, parameter: tuple[str, np.dtype]) -> Any:
        """Return what ctypes passes for an argument; raise TypeError where it does not fit."""
        access, dtype = parameter
        if access == "v":
            if isinstance(argument, np.generic) and argument.dtype == dtype:
                return argument.item()
            wanted = f"a NumPy scalar of type {dtype}"
        else:
            if isinstance(argument, np.uintp):
                return int(argument)
            fits = isinstance(argument, self._array_type) and argument.dtype == dtype
            if fits and (access == "r" or argument.flags.writeable):
                return argument.ctypes.data
            wanted = f"{'an' if access == 'r' else 'a writeable'} array of type {dtype}"
        kind = f"{type(argument).__name__} {getattr(argument, 'dtype', '')}".strip()
        raise TypeError(f"{self._name}: argument {position} is {kind}, not {wanted}")


@functools.cache
def _build(code: str, definitions: tuple[str, ...]) -> ctypes.PyDLL:
    """Compile and load a source, once."""
    compiler = host_compiler()
    if compiler is None:
        raise RuntimeError("no C++ compiler for the kernels: g++ or c++ on Linux")
    exports = "".join(
        f"EXPORT_KERNEL({name})\n" for name in _KERNEL.findall(_COMMENT.sub("", code))
    )
    # Within the namespace no function is merged with its like, so all shared memory can lie in one
    # section.
    parts = f'#include "{_SHIM}"', "namespace {", '#line 1 "kernels.cu"', code, "}", exports
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "kernels.cpp"), Path(folder, "kernels.so")
        source.write_text("\n".join(parts), encoding="utf-8")
        command = [compiler, *_FLAGS, *definitions, "-o", library, source]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the kernels do not compile:\n{done.stderr}")
        return ctypes.PyDLL(str(library))  # stays loaded when the file is gone
