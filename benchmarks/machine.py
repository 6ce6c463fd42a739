"""What a benchmark ran on, and how fast that multiplies matrices."""

import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lpc_scratch.backend import Backend
from lpc_scratch.backend.threads import num_threads
from lpc_scratch.runs.environment import describe_environment, package_versions

PEAK = "matrix product"
_PACKAGES = ("torch", "jax", "jaxlib", "numba", "threadpoolctl")
_SIDE = {"cpu": 2048, "gpu": 8192}


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
            self.backend.xp.matmul(self.a, self.a, out=self.product)
        self.backend.synchronize()


def describe_machine(backend: Backend, command: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Return date, command, versions, processor, threads and load average, ready for JSON."""
    description = describe_environment(backend)
    description["command"] = " ".join(["python", "-m", command, *arguments])
    description["packages"] |= package_versions(_PACKAGES)
    description["processor"] = _processor() or description["processor"]
    return description | {"cores": _cores(), "threads": num_threads()}


class LoadRecord:
    """The load of the machine before a benchmark, during it and after it.

    A load average counts the benchmark too; what the others took is told from processor times.
    """

    def __init__(self) -> None:
        self._before, self._started = load_average(), time.perf_counter()
        self._others = _seconds_of_others()
        if self._before is not None and self._before > _cores() / 2:
            print(
                f"warning: the load average is {self._before:.2f} on {_cores()} cores, so the "
                "timings are disturbed; wait until it is lower",
                file=sys.stderr,
            )

    def finish(self) -> dict[str, float | None]:
        """Return the record, ready for JSON; None where the system does not tell."""
        seconds = time.perf_counter() - self._started
        others = _seconds_of_others()
        return {
            "load_average_before": self._before,
            "load_average_after": load_average(),
            "cores_used_by_others": None
            if others is None or self._others is None
            else max(0.0, (others - self._others) / seconds),
        }


def load_average() -> float | None:
    """Return the load of the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _seconds_of_others() -> float | None:
    """Return the processor seconds that all others have taken since the start of the machine."""
    try:
        numbers = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]
    except OSError:  # only Linux has it
        return None
    ticks = [int(number) for number in numbers]
    busy = sum(ticks) - ticks[3] - ticks[4]  # without idle and waiting for disks
    return busy / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])


def _cores() -> int:
    return os.cpu_count() or 1


def _processor() -> str | None:
    """Return the model of the processor where Linux names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, None)
