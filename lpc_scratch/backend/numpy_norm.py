"""Batch norm on a CPU: passes over chunks that stay in the cache, shared out to threads.

What the primitives compute stands in `reference`. Rows of few channels are short for NumPy's
loops, so that several are taken as one long row, with the vectors of the channels repeated.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.reference import Reference
from lpc_scratch.backend.scratch import scratch
from lpc_scratch.backend.threads import in_threads, num_threads, split

CHUNK = 131_072
"""Numbers that a pass works on at once."""

LINE = 2_048
"""Numbers up to which rows are joined."""


class NormOps(Reference):
    """Batch norm's primitives for arrays of the host."""

    def batch_moments(self, x: Array, stack: tuple[int, ...]) -> tuple[Array, Array]:
        """Mean and biased variance of every channel, (..., 1, C); sums are taken in float64."""
        C = x.shape[-1]
        mean, variance = np.empty((2, *stack, 1, C), x.dtype)
        for m in np.ndindex(stack):
            rows = x[m].reshape(-1, C)
            lines = _lines(rows)

            def moments(part: slice, lines: Array = lines) -> tuple[int, Array, Array]:
                chunk = lines[part]
                number = chunk.size // C
                center = _fold(chunk, C) / number
                t = scratch(chunk.shape, x.dtype)
                np.subtract(chunk, _along(center, chunk), out=t)
                return number, center, _products(t, t, C)

            numbers, centers, squares = map(np.array, zip(*_each(moments, lines), strict=True))
            weights = numbers[:, None] / len(rows)
            center = np.sum(weights * centers, axis=0)
            between = np.sum(weights * (centers - center) ** 2, axis=0)
            mean[m], variance[m] = center, np.sum(squares, axis=0) / len(rows) + between
        return mean, variance

    def batch_norm(
        self,
        x: Array,
        mean: Array,
        inverse: Array,
        scale: Array,
        shift: Array,
        out: Array | None = None,
    ) -> Array:
        """y = (x - mean) inverse scale + shift."""
        y = np.empty(x.shape, x.dtype) if out is None else out
        C = x.shape[-1]
        for m in np.ndindex(mean.shape[:-2]):
            lines = _lines(x[m].reshape(-1, C))
            target = y[m].reshape(lines.shape)
            factor = np.float64(inverse[m]) * scale[m]
            addend = _along(shift[m] - mean[m] * factor, lines)
            factor = _along(factor, lines)

            def norm(part: slice) -> None:
                t = np.multiply(lines[part], factor, out=target[part])
                t += addend

            _each(norm, lines)
        return y

    def batch_norm_backward(
        self,
        dy: Array,
        x: Array,
        mean: Array,
        inverse: Array,
        scale: Array,
        dscale: Array,
        dshift: Array,
        out: Array | None = None,
    ) -> Array:
        """dx = scale inverse (dy - mean(dy) - x̂ mean(dy x̂)); fills `dscale` and `dshift`."""
        dx = np.empty(x.shape, x.dtype) if out is None else out
        C = x.shape[-1]
        for m in np.ndindex(mean.shape[:-2]):
            upstream, lines = (_lines(a[m].reshape(-1, C)) for a in (dy, x))
            target = dx[m].reshape(lines.shape)
            number = lines.size // C
            center = _along(mean[m], lines)

            def sums(part: slice) -> tuple[Array, Array]:
                t = np.subtract(lines[part], center, out=scratch(lines[part].shape, x.dtype))
                return _products(t, upstream[part], C), _fold(upstream[part], C)

            products, totals = (np.sum(s, axis=0) for s in zip(*_each(sums, lines), strict=True))
            dscale[m], dshift[m] = products * inverse[m], totals
            factor = np.float64(inverse[m]) * scale[m]
            slope = factor * np.float64(inverse[m]) ** 2 * products / number
            level = _along(factor * totals / number - slope * mean[m], lines)
            factor, slope = _along(factor, lines), _along(slope, lines)

            def norm(part: slice) -> None:
                t = np.multiply(lines[part], slope, out=scratch(lines[part].shape, x.dtype))
                t += level
                d = np.multiply(upstream[part], factor, out=target[part])
                d -= t

            _each(norm, lines)
        return dx


def channel_sums(x: Array, out: Array | None = None) -> Array:
    """Sum over rows (..., N, C) to (..., 1, C), in float64."""
    total = np.empty((*x.shape[:-2], 1, x.shape[-1]), x.dtype) if out is None else out
    for m in np.ndindex(x.shape[:-2]):
        lines = _lines(x[m])
        sums = _each(lambda part, lines=lines: _fold(lines[part], x.shape[-1]), lines)
        total[m] = np.sum(sums, axis=0)
    return total


def _lines(rows: Array) -> Array:
    """Return rows (N, C) joined to lines, each of so many rows that it is long."""
    return rows.reshape(-1, _joined(*rows.shape) * rows.shape[1])


@cache
def _joined(rows: int, C: int) -> int:
    return max(k for k in range(1, max(LINE // C, 1) + 1) if rows % k == 0)


def _along(vector: Array, lines: Array) -> Array:
    """Repeat a vector of channels along a line."""
    return np.tile(vector.reshape(-1), lines.shape[1] // vector.size).astype(lines.dtype)


def _fold(chunk: Array, C: int) -> Array:
    """Sum of every channel, in float64: along a chunk of few lines in its dtype."""
    return np.add.reduce(np.add.reduce(chunk, axis=0).reshape(-1, C), axis=0, dtype=np.float64)


def _products(a: Array, b: Array, C: int) -> Array:
    """Sum of a b for every channel, as `_fold` does it."""
    line = np.einsum("ij,ij->j", a, b)
    return np.add.reduce(line.reshape(-1, C), axis=0, dtype=np.float64)


def _each(function: Callable[[slice], Any], lines: Array) -> list:
    """Call a function on every chunk of lines, shared out to threads; results in order."""
    size = max(CHUNK // lines.shape[1], 1)
    chunks = [slice(i, i + size) for i in range(0, len(lines), size)]
    parts = split(len(chunks), min(num_threads(), len(chunks)))
    return sum(in_threads(lambda part: [function(chunk) for chunk in chunks[part]], parts), [])
