"""Convolutions by 3x3 kernels at stride 1 with 16 products where plain ones take 36.

Winograd's F(2x2, 3x3), as in Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks"
(2016), equations 8 to 12: an output tile of 2x2 pixels is y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A for a
kernel g and the 4x4 pixels d under the tile. Summed over channels, ⊙ is 16 matrix products. The
transforms along one axis are

    Bᵀ d = d0 - d2, d1 + d2, d2 - d1, d1 - d3      Aᵀ m = m0 + m1 + m2, m1 - m2 - m3
    G g = g0, (g0 + g1 + g2)/2, (g0 - g1 + g2)/2, g2

so that, unlike larger tiles, they lose no digit to speak of. The gradient of the kernel is
Gᵀ [(Bᵀ d B) ⊙ (A dy Aᵀ)] G, summed over tiles.

A unit of work is a few images or a band of one. Its pixels are laid out as (row, column, image,
channel), odd columns apart from even ones: every transform then is a sum of long rows.
"""

import numpy as np

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.scratch import scratch
from lpc_scratch.backend.units import Unit, run_units, sum_units, units

FLOATS = 65_536
"""Numbers of a transformed unit, of which two are in the cache at once."""


def convolve(x: Array, W: Array, b: Array | None, padding: tuple, out: Array) -> Array:
    """y of x (B, H, W, C), W (9 C, O), b (1, O) or None; see `Reference.conv2d`."""
    B, H, width, O = out.shape
    kernels = _transform_kernels(W.reshape(3, 3, -1, O))
    C, columns = x.shape[-1], -(-width // 2)

    def run(unit: Unit) -> None:
        images, tiles = unit
        U = _transform_input(x[images], tiles, columns, padding)
        M = scratch((4, 4, *U.shape[2:-1], O), x.dtype, 3)
        np.matmul(U.reshape(16, -1, C), kernels.reshape(16, C, O), out=M.reshape(16, -1, O))
        if b is not None:
            M[1, 1] += b  # from where it enters all four pixels of a tile once
        M[:, 0] += M[:, 1]
        M[:, 0] += M[:, 2]
        M[:, 1] -= M[:, 2]
        M[:, 1] -= M[:, 3]
        M[0, :2] += M[1, :2]
        M[1, :2] -= M[2, :2]
        y = out[images, 2 * tiles.start : 2 * tiles.stop]
        for column in (0, 1):
            even, odd = (y[:, row::2, column::2].transpose(1, 2, 0, 3) for row in (0, 1))
            h, w = even.shape[:2]
            np.add(M[0, column, :h, :w], M[2, column, :h, :w], out=even)
            h, w = odd.shape[:2]
            np.subtract(M[1, column, :h, :w], M[3, column, :h, :w], out=odd)

    run_units(run, units(B, -(-H // 2), 16 * columns * max(C, O), FLOATS))
    return out


def weight_gradient(x: Array, dy: Array, padding: tuple, out: Array) -> Array:
    """dW (9 C, O) of x (B, H, W, C) and dy (B, H', W', O); see `Reference.conv2d`."""
    B, H, width, O = dy.shape
    C, columns = x.shape[-1], -(-width // 2)

    def run(unit: Unit, total: Array) -> None:
        images, tiles = unit
        U = _transform_input(x[images], tiles, columns, padding)
        D = scratch((4, 4, *U.shape[2:-1], O), x.dtype, 3)
        part = dy[images, 2 * tiles.start : 2 * tiles.stop]
        if H % 2 or width % 2:
            D[::3, ::3] = 0
        for row in (0, 1):
            for column in (0, 1):
                pixels = part[:, row::2, column::2].transpose(1, 2, 0, 3)
                h, w = pixels.shape[:2]
                D[3 * row, 3 * column, :h, :w] = pixels
        np.add(D[0, ::3], D[3, ::3], out=D[1, ::3])
        np.subtract(D[0, ::3], D[3, ::3], out=D[2, ::3])
        np.add(D[:, 0], D[:, 3], out=D[:, 1])
        np.subtract(D[:, 0], D[:, 3], out=D[:, 2])
        product = scratch((16, C, O), x.dtype, 0)
        total += np.matmul(U.reshape(16, -1, C).mT, D.reshape(16, -1, O), out=product)

    work = units(B, -(-H // 2), 16 * columns * max(C, O), FLOATS)
    total = sum_units(run, work, (16, C, O), x.dtype)
    np.copyto(out.reshape(3, 3, C, O), _gather_kernels(total.reshape(4, 4, C, O)))
    return out


def _transform_input(x: Array, tiles: slice, columns: int, padding: tuple) -> Array:
    """Bᵀ d B of x (n, H, W, C): (4, 4, tile rows, columns, n, C) in scratch."""
    n, H, width, C = x.shape
    (top, _), (left, _) = padding
    rows = tiles.stop - tiles.start
    first = 2 * tiles.start - top  # of the rows of x that the tiles see, which may be padding
    above, stop = max(-first, 0), min(first + 2 * rows + 2, H)
    d = scratch((2, 2 * rows + 2, columns + 1, n, C), x.dtype, 0)
    d[...] = 0
    seen = x[:, max(first, 0) : max(stop, 0)]
    for parity in (0, 1):
        start = (parity - left) % 2
        pixels = seen[:, :, start :: 2].transpose(1, 2, 0, 3)
        place = (start + left) // 2
        pixels = pixels[:, : columns + 1 - place]  # what the last tile does not reach is not read
        d[parity, above : above + pixels.shape[0], place : place + pixels.shape[1]] = pixels
    V = scratch((4, 2, rows, columns + 1, n, C), x.dtype, 1)
    U = scratch((4, 4, rows, columns, n, C), x.dtype, 2)
    d0, d1, d2, d3 = (d[:, row : row + 2 * rows - 1 : 2] for row in range(4))
    _transform(d0, d1, d2, d3, V)
    even, odd = V[:, 0], V[:, 1]
    _transform(even[:, :, :-1], odd[:, :, :-1], even[:, :, 1:], odd[:, :, 1:], U.swapaxes(0, 1))
    return U


def _transform(d0: Array, d1: Array, d2: Array, d3: Array, out: Array) -> None:
    np.subtract(d0, d2, out=out[0])
    np.add(d1, d2, out=out[1])
    np.subtract(d2, d1, out=out[2])
    np.subtract(d1, d3, out=out[3])


def _transform_kernels(g: Array) -> Array:
    """G g Gᵀ of g (3, 3, C, O): (4, 4, C, O)."""
    for _ in range(2):  # each time the second axis, which then comes first
        outer, inner = (g[:, 0] + g[:, 2]) / 2, g[:, 1] / 2
        g = np.stack((g[:, 0], outer + inner, outer - inner, g[:, 2]))
    return g


def _gather_kernels(g: Array) -> Array:
    """Gᵀ g G of g (4, 4, C, O), whose third row and column have the other sign: (3, 3, C, O)."""
    for _ in range(2):
        outer, inner = (g[:, 1] + g[:, 2]) / 2, (g[:, 1] - g[:, 2]) / 2
        g = np.stack((g[:, 0] + outer, inner, outer - g[:, 3]))
    return g
