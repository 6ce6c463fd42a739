"""Convolutions by kernels of three rows with half the products.

Winograd's F(4, 3) along the rows, as in Lavin and Gray, "Fast Algorithms for Convolutional Neural
Networks" (2016): four output rows under a kernel column g of three are Aᵀ [(G g) ⊙ (Bᵀ d)], where
d are the six rows of pixels that they see. Summed over kernel columns and channels, ⊙ is six
products of patches of one row, half of the numbers that plain patches multiply (and copy: half).
The gradient of the kernels is Gᵀ [(Bᵀ d) ⊙ (A dy)], summed over pixels.

All transforms are products too: a unit of a few images, or of a band of one, takes seven calls of
NumPy, so that threads seldom wait for each other. Rounding errors are about three times those
of plain products.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.image_reference import Padding
from lpc_scratch.backend.scratch import scratch
from lpc_scratch.backend.units import Unit, padded_rows, run_units, sum_units, units

TILE = 4
"""Output rows that are computed together."""

# From the points 0, 1, -1, 2, -2 and infinity.
AT = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], float
)
G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], float) / 24
BT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    float,
)


def convolve(
    x: Array, W: Array, b: Array | None, kw: int, sw: int, padding: Padding, out: Array
) -> None:
    """y of x (B, H, W, C), W (3 kw C, O), b (1, O) or None; see `Reference.conv2d`."""
    B, H, width, outputs = out.shape
    kernels = (G @ W.reshape(3, -1)).reshape(6, -1, outputs).astype(W.dtype)
    inverse = AT.astype(W.dtype)

    def run(unit: Unit) -> None:
        images, tiles = unit
        patches = _patches(x[images], tiles, width, kw, sw, padding)
        sums = scratch((6, *patches.shape[1:3], width * outputs), x.dtype, 3)
        np.matmul(
            patches.reshape(6, -1, kernels.shape[1]), kernels, out=sums.reshape(6, -1, outputs)
        )
        if b is not None:
            sums[1] += np.tile(b[0], width)  # from where it enters all four rows of a tile once
        y = out[images, TILE * tiles.start : TILE * tiles.stop]
        whole = y.shape[1] % TILE == 0
        rows = y if whole else scratch((len(y), TILE * sums.shape[2], width, outputs), x.dtype, 0)
        np.matmul(inverse, sums.transpose(1, 2, 0, 3), out=_tiles(rows))
        if not whole:
            y[...] = rows[:, : y.shape[1]]

    run_units(run, units(B, -(-H // TILE), 6 * width * kernels.shape[1]))


def weight_gradient(x: Array, dy: Array, kw: int, sw: int, padding: Padding, out: Array) -> None:
    """dW (3 kw C, O) of x (B, H, W, C) and dy (B, H', W', O); see `Reference.conv2d`."""
    B, H, width, outputs = dy.shape
    K = len(out) // 3
    forward = np.ascontiguousarray(AT.T, x.dtype)

    def run(unit: Unit, total: Array) -> None:
        images, tiles = unit
        patches = _patches(x[images], tiles, width, kw, sw, padding)
        rows = dy[images, TILE * tiles.start : TILE * tiles.stop]
        if rows.shape[1] % TILE:
            some, rows = (
                rows,
                scratch((len(rows), TILE * patches.shape[2], width, outputs), x.dtype, 0),
            )
            rows[:, : some.shape[1]] = some
            rows[:, some.shape[1] :] = 0
        sums = scratch((6, *patches.shape[1:3], width * outputs), x.dtype, 3)
        np.matmul(forward, _tiles(rows), out=sums.transpose(1, 2, 0, 3))
        product = scratch(total.shape, x.dtype, 1)
        total += np.matmul(patches.reshape(6, -1, K).mT, sums.reshape(6, -1, outputs), out=product)

    work = units(B, -(-H // TILE), 6 * width * K)
    total = sum_units(run, work, (6, K, outputs), x.dtype)
    out[...] = (G.T @ total.reshape(6, -1)).reshape(out.shape)


def _patches(x: Array, tiles: slice, width: int, kw: int, sw: int, padding: Padding) -> Array:
    """Bᵀ d of x (n, H, W, C), patches of one row: (6, n, tile rows, W', kw C) in scratch."""
    n, _, _, C = x.shape
    (top, _), (left, _) = padding
    count, columns = tiles.stop - tiles.start, (width - 1) * sw + kw
    rows = TILE * tiles.start - top, TILE * tiles.stop - top + 2
    d = padded_rows(x, rows, left, columns)
    image, row, column, number = d.strides
    windows = as_strided(d, (n, count, 6, columns * C), (image, TILE * row, row, number))
    V = scratch((n, count, 6, columns * C), x.dtype, 1)
    np.matmul(BT.astype(x.dtype), windows, out=V)
    image, tile, row, number = V.strides
    strides = row, image, tile, sw * column, number
    patches = scratch((6, n, count, width, kw * C), x.dtype, 2)
    patches[...] = as_strided(V, patches.shape, strides)
    return patches


def _tiles(rows: Array) -> Array:
    """View rows (n, 4 t, W', O) as tiles (n, t, 4, W' O)."""
    return rows.reshape(len(rows), -1, TILE, rows.shape[2] * rows.shape[3])
