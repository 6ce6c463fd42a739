"""Whether others used the machine while a benchmark ran."""

import os
import sys
import time
from pathlib import Path
from typing import Any

OTHERS = 0.1
"""Cores that others may use while a benchmark runs: what the system itself needs is less."""


class LoadRecord:
    """The load of the machine before a benchmark, during it and after it.

    A load average counts the benchmark too; what the others took is told from processor times.
    """

    def __init__(self) -> None:
        self._before, self._started = load_average(), time.perf_counter()
        self._others = _seconds_of_others()
        for reason in noise(self._before, None):
            print(
                f"warning: {reason}, so the timings are disturbed; wait until it is lower",
                file=sys.stderr,
            )

    def finish(self) -> dict[str, Any]:
        """Return the record, ready for JSON; None where the system does not tell.

        `noise` says in words what disturbed the timings, and `in_noise` whether anything did.
        """
        seconds = time.perf_counter() - self._started
        others = _seconds_of_others()
        used = None
        if others is not None and self._others is not None:
            used = max(0.0, (others - self._others) / seconds)
        reasons = noise(self._before, used)
        return {
            "load_average_before": self._before,
            "load_average_after": load_average(),
            "cores_used_by_others": used,
            "in_noise": bool(reasons),
            "noise": reasons,
        }


def noise(before: float | None, others: float | None) -> list[str]:
    """Return what disturbs timings, in words: a load average before, and the cores of others."""
    reasons = []
    if before is not None and before > cores() / 2:
        reasons.append(f"the load average before was {before:.2f} on {cores()} cores")
    if others is not None and others > OTHERS:
        reasons.append(f"others used {others:.2f} cores meanwhile")
    return reasons


def load_average() -> float | None:
    """Return the load of the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def cores() -> int:
    """Return how many cores the machine has."""
    return os.cpu_count() or 1


def _seconds_of_others() -> float | None:
    """Return the processor seconds that all others have taken since the start of the machine."""
    try:
        numbers = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]
    except OSError:  # only Linux has it
        return None
    ticks = [int(number) for number in numbers]
    busy = sum(ticks) - ticks[3] - ticks[4]  # without idle and waiting for disks
    return busy / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])
