"""Batch norm on a CPU: passes over chunks that stay in the cache, shared out to threads.

What the primitives compute stands in `reference`. Rows of few channels are short for NumPy's
loops, so that several are taken as one long line, along which the channels' vectors are repeated.
Of x, and x alone, as little is computed as rounding allows: y = x factor + addend, where the
addend was found in float64, errs by no more than the last digit of x.
"""

from collections.abc import Callable
from functools import cache
from itertools import chain
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
        """Mean and biased variance of every channel, (..., 1, C); chunks are summed in float64."""
        mean, variance = np.empty((2, *stack, 1, x.shape[-1]), x.dtype)
        for m in np.ndindex(stack):
            mean[m], variance[m] = _moments(x[m].reshape(-1, x.shape[-1]))
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
        for m in np.ndindex(mean.shape[:-2]):
            factor = inverse[m].astype(float) * scale[m]
            _scale(x[m].reshape(-1, x.shape[-1]), factor, shift[m] - mean[m] * factor, y[m])
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
        dx, C = np.empty(x.shape, x.dtype) if out is None else out, x.shape[-1]
        for m in np.ndindex(mean.shape[:-2]):
            vectors = mean[m], inverse[m].astype(float), scale[m]
            dscale[m], dshift[m] = _backward(
                dy[m].reshape(-1, C), x[m].reshape(-1, C), *vectors, dx[m]
            )
        return dx


def channel_sums(x: Array, out: Array | None = None) -> Array:
    """Sum over rows (..., N, C) to (..., 1, C), of chunks in float64."""
    total = np.empty((*x.shape[:-2], 1, x.shape[-1]), x.dtype) if out is None else out
    for m in np.ndindex(x.shape[:-2]):
        total[m] = _sum(x[m])
    return total


def _sum(rows: Array) -> Array:
    lines = _lines(rows)
    return np.sum(_each(lambda part: _fold(lines[part], rows.shape[1]), lines), axis=0)


def _moments(rows: Array) -> tuple[Array, Array]:
    """Mean and variance (C,) of rows (N, C): of chunks, each centred by itself, and of these."""
    N, C = rows.shape
    lines = _lines(rows)

    def moments(part: slice) -> tuple[float, Array, Array]:
        chunk = lines[part]
        number = chunk.size // C
        center = _fold(chunk, C) / number
        t = np.subtract(chunk, _along(center, chunk), out=scratch(chunk.shape, chunk.dtype))
        return number / N, center, _fold_product(t, t, C)

    shares, centers, squares = map(np.array, zip(*_each(moments, lines), strict=True))
    mean = shares @ centers
    return mean, np.sum(squares, axis=0) / N + shares @ (centers - mean) ** 2


def _scale(rows: Array, factor: Array, addend: Array, out: Array) -> None:
    """Fill `out` with rows (N, C) times a factor plus an addend (1, C)."""
    lines = _lines(rows)
    y = out.reshape(lines.shape)
    factors, addends = _along(factor, lines), _along(addend, lines)

    def scale(part: slice) -> None:
        t = np.multiply(lines[part], factors, out=y[part])
        t += addends

    _each(scale, lines)


def _backward(
    dy: Array, x: Array, mean: Array, inverse: Array, scale: Array, out: Array
) -> tuple[Array, Array]:
    """Fill `out` with dx of rows (N, C); return dscale and dshift."""
    N, C = x.shape
    upstream, lines = _lines(dy), _lines(x)
    dx, centers = out.reshape(lines.shape), _along(mean, lines)

    def sums(part: slice) -> tuple[Array, Array]:
        t = np.subtract(lines[part], centers, out=scratch(lines[part].shape, x.dtype))
        return _fold_product(t, upstream[part], C), _fold(upstream[part], C)

    products, dshift = (np.sum(s, axis=0) for s in zip(*_each(sums, lines), strict=True))
    dscale, factor = products * inverse, inverse * scale
    slope = factor * inverse * dscale / N
    addend = factor * dshift / N - slope * mean
    factors, slopes, addends = (_along(v, lines) for v in (factor, slope, addend))

    def combine(part: slice) -> None:  # dx = dy factor - (x slope + addend)
        t = np.multiply(lines[part], slopes, out=scratch(lines[part].shape, x.dtype))
        t += addends
        d = np.multiply(upstream[part], factors, out=dx[part])
        d -= t

    _each(combine, lines)
    return dscale, dshift


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
    """Sum of every channel (C,), in float64: over a chunk's lines, which are few, in its dtype."""
    return _by_channel(np.add.reduce(chunk, axis=0), C)


def _fold_product(a: Array, b: Array, C: int) -> Array:
    """Sum of a b for every channel, as `_fold` does it."""
    return _by_channel(np.einsum("ij,ij->j", a, b), C)


def _by_channel(line: Array, C: int) -> Array:
    return np.add.reduce(line.reshape(-1, C), axis=0, dtype=np.float64)


def _each(function: Callable[[slice], Any], lines: Array) -> list:
    """Call a function on every chunk of lines, shared out to threads; return results in order."""
    size = max(CHUNK // lines.shape[1], 1)
    chunks = [slice(i, i + size) for i in range(0, len(lines), size)]
    parts = split(len(chunks), min(num_threads(), len(chunks)))
    share = in_threads(lambda part: [function(chunk) for chunk in chunks[part]], parts)
    return list(chain.from_iterable(share))
