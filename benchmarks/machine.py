"""What a benchmark ran on, and how fast that multiplies matrices."""

import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from benchmarks import UNSET
from benchmarks.load import cores
from lpc_scratch.backend import Backend
from lpc_scratch.backend.threads import num_threads
from lpc_scratch.runs.environment import describe_environment, package_versions

PEAK = "matrix product"
_PACKAGES = ("torch", "jax", "jaxlib", "numba", "threadpoolctl")
_SIDE = {"cpu": 2048, "gpu": 8192}
_VECTORS = {"avx512f": 512, "avx2": 256, "avx": 256, "sse2": 128, "asimd": 128}
"""Bits of a vector by the flag of Linux that tells of it, the widest first."""


class MatrixProduct:
    """The product of two square float32 matrices, as fast as the machine's BLAS does it.

    Parameters
    ----------
    backend : Backend
        Where they live.
    """

    def __init__(self, backend: Backend) -> None:
        self.side = _SIDE[backend.name]
        self.backend = backend
        a = np.random.default_rng(0).random((self.side, self.side), dtype=np.float32)
        self.a, self.product = backend.to_device(a), backend.xp.empty_like(backend.to_device(a))

    @property
    def flops(self) -> int:
        """Floating-point operations of one product."""
        return 2 * self.side**3

    def run(self, steps: int) -> None:
        """Multiply that many times."""
        for _ in range(steps):
            self.backend.ops.matmul(self.a, self.a, out=self.product)
        self.backend.synchronize()


def describe_machine(backend: Backend, command: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Return date, command, versions, processor, BLAS and threads, ready for JSON.

    `vector_bits` is None where the system does not tell. Every BLAS has the `architecture` that its
    kernels are made for, where it says so. `unset` are the variables that were set, and that the
    benchmark runs without; it says so on standard error.
    """
    for name, value in UNSET.items():
        print(
            f"note: {name}={value} is set, which slows a current OpenBLAS: it is timed without",
            file=sys.stderr,
        )
    description = describe_environment(backend)
    description["command"] = " ".join(["python", "-m", command, *arguments])
    description["packages"] |= package_versions(_PACKAGES)
    facts = _facts_of_processor()
    description["processor"] = facts.get("model name") or description["processor"]
    flags = facts.get("flags", facts.get("Features", "")).split()
    of_blas = ("internal_api", "version", "num_threads", "architecture")
    return description | {
        "cores": cores(),
        "vector_bits": next((bits for flag, bits in _VECTORS.items() if flag in flags), None),
        "threads": num_threads(),
        "blas": [
            {key: library.get(key) for key in of_blas}
            for library in threadpool_info()
            if library["user_api"] == "blas"
        ],
        "unset": UNSET,
    }


def _facts_of_processor() -> dict[str, str]:
    """Return what Linux says of the first processor, by the names that it gives."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return {"model name": platform.processor()}
    return {name.strip(): value.strip() for name, _, value in (li.partition(":") for li in lines)}
