"""What stops a benchmark, and what leaves one peer out of it."""

from lpc_scratch.errors import LPCError


class BenchmarkError(LPCError):
    """A benchmark that cannot be run, or whose numbers would compare different things."""


class LeftOutError(Exception):
    """A peer that cannot run a configuration; the message says why."""
