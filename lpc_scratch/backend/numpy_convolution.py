"""Convolution, pooling and batch norm on a CPU; what they compute stands in `reference`."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from lpc_scratch.backend import patches, winograd
from lpc_scratch.backend.array import Array
from lpc_scratch.backend.reference import Reference
from lpc_scratch.backend.scratch import scratch
from lpc_scratch.backend.threads import in_threads, num_threads, split
from lpc_scratch.backend.units import Unit, run_units, sum_units, units

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

WINOGRAD_FROM = 8
"""Channels in and out from which 3x3 kernels at stride 1 take fewer products."""

CHUNK = 32_768
"""Numbers that a pass of pooling or batch norm works on at once."""


class ConvolutionOps(Reference):
    """The primitives of images for arrays of the host.

    Measured on two cores, NumPy's products run at the same speed for any shape, and copies cost
    as much as they do. So a 1x1 kernel at stride 1 is a plain product; 3x3 kernels at stride 1
    go by `winograd`, which takes fewer of both; all others go by `patches`, at stride 1 for two
    neighbouring pixels at once.
    """

    def conv2d(
        self,
        x: Array,
        W: Array,
        b: Array | None,
        window: Pair,
        stride: Pair,
        padding: Padding,
        out: Array | None = None,
    ) -> Array:
        """y = x * W + b, (..., B, H', W', O)."""
        stack = np.broadcast_shapes(x.shape[:-4], W.shape[:-2])
        H, width = (
            (size + before + after - k) // step + 1
            for size, (before, after), k, step in zip(
                x.shape[-3:-1], padding, window, stride, strict=True
            )
        )
        y = _result(out, (*stack, x.shape[-4], H, width, W.shape[-1]), x)
        for m in np.ndindex(stack):
            bias = None if b is None else b[m]
            _convolve(_member(x, m, 4), W[m], bias, window, stride, padding, y[m])
        return y

    def conv2d_weight_gradient(
        self,
        x: Array,
        dy: Array,
        window: Pair,
        stride: Pair,
        padding: Padding,
        out: Array | None = None,
    ) -> Array:
        """dW (..., kh kw C, O)."""
        (kh, kw), C, O = window, x.shape[-1], dy.shape[-1]
        stack = dy.shape[:-4]
        dW = _result(out, (*stack, kh * kw * C, O), dy)
        for m in np.ndindex(stack):
            one = _member(x, m, 4), _contiguous(dy[m])
            if _is_plain(window, stride, padding):
                _plain_gradient(*one, dW[m])
            elif _is_winograd(window, stride, kh * kw * C, O):
                winograd.weight_gradient(*one, window[1], stride[1], padding, dW[m])
            else:
                patches.weight_gradient(*one, window, stride, padding, dW[m])
        return dW

    def conv2d_input_gradient(
        self,
        dy: Array,
        W: Array,
        shape: tuple[int, int, int],
        window: Pair,
        stride: Pair,
        padding: Padding,
        out: Array | None = None,
    ) -> Array:
        """dx (..., B, H, W, C): at stride 1 the convolution of dy with the turned kernels."""
        stack = dy.shape[:-4]
        dx = _result(out, (*stack, dy.shape[-4], *shape), dy)
        turned = tuple(
            (k - 1 - before, k - 1 - after)
            for k, (before, after) in zip(window, padding, strict=True)
        )
        for m in np.ndindex(stack):
            if stride == (1, 1):
                kernels = W[m].reshape(*window, shape[-1], -1)[::-1, ::-1].swapaxes(2, 3)
                kernels = np.ascontiguousarray(kernels).reshape(-1, shape[-1])
                _convolve(dy[m], kernels, None, window, stride, turned, dx[m])
            else:
                patches.input_gradient(dy[m], W[m], window, stride, padding, dx[m])
        return dx

    def max_pool(
        self,
        x: Array,
        window: Pair,
        stride: Pair,
        out: Array | None = None,
        position: Array | None = None,
    ) -> Array:
        """Largest of each window; `position` gets its place there, the first of equals."""
        H, width = (
            (n - k) // s + 1 for n, k, s in zip(x.shape[-3:-1], window, stride, strict=True)
        )
        shape = (*x.shape[:-3], H, width, x.shape[-1])
        y = _result(out, shape, x)
        place = np.empty(shape, np.uint8) if position is None else position
        for m in np.ndindex(shape[:-4]):
            _pool(x[m], window, stride, y[m], place[m])
        return y

    def max_pool_backward(
        self,
        dy: Array,
        position: Array,
        shape: tuple[int, int, int],
        window: Pair,
        stride: Pair,
        out: Array | None = None,
    ) -> Array:
        """dx: every window's dy at the place of its maximum."""
        dx = _result(out, (*dy.shape[:-3], *shape), dy)
        for m in np.ndindex(dy.shape[:-4]):
            _pool_backward(dy[m], position[m], window, stride, dx[m])
        return dx


