"""Medians of competitors that take turns.

Libraries keep their worker threads spinning for tens of milliseconds after the last call, on the
cores that the next one needs. So every turn begins with a pause and some steps that are not timed.
"""

import math
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Run = Callable[[int], object]
"""Takes that many steps, and returns when the device has done them."""

PAUSE = 0.05  # seconds in which the threads of the one before come to rest
_WARM_UP = 0.05  # seconds of untimed steps
_CHUNK = 0.05  # seconds of steps in one call
_BLOCK = 0.25  # seconds of timed steps: chunks follow until they are over


@dataclass(frozen=True)
class Ratio:
    """The median of paired ratios, with their quartiles."""

    median: float
    lower: float
    upper: float

    @property
    def spread(self) -> float:
        """Distance of the quartiles over the median."""
        return (self.upper - self.lower) / self.median


@dataclass(frozen=True)
class Timing:
    """Seconds per step over several blocks.

    Attributes
    ----------
    median, lower, upper, fastest : float
        Median, quartiles and minimum over the blocks, in seconds per step.
    blocks, steps : int
        Number of blocks, and of steps in all of them.
    rounds : tuple of float
        Every block's seconds per step, in order.
    """

    median: float
    lower: float
    upper: float
    fastest: float
    blocks: int
    steps: int
    rounds: tuple[float, ...]

    def over(self, other: "Timing") -> Ratio:
        """Return the ratios to another's time in the same round.

        What disturbs the machine for longer than a round disturbs both.
        """
        ratios = [a / b for a, b in zip(self.rounds, other.rounds, strict=True)]
        lower, median, upper = statistics.quantiles(ratios, n=4, method="inclusive")
        return Ratio(median, lower, upper)

    def milliseconds(self) -> dict[str, Any]:
        """Return the numbers for a JSON file."""
        return {
            "median_ms": self.median * 1e3,
            "quartiles_ms": [self.lower * 1e3, self.upper * 1e3],
            "fastest_ms": self.fastest * 1e3,
            "blocks": self.blocks,
            "steps": self.steps,
        }


def interleave(runs: Mapping[str, Run], rounds: int) -> dict[str, Timing]:
    """Time competitors in turns.

    Parameters
    ----------
    runs : mapping of str to callable
        Each takes a number of steps; all have taken their first steps before.
    rounds : int
        Turns that each one has, at least 2.

    Returns
    -------
    dict of str to Timing
        In the order of `runs`.
    """
    step = {name: _estimate(run) for name, run in runs.items()}
    steps = {name: max(1, round(_CHUNK / step[name])) for name in runs}
    blocks: dict[str, list[float]] = {name: [] for name in runs}
    taken = dict.fromkeys(runs, 0)
    order = list(runs)
    shuffle = random.Random(0).shuffle  # not one fixed cycle: each meets every predecessor
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            time.sleep(PAUSE)
            runs[name](max(1, round(_WARM_UP / step[name])))
            seconds, chunks = 0.0, 0
            while seconds < _BLOCK:
                seconds += _seconds(runs[name], steps[name])
                chunks += 1
            blocks[name].append(seconds / (chunks * steps[name]))
            taken[name] += chunks * steps[name]
    return {name: summarize(blocks[name], taken[name]) for name in runs}


def summarize(seconds: list[float], steps: int) -> Timing:
    """Return the statistics of the blocks' seconds per step."""
    lower, median, upper = statistics.quantiles(seconds, n=4, method="inclusive")
    return Timing(median, lower, upper, min(seconds), len(seconds), steps, tuple(seconds))


def _estimate(run: Run) -> float:
    """Return roughly the seconds of a step."""
    time.sleep(PAUSE)
    steps = 1
    while (seconds := _seconds(run, steps)) < _WARM_UP:
        steps = math.ceil(steps * min(10, 1.2 * _WARM_UP / seconds))
    return seconds / steps


def _seconds(run: Run, steps: int) -> float:
    started = time.perf_counter()
    run(steps)
    return time.perf_counter() - started
