"""NVRTC, the compiler that CuPy gives its kernels to: it needs no GPU.

Requires the library of one of NVIDIA's packages: `pip install nvidia-cuda-nvrtc-cu12`.
"""

import ctypes
import functools
import importlib.util
import warnings
from collections.abc import Sequence
from ctypes import byref, c_char_p, c_int, c_size_t, c_void_p
from pathlib import Path
from typing import Any

# Where the packages of CUDA 12 and later have it. CUDA 12 comes first: it knows older GPUs.
_PLACES = ("cuda_nvrtc/lib", "cu*/lib")
_AGE = "nvrtc: warning: Architectures prior to"  # says nothing of the source


@functools.cache
def find_nvrtc() -> ctypes.CDLL | None:
    """Load NVRTC from the packages of this interpreter, if it is there."""
    spec = importlib.util.find_spec("nvidia")  # a namespace that NVIDIA's packages share
    roots = (spec.submodule_search_locations if spec else None) or ()
    for place in _PLACES:
        for root in roots:
            for path in sorted(Path(root).glob(f"{place}/libnvrtc.so.*")):
                return ctypes.CDLL(str(path))  # finds libnvrtc-builtins beside itself
    return None


def architectures() -> list[str]:
    """Return the GPU architectures that this NVRTC knows, such as sm_80."""
    number = c_int()
    _call("nvrtcGetNumSupportedArchs", byref(number))
    known = (c_int * number.value)()
    _call("nvrtcGetSupportedArchs", known)
    return [f"sm_{version}" for version in known]


def compile_to_ptx(source: str, architecture: str, options: Sequence[str] = ()) -> str:
    """Compile CUDA C and return the PTX.

    An architecture sm_80 makes the machine code too, where compute_80 stops at the PTX. Raises
    RuntimeError with NVRTC's log where that fails; what NVRTC only warns of becomes a warning.
    """
    program = c_void_p()
    _call(
        "nvrtcCreateProgram", byref(program), source.encode(), b"kernels.cu", c_int(0), None, None
    )
    try:
        given = [option.encode() for option in (f"--gpu-architecture={architecture}", *options)]
        try:
            _call(
                "nvrtcCompileProgram", program, c_int(len(given)), (c_char_p * len(given))(*given)
            )
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{_text('ProgramLog', program)}") from None
        log = _text("ProgramLog", program).splitlines()
        if warned := "\n".join(line for line in log if line and not line.startswith(_AGE)):
            warnings.warn(warned, stacklevel=2)
        return _text("PTX", program)
    finally:
        _call("nvrtcDestroyProgram", byref(program))


def _text(what: str, program: c_void_p) -> str:
    size = c_size_t()
    _call(f"nvrtcGet{what}Size", program, byref(size))
    text = ctypes.create_string_buffer(size.value)
    _call(f"nvrtcGet{what}", program, text)
    return text.value.decode()


def _call(name: str, *arguments: Any) -> None:
    library = find_nvrtc()
    if library is None:
        raise RuntimeError("no NVRTC: pip install nvidia-cuda-nvrtc-cu12")
    status = library[name](*arguments)
    if status:
        describe = library["nvrtcGetErrorString"]
        describe.restype = c_char_p
        raise RuntimeError(f"{name}: {describe(status).decode()}")