def _convolve(
    x: Array, W: Array, b: Array | None, window: Pair, stride: Pair, padding: Padding, out: Array
) -> None:
    """Convolve the images of one member in the way that suits their shape."""
    if _is_plain(window, stride, padding):
        _plain(x, W, b, out)
    elif _is_winograd(window, stride, *W.shape[:1], W.shape[1]):
        winograd.convolve(x, W, b, window[1], stride[1], padding, out)
    else:
        patches.convolve(x, W, b, window, stride, padding, out)


def _is_plain(window: Pair, stride: Pair, padding: Padding) -> bool:
    return window == stride == (1, 1) and padding == ((0, 0), (0, 0))


def _is_winograd(window: Pair, stride: Pair, rows: int, O: int) -> bool:
    return window[0] == 3 and stride[0] == 1 and min(rows // (3 * window[1]), O) >= WINOGRAD_FROM


def _plain(x: Array, W: Array, b: Array | None, out: Array) -> None:
    """A 1x1 kernel: every pixel's channels times W."""

    def run(unit: Unit) -> None:
        images, _ = unit
        y = out[images].reshape(-1, W.shape[1])
        np.matmul(x[images].reshape(-1, len(W)), W, out=y)
        if b is not None:
            y += b

    run_units(run, units(len(x), 1, x[0].size, CHUNK))


def _plain_gradient(x: Array, dy: Array, out: Array) -> None:
    """A 1x1 kernel's gradient."""

    def run(unit: Unit, total: Array) -> None:
        images, _ = unit
        rows = x[images].reshape(-1, out.shape[0])
        total += rows.T @ dy[images].reshape(-1, out.shape[1])

    out[...] = sum_units(run, units(len(x), 1, x[0].size, CHUNK), out.shape, out.dtype)


def _pool(x: Array, window: Pair, stride: Pair, y: Array, position: Array) -> None:
    def run(unit: Unit) -> None:
        images, _ = unit
        largest, where = y[images], position[images]
        larger = scratch(largest.shape, bool)
        for place, pixels in enumerate(_places(x[images], window, stride, largest.shape)):
            if place == 0:
                largest[...], where[...] = pixels, 0
                continue
            np.greater(pixels, largest, out=larger)
            np.maximum(pixels, largest, out=largest)
            np.copyto(where, place, where=larger)

    run_units(run, units(len(x), 1, x[0].size, CHUNK))


def _pool_backward(dy: Array, position: Array, window: Pair, stride: Pair, dx: Array) -> None:
    apart = all(k <= s for k, s in zip(window, stride, strict=True))
    covered = all(
        k == s and size == k * n
        for k, s, size, n in zip(window, stride, dx.shape[1:3], dy.shape[1:3], strict=True)
    )

    def run(unit: Unit) -> None:
        images, _ = unit
        part, where = dy[images], position[images]
        chosen = scratch(part.shape, bool)
        if not covered:
            dx[images] = 0
        for place, pixels in enumerate(_places(dx[images], window, stride, part.shape)):
            np.equal(where, place, out=chosen)
            if apart:
                np.multiply(part, chosen, out=pixels)
            else:
                pixels += np.multiply(part, chosen, out=scratch(part.shape, part.dtype))

    run_units(run, units(len(dx), 1, dx[0].size, CHUNK))


def _places(x: Array, window: Pair, stride: Pair, shape: tuple[int, ...]) -> Iterator[Array]:
    """Yield, for every place of a window, the pixels that the windows have there."""
    (sh, sw), (_, H, width, _) = stride, shape
    for i, j in product(range(window[0]), range(window[1])):
        yield x[:, i : i + sh * (H - 1) + 1 : sh, j : j + sw * (width - 1) + 1 : sw]


def _result(out: Array | None, shape: tuple[int, ...], like: Array) -> Array:
    return np.empty(shape, like.dtype) if out is None else out


def _contiguous(x: Array) -> Array:
    return np.ascontiguousarray(x)


def _member(x: Array, member: tuple[int, ...], axes: int) -> Array:
    """Return one member's images, which are all members' where x has no member axes."""
    return x[member] if x.ndim > axes else x
