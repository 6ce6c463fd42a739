"""Convolution and pooling on a CPU; what the primitives compute stands in `reference`."""

import math

import numpy as np

from lpc_scratch.backend import patches, winograd
from lpc_scratch.backend.array import Array
from lpc_scratch.backend.image_reference import Padding, Pair, output_size, places, sees_pixels
from lpc_scratch.backend.reference import Reference
from lpc_scratch.backend.scratch import scratch
from lpc_scratch.backend.units import Unit, run_units, sum_units, units


class ConvolutionOps(Reference):
    """The primitives of images for arrays of the host.

    Measured on two cores, NumPy's products run at one speed for all shapes, and what else counts
    is copies, and calls that are too short for two threads. So kernels of three rows that step by
    one go by `winograd`, which takes fewer numbers: for one channel it is as fast as `patches`,
    for sixteen and more up to twice as fast. One or two output rows would waste its tiles of four.
    A 1x1 kernel at stride 1 is a plain product, all others go by `patches`.
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
        size = output_size(x.shape[-3:-1], window, stride, padding)
        y = _result(out, (*stack, x.shape[-4], *size, W.shape[-1]), x)
        for m in np.ndindex(stack):
            shift = None if b is None else b[m]
            _convolve(_member(x, m), W[m], shift, window, stride, padding, y[m])
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
        stack = dy.shape[:-4]
        rows = window[0] * window[1] * x.shape[-1]
        dW = _result(out, (*stack, rows, dy.shape[-1]), dy)
        for m in np.ndindex(stack):
            one, upstream = _member(x, m), np.ascontiguousarray(dy[m])
            if sees_pixels(window, stride, padding):
                _plain_gradient(one, upstream, dW[m])
            elif _is_tiled(window, stride, upstream):
                winograd.weight_gradient(one, upstream, window[1], stride[1], padding, dW[m])
            else:
                patches.weight_gradient(one, upstream, window, stride, padding, dW[m])
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
        (top, bottom), (left, right) = padding
        kh, kw = window
        around = (kh - 1 - top, kh - 1 - bottom), (kw - 1 - left, kw - 1 - right)
        for m in np.ndindex(stack):
            if stride == (1, 1):
                turned = W[m].reshape(kh, kw, shape[-1], -1)[::-1, ::-1].swapaxes(2, 3)
                turned = turned.reshape(-1, shape[-1])
                _convolve(dy[m], turned, None, window, stride, around, dx[m])
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
        size = output_size(x.shape[-3:-1], window, stride)
        y = _result(out, (*x.shape[:-3], *size, x.shape[-1]), x)
        position = np.empty(y.shape, np.uint8) if position is None else position
        for m in np.ndindex(y.shape[:-4]):
            _pool(x[m], window, stride, y[m], position[m])
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
    if sees_pixels(window, stride, padding):
        _plain(x, W, b, out)
    elif _is_tiled(window, stride, out):
        winograd.convolve(x, W, b, window[1], stride[1], padding, out)
    else:
        patches.convolve(x, W, b, window, stride, padding, out)


def _is_tiled(window: Pair, stride: Pair, y: Array) -> bool:
    return window[0] == 3 and stride[0] == 1 and y.shape[1] > 2


def _plain(x: Array, W: Array, b: Array | None, out: Array) -> None:
    """y of a 1x1 kernel: every pixel's channels times W."""

    def run(unit: Unit) -> None:
        images, _ = unit
        y = out[images].reshape(-1, W.shape[1])
        np.matmul(x[images].reshape(-1, len(W)), W, out=y)
        if b is not None:
            y += b

    run_units(run, units(len(x), 1, math.prod(x.shape[1:])))


def _plain_gradient(x: Array, dy: Array, out: Array) -> None:
    """dW of a 1x1 kernel."""

    def run(unit: Unit, total: Array) -> None:
        images, _ = unit
        product = scratch(total.shape, x.dtype)
        pixels = x[images].reshape(-1, len(total))
        total += np.matmul(pixels.T, dy[images].reshape(-1, total.shape[1]), out=product)

    out[...] = sum_units(run, units(len(x), 1, math.prod(x.shape[1:])), out.shape, out.dtype)


def _pool(x: Array, window: Pair, stride: Pair, y: Array, position: Array) -> None:
    def run(unit: Unit) -> None:
        images, _ = unit
        largest, where = y[images], position[images]
        larger = scratch(largest.shape, bool)
        for place, (_, _, seen) in enumerate(places(window, stride, largest.shape[1:3])):
            pixels = x[images][seen]
            if place:
                np.greater(pixels, largest, out=larger)
                np.maximum(pixels, largest, out=largest)
                np.copyto(where, place, where=larger)
            else:
                largest[...], where[...] = pixels, 0

    run_units(run, units(len(x), 1, math.prod(x.shape[1:])))


def _pool_backward(dy: Array, position: Array, window: Pair, stride: Pair, dx: Array) -> None:
    def run(unit: Unit) -> None:
        images, _ = unit
        part, where = dy[images], position[images]
        chosen, share = scratch(part.shape, bool), scratch(part.shape, part.dtype)
        dx[images] = 0
        for place, (_, _, seen) in enumerate(places(window, stride, part.shape[1:3])):
            pixels = dx[images][seen]
            pixels += np.multiply(part, np.equal(where, place, out=chosen), out=share)

    run_units(run, units(len(dx), 1, math.prod(dx.shape[1:])))


def _result(out: Array | None, shape: tuple[int, ...], like: Array) -> Array:
    return np.empty(shape, like.dtype) if out is None else out


def _member(x: Array, member: tuple[int, ...]) -> Array:
    """Return one member's images, which are all members' where x has no member axes."""
    return x[member] if x.ndim > 4 else x
