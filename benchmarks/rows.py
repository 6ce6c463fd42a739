"""A row of a table: competitors that are timed in turns, until their ratios are narrow enough."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.machine import PEAK
from benchmarks.peers import NUMBA, OURS
from benchmarks.timing import Ratio, Run, Timing, interleave

WIDE = 0.1
"""Distance of the quartiles of a ratio, over its median, above which a row is measured again."""
FASTEST = "fastest_torch_to_ours"
FASTEST_NUMBA = "fastest_torch_to_ours_with_numba"


@dataclass(frozen=True)
class Row:
    """The timings of one network.

    Attributes
    ----------
    timings : dict of str to Timing
        By competitor, ours among them.
    taken : int
        Rounds that were measured in all, those of discarded measurements included.
    """

    timings: dict[str, Timing]
    taken: int

    @cached_property
    def ratios(self) -> dict[str, Ratio]:
        """Time of every peer over ours, and of the fastest torch over ours, with numba too."""
        ours, numba = self.timings[OURS], self.timings.get(NUMBA)
        peers = {n: t for n, t in self.timings.items() if n not in (OURS, NUMBA, PEAK)}
        found = {name: timing.over(ours) for name, timing in peers.items()}
        torch = [name for name in peers if "torch" in name]
        if torch:
            found[FASTEST] = min((found[name] for name in torch), key=lambda r: r.median)
        if torch and numba:
            to_numba = (peers[name].over(numba) for name in torch)
            found[FASTEST_NUMBA] = min(to_numba, key=lambda r: r.median)
        return found

    @property
    def spread(self) -> float:
        """The widest spread of a ratio; 0 where ours is alone."""
        return max((ratio.spread for ratio in self.ratios.values()), default=0.0)

    def numbers(self) -> dict[str, Any]:
        """Return timings and ratios for a JSON file; above 1, ours is faster."""
        of_peers = {n: r.median for n, r in self.ratios.items() if n in self.timings}
        fastest = {n: self.ratios.get(n) for n in (FASTEST, FASTEST_NUMBA)}
        return {
            "timings": {name: timing.milliseconds() for name, timing in self.timings.items()},
            "rounds_taken": self.taken,
            "ratios": of_peers,
            **{name: ratio and ratio.median for name, ratio in fastest.items()},
            "ratio_quartiles": {n: [r.lower, r.upper] for n, r in self.ratios.items()},
            "wide": [name for name, ratio in self.ratios.items() if ratio.spread > WIDE],
        }


def measure_row(runs: Mapping[str, Run], rounds: int, most: int) -> Row:
    """Time competitors for so many rounds, and again while a ratio to ours is wide.

    A measurement starts anew, so that a disturbance of the one before is not in it; that with the
    least spread counts. The spread decides, never the ratio.

    Parameters
    ----------
    runs : mapping of str to callable
        As `interleave` takes them, ours among them.
    rounds, most : int
        Rounds of one measurement, and of all of them at most; one measurement there is in any case.
    """
    best = Row(interleave(runs, rounds), rounds)
    taken = rounds
    while best.spread > WIDE and taken + rounds <= most:
        taken += rounds
        again = Row(interleave(runs, rounds), taken)
        best = min(best, again, key=lambda row: row.spread)
    return replace(best, taken=taken)


def check_rounds(rounds: int, most: int | None = None) -> None:
    """Raise BenchmarkError for numbers of rounds that have no quartiles, or exclude each other."""
    if rounds < 2:
        raise BenchmarkError(f"--rounds must be at least 2, not {rounds}")
    if most is not None and most < rounds:
        raise BenchmarkError(f"--most-rounds must be at least --rounds {rounds}, not {most}")
