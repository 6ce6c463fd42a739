"""The progress of an experiment over its cells, with the time that is left."""

import sys
import time
from collections.abc import Sequence

from tqdm import tqdm

from lpc_scratch.experiments.cells import Result
from lpc_scratch.experiments.grid import axis_value
from lpc_scratch.files.markdown import exact


class CellCount:
    """Counts the cells that are computed, and shows nothing; the base of those that do.

    They name a cell by its place on the axes.
    """

    def __init__(self, axes: Sequence[str] = ()) -> None:
        self.axes, self.computed = axes, 0

    def start(self, cells: int, found: int) -> None:
        """Show how many cells there are, and how many of them had a result already."""

    def finished(self, result: Result) -> None:
        """Count a cell."""
        self.computed += 1

    def close(self) -> None:
        """Show no more."""


class CellBar(CellCount):
    """A progress bar over cells, on standard error."""

    _bar: tqdm | None = None

    def start(self, cells: int, found: int) -> None:
        """Open the bar; tqdm estimates the time left from what is computed now."""
        self._bar = tqdm(total=cells, initial=found, unit="cell", dynamic_ncols=True)

    def finished(self, result: Result) -> None:
        """Advance by a cell and name it."""
        super().finished(result)
        assert self._bar is not None
        self._bar.set_postfix_str(_outcome(result, self.axes), refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Leave the terminal to others."""
        if self._bar is not None:
            self._bar.close()


class CellLines(CellCount):
    """A line for every cell, on standard output."""

    def start(self, cells: int, found: int) -> None:
        """Say how many cells there are to compute."""
        self._cells, self._found, self._started = cells, found, time.monotonic()
        there = f", {found} of them are there already" if found else ""
        print(f"{cells} cells{there}", flush=True)

    def finished(self, result: Result) -> None:
        """Print the outcome of a cell, and the time that is left at the pace so far."""
        super().finished(result)
        left = self._cells - self._found - self.computed
        seconds = (time.monotonic() - self._started) / self.computed * left
        outcome = _outcome(result, self.axes)
        ahead = f" (about {_duration(seconds)} left)" if left else ""
        print(f"{self._found + self.computed:4d} of {self._cells}  {outcome}{ahead}", flush=True)


def make_progress(axes: Sequence[str]) -> CellBar | CellLines:
    """Return a bar where standard error is a terminal, and lines elsewhere."""
    return CellBar(axes) if sys.stderr.isatty() else CellLines(axes)


def describe_place(result: Result, axes: Sequence[str]) -> str:
    """Return where a cell stands on the axes, and its seed."""
    return ", ".join(f"{a} {exact(axis_value(result.config, a))}" for a in (*axes, "seed"))


def _outcome(result: Result, axes: Sequence[str]) -> str:
    if result.finished:
        last = result.rows[-1]
        outcome = f"test accuracy {last['test_accuracy']:.4f}, NC1 {last['nc1']:.3g}"
    else:
        outcome = result.status
    return f"{describe_place(result, axes)}: {outcome}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
