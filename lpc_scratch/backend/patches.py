"""Convolutions of any kind: patches of a unit of images in the cache, then one product."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.scratch import scratch
from lpc_scratch.backend.units import Unit, padded_rows, run_units, sum_units, units

FLOATS = 131_072
"""Numbers of the patches of a unit."""


def convolve(
    x: Array, W: Array, b: Array | None, window: tuple, stride: tuple, padding: tuple, out: Array
) -> Array:
    """y of x (B, H, W, C), W (kh kw C, O), b (1, O) or None; see `Reference.conv2d`."""
    B, H, width, O = out.shape
    twice = stride == (1, 1) and width > 1
    W = _widened(W, window) if twice else W
    shift = None if b is None else np.tile(b[0], width)

    def run(unit: Unit) -> None:
        images, rows = unit
        y = out[images, rows]
        columns = _patches(x[images], rows, width, window, stride, padding, twice)
        if twice and width % 2:
            pairs = scratch((*y.shape[:2], width + 1, O), x.dtype, 2)
            np.matmul(columns, W, out=pairs.reshape(-1, 2 * O))
            y[...] = pairs[:, :, :width]
        else:
            np.matmul(columns, W, out=y.reshape(-1, W.shape[1]))
        if shift is not None:
            lines = y.reshape(-1, width * O)
            lines += shift

    run_units(run, units(B, H, len(W) * -(-width // (1 + twice)), FLOATS))
    return out


def weight_gradient(
    x: Array, dy: Array, window: tuple, stride: tuple, padding: tuple, out: Array
) -> Array:
    """dW (kh kw C, O) of x (B, H, W, C) and dy (B, H', W', O)."""
    B, H, width, O = dy.shape
    kh, kw = window
    C = x.shape[-1]
    twice = stride == (1, 1) and width > 1
    K = kh * (kw + twice) * C

    def run(unit: Unit, total: Array) -> None:
        images, rows = unit
        columns = _patches(x[images], rows, width, window, stride, padding, twice)
        part = dy[images, rows]
        if twice and width % 2:
            pairs = scratch((*part.shape[:2], width + 1, O), x.dtype, 2)
            pairs[:, :, :width] = part
            pairs[:, :, width] = 0
            part = pairs
        product = scratch(total.shape, x.dtype, 3)
        total += np.matmul(columns.T, part.reshape(-1, total.shape[1]), out=product)

    work = units(B, H, K * -(-width // (1 + twice)), FLOATS)
    total = sum_units(run, work, (K, O * (1 + twice)), x.dtype)
    if twice:
        wide = total.reshape(kh, kw + 1, C, 2, O)
        total = wide[:, :-1, :, 0] + wide[:, 1:, :, 1]
    out[...] = total.reshape(out.shape)
    return out


def input_gradient(
    dy: Array, W: Array, window: tuple, stride: tuple, padding: tuple, out: Array
) -> Array:
    """dx (B, H, W, C) of dy (B, H', W', O) and W (kh kw C, O).

    A block of as many pixels as the stride has a convolution of dy: with the kernels turned and
    shared out to the pixels of the block.
    """
    (B, H, width, C), (sh, sw), ((top, _), (left, _)) = out.shape, stride, padding
    blocks = -(-(H + top) // sh), -(-(width + left) // sw)
    W, seen = _turned(W, window, stride, C)

    def run(unit: Unit) -> None:
        images, rows = unit
        before = ((seen[0] - 1, 0), (seen[1] - 1, 0))
        columns = _patches(dy[images], rows, blocks[1], seen, (1, 1), before, False)
        y = scratch((len(dy[images]), *blocks, sh, sw, C), dy.dtype, 2)
        np.matmul(columns, W, out=y.reshape(-1, W.shape[1]))
        for i, j in np.ndindex(sh, sw):
            row, column = (i - top) % sh, (j - left) % sw
            pixels = out[images, row::sh, column::sw]
            row, column = (row + top) // sh, (column + left) // sw
            pixels[...] = y[:, row:, column:, i, j][:, : pixels.shape[1], : pixels.shape[2]]

    numbers = blocks[0] * blocks[1] * (len(W) + W.shape[1])
    run_units(run, [(images, slice(0, blocks[0])) for images, _ in units(B, 1, numbers, FLOATS)])
    return out


def _patches(
    x: Array, rows: slice, width: int, window: tuple, stride: tuple, padding: tuple, twice: bool
) -> Array:
    """Return the patches under output rows of x (n, H, W, C) as the rows of a matrix.

    With `twice` a patch is one column wider, and every second is left out.
    """
    (kh, kw), (sh, sw), ((top, _), (left, _)) = window, stride, padding
    n, _, _, C = x.shape
    count, first = rows.stop - rows.start, rows.start * sh - top
    kw, sw, width = (kw + 1, 2, -(-width // 2)) if twice else (kw, sw, width)
    padded = padded_rows(x, (first, first + (count - 1) * sh + kh), left, (width - 1) * sw + kw)
    image, row, column, number = padded.strides
    view = as_strided(
        padded,
        (n, count, width, kh, kw * C),
        (image, sh * row, sw * column, row, number),
        writeable=False,
    )
    patches = scratch(view.shape, x.dtype, 1)
    patches[...] = view
    return patches.reshape(-1, kh * kw * C)


def _widened(W: Array, window: tuple) -> Array:
    """Return the kernels that give two neighbouring pixels from a window one column wider."""
    kh, kw = window
    C, O = len(W) // (kh * kw), W.shape[1]
    wide = np.zeros((kh, kw + 1, C, 2, O), W.dtype)
    wide[:, :-1, :, 0] = W.reshape(kh, kw, C, O)
    wide[:, 1:, :, 1] = W.reshape(kh, kw, C, O)
    return wide.reshape(-1, 2 * O)


def _turned(W: Array, window: tuple, stride: tuple, C: int) -> tuple[Array, tuple[int, int]]:
    """Return the kernels of `input_gradient`, and the window of dy that a block sees.

    Pixel i of a block is seen from pixel a of the window by row i + s (last - a) of a kernel.
    """
    (kh, kw), (sh, sw), O = window, stride, W.shape[1]
    mh, mw = -(-kh // sh), -(-kw // sw)
    whole = np.zeros((mh * sh, mw * sw, C, O), W.dtype)
    whole[:kh, :kw] = W.reshape(kh, kw, C, O)
    parts = whole.reshape(mh, sh, mw, sw, C, O)[::-1, :, ::-1]
    return parts.transpose(0, 2, 5, 1, 3, 4).reshape(mh * mw * O, -1), (mh, mw)
