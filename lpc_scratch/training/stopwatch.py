"""Where the time of a run goes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Wall-clock seconds by what they were spent on.

    Attributes
    ----------
    seconds : dict of str to float
        The sum over all blocks of `on` with a name.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Count the time of a block, whether or not it ends well."""
        started = time.perf_counter()
        try:
            yield
        finally:
            passed = time.perf_counter() - started
            self.seconds[what] = self.seconds.get(what, 0.0) + passed

    def report(self, total: float) -> str:
        """Return one line: what of so many seconds took how long, the longest first."""
        parts = self.seconds | {"everything else": total - sum(self.seconds.values())}
        longest = sorted(parts, key=lambda what: -parts[what])
        return f"{total:.1f} s: " + ", ".join(f"{what} {parts[what]:.1f}" for what in longest)
