"""The threads of the CPU: how many, a pool of them, and BLAS held to one.

NumPy releases the interpreter's lock inside its loops, so plain threads run side by side.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache
from itertools import pairwise
from threading import Lock
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

_CHUNK = 262_144  # elements that are updated together: more leave the cache, fewer are much ado
_PART = 131_072  # elements below which a second thread costs more than it saves
_holders, _holders_lock, _limit = 0, Lock(), None  # of `single_blas_thread`
_in_thread = ContextVar("in_thread", default=False)


@cache
def num_threads() -> int:
    """Return the number of threads that BLAS has when this is first called.

    It is the number of cores unless OPENBLAS_NUM_THREADS says otherwise.
    """
    blas = [library["num_threads"] for library in _controller().info() if _is_blas(library)]
    return max(blas, default=1)


def in_threads(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Call a function on every item, each in a thread of its own; return the results in order.

    The caller's thread takes the first item, and all of them if it is such a thread itself.
    NumPy's error state is that of the caller.
    """
    if len(items) == 1 or _in_thread.get():
        return [function(item) for item in items]
    token = _in_thread.set(True)
    futures: list[Future] = []
    try:
        futures.extend(_pool().submit(copy_context().run, function, item) for item in items[1:])
        return [function(items[0]), *(future.result() for future in futures)]
    finally:
        wait(futures)  # nothing of this call may still run when it ends by an error
        _in_thread.reset(token)


def split(size: int, parts: int) -> list[slice]:
    """Return the slices that cut a length into so many parts, equal to within one element.

    A length of 0 is one empty part.
    """
    parts = max(parts, 1)
    bounds = [size * part // parts for part in range(parts + 1)]
    return [slice(first, end) for first, end in pairwise(bounds)]


def in_parts(update: Callable[[slice], None], size: int) -> None:
    """Update a vector of that size, a long one in as many parts as there are threads."""
    parts = min(num_threads(), max(size // _PART, 1))
    in_threads(update, split(size, parts))


def in_chunks(update: Callable[[slice], None], size: int) -> None:
    """Update a vector of that size in chunks that fit in the cache, a long one on all threads."""

    def run(part: slice) -> None:
        for start in range(part.start, part.stop, _CHUNK):
            update(slice(start, min(start + _CHUNK, part.stop)))

    in_parts(run, size)


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread: small products gain nothing by two, and two threads collide."""
    global _holders, _limit
    num_threads()  # which remembers how many there are without the limit
    with _holders_lock:  # of several at once, the first holds BLAS and the last lets it go
        if not _holders:
            _limit = _controller().limit(limits=1, user_api="blas")
        _holders += 1
    try:
        yield
    finally:
        with _holders_lock:
            _holders -= 1
            if not _holders:
                _limit.restore_original_limits()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(num_threads(), thread_name_prefix="lpc_scratch")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has none of the threads


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks through the loaded libraries once


def _is_blas(library: dict) -> bool:
    return library["user_api"] == "blas"
