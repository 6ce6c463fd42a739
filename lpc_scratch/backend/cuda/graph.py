"""Launches recorded once and replayed as one CUDA graph."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

from lpc_scratch.backend.cuda.device import synchronize
from lpc_scratch.backend.cuda.device import xp as cupy


class Graph:
    """A CUDA graph, empty at first.

    Record and replay within `with graph:`, which waits for earlier work at its start, and for
    the replays at its end.
    """

    def __init__(self) -> None:
        self._stream = _stream()
        # Arrays made while recording are reused by every replay, so nobody else may get them.
        self._pool = cupy.cuda.MemoryPool()
        self._graph: Any = None

    def __enter__(self) -> "Graph":
        synchronize()
        self._stream.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._stream.synchronize()
        finally:
            self._stream.__exit__(*error)

    @property
    def recorded(self) -> bool:
        """Whether there is something to replay."""
        return self._graph is not None

    def record(self, work: Callable[[], None]) -> None:
        """Record what `work` launches, without running it."""
        self._stream.begin_capture()
        try:
            with cupy.cuda.using_allocator(self._pool.malloc):
                work()
        except BaseException:
            with suppress(Exception):  # the recording is void; what stopped it is to be seen
                self._stream.end_capture()
            raise
        self._graph = self._stream.end_capture()

    def replay(self) -> None:
        """Launch what was recorded."""
        self._graph.launch()


@cache
def _stream() -> Any:
    """Return the stream of all graphs; CUDA records no default stream."""
    return cupy.cuda.Stream(non_blocking=True)
