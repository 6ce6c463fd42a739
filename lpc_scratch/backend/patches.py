"""Convolutions of any kind: patches of a unit of images in the cache, then one product."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.image_reference import Padding, Pair
from lpc_scratch.backend.scratch import scratch
from lpc_scratch.backend.units import Unit, padded_rows, run_units, sum_units, units


def convolve(
    x: Array, W: Array, b: Array | None, window: Pair, stride: Pair, padding: Padding, out: Array
) -> None:
    """y of x (B, H, W, C), W (kh kw C, O), b (1, O) or None; see `Reference.conv2d`."""
    B, H, width, outputs = out.shape
    shift = None if b is None else np.tile(b[0], width)

    def run(unit: Unit) -> None:
        images, rows = unit
        y = out[images, rows]
        np.matmul(
            _patches(x[images], rows, width, window, stride, padding), W, out=y.reshape(-1, outputs)
        )
        if shift is not None:
            lines = y.reshape(-1, width * outputs)
            lines += shift

    run_units(run, units(B, H, len(W) * width))


def weight_gradient(
    x: Array, dy: Array, window: Pair, stride: Pair, padding: Padding, out: Array
) -> None:
    """dW (kh kw C, O) of x (B, H, W, C) and dy (B, H', W', O)."""
    B, H, width, outputs = dy.shape

    def run(unit: Unit, total: Array) -> None:
        images, rows = unit
        patches = _patches(x[images], rows, width, window, stride, padding)
        product = scratch(total.shape, x.dtype, 2)
        total += np.matmul(patches.T, dy[images, rows].reshape(-1, outputs), out=product)

    out[...] = sum_units(run, units(B, H, len(out) * width), out.shape, x.dtype)


def input_gradient(
    dy: Array, W: Array, window: Pair, stride: Pair, padding: Padding, out: Array
) -> None:
    """dx (B, H, W, C) of dy (B, H', W', O) and W (kh kw C, O): patches, put back where they lie."""
    (B, H, width, C), (kh, kw), (sh, sw) = out.shape, window, stride
    (top, bottom), (left, right) = padding
    rows, columns = dy.shape[1:3]

    def run(unit: Unit) -> None:
        part, dx = dy[unit[0]], out[unit[0]]
        patches = scratch((len(dx), rows, columns, kh, kw, C), dy.dtype, 0)
        np.matmul(part.reshape(-1, part.shape[-1]), W.T, out=patches.reshape(-1, len(W)))
        padded = scratch((len(dx), top + H + bottom, left + width + right, C), dy.dtype, 1)
        padded[...] = 0
        for i, j in np.ndindex(kh, kw):
            there = padded[:, i : i + sh * (rows - 1) + 1 : sh, j : j + sw * (columns - 1) + 1 : sw]
            there += patches[:, :, :, i, j]
        dx[...] = padded[:, top : top + H, left : left + width]

    run_units(run, units(B, 1, rows * columns * len(W)))


def _patches(
    x: Array, rows: slice, width: int, window: Pair, stride: Pair, padding: Padding
) -> Array:
    """Return the patches under output rows of x (n, H, W, C) as the rows of a matrix."""
    (kh, kw), (sh, sw), ((top, _), (left, _)) = window, stride, padding
    n, _, _, C = x.shape
    count, first = rows.stop - rows.start, rows.start * sh - top
    padded = padded_rows(x, (first, first + (count - 1) * sh + kh), left, (width - 1) * sw + kw)
    image, row, column, number = padded.strides
    patches = scratch((n, count, width, kh, kw * C), x.dtype, 1)
    strides = image, sh * row, sw * column, row, number
    patches[...] = as_strided(padded, patches.shape, strides, writeable=False)
    return patches.reshape(-1, kh * kw * C)
