"""The array primitives of images, once: convolution, pooling, batch normalisation, augmentation.

Images are (..., B, H, W, C): rows, columns, channels. A kernel is a matrix W (..., kh kw C, O)
whose rows are ordered by kernel row, kernel column and channel: a convolution is the affine map of
every patch that the kernel sees. In what follows `window` is (kh, kw), `stride` (rows, columns) and
`padding` ((top, bottom), (left, right)), with zeros; H' and W' are rows and columns of the output.
What lies beyond the last whole window is not read.
"""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from lpc_scratch.backend.array import Array

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

NO_PADDING: Padding = ((0, 0), (0, 0))


def output_size(size: Pair, window: Pair, stride: Pair, padding: Padding = NO_PADDING) -> Pair:
    """Return H' and W' for H and W; below 1 where a window does not fit."""
    rows, columns = (
        (n + sum(pad) - k) // step + 1
        for n, k, step, pad in zip(size, window, stride, padding, strict=True)
    )
    return rows, columns


def sees_pixels(window: Pair, stride: Pair, padding: Padding) -> bool:
    """Return whether a kernel sees every pixel by itself: its patches are the image."""
    return window == stride == (1, 1) and padding == NO_PADDING


class ImageReference:
    """The primitives of images over one array module; a part of `reference.Reference`."""

    xp: Any
    matmul: Any

    # ------------------------------------------------------------------ convolution

    def patches(self, x: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
        """Return what a kernel sees at each place: (..., B, H, W, C) to (..., B H' W', kh kw C)."""
        *batch, H, W, C = x.shape
        size = output_size((H, W), window, stride, padding)
        padded = self.xp.pad(x, [(0, 0)] * len(batch) + [*padding, (0, 0)])
        seen = self.xp.empty((*batch, *size, *window, C), x.dtype)
        for i, j, part in places(window, stride, size):
            seen[..., i, j, :] = padded[part]
        return seen.reshape(*batch[:-1], batch[-1] * prod(size), prod(window) * C)

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
        """y = patches(x) W + b, as images (..., B, H', W', O); b is (..., 1, O), or there is none.

        x without the member axis is common to all members of W.
        """
        seen = self.patches(x, window, stride, padding)
        y = self.matmul(seen, W, None if out is None else as_rows(out))
        if b is not None:
            y += b
        size = output_size(x.shape[-3:-1], window, stride, padding)
        return y.reshape(*y.shape[:-2], x.shape[-4], *size, y.shape[-1])

    def conv2d_weight_gradient(
        self,
        x: Array,
        dy: Array,
        window: Pair,
        stride: Pair,
        padding: Padding,
        out: Array | None = None,
    ) -> Array:
        """dLoss/dW = patches(x)ᵀ dy."""
        return self.matmul(self.patches(x, window, stride, padding).mT, as_rows(dy), out)

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
        """dLoss/dx (..., B, *shape): dy Wᵀ is that of every patch; a pixel sums those it is in."""
        xp, (H, W_, C), (*batch, h, w, _) = self.xp, shape, dy.shape
        dseen = self.matmul(as_rows(dy), W.mT).reshape(*batch, h, w, *window, C)
        (top, bottom), (left, right) = padding
        padded = xp.zeros((*batch, top + H + bottom, left + W_ + right, C), dy.dtype)
        for i, j, part in places(window, stride, (h, w)):
            padded[part] += dseen[..., i, j, :]
        dx = xp.empty((*batch, *shape), dy.dtype) if out is None else out
        dx[...] = padded[..., top : top + H, left : left + W_, :]
        return dx

    # ------------------------------------------------------------------ pooling

    def max_pool(
        self,
        x: Array,
        window: Pair,
        stride: Pair,
        out: Array | None = None,
        position: Array | None = None,
    ) -> Array:
        """Largest value in every window, of each channel.

        Its place, row after row and the first of equal ones, is left in `position` (uint8, like y)
        for the way back.
        """
        xp, size = self.xp, output_size(x.shape[-3:-1], window, stride)
        y = xp.empty((*x.shape[:-3], *size, x.shape[-1]), x.dtype) if out is None else out
        y[...] = x[_seen_at(0, 0, stride, size)]
        if position is not None:
            position[...] = 0
        for i, j, part in places(window, stride, size):
            if position is not None:
                position[x[part] > y] = i * window[1] + j
            xp.maximum(y, x[part], out=y)
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
        """dx (..., B, *shape): dy where the largest value was, summed over windows; else 0."""
        dx = self.xp.empty((*dy.shape[:-3], *shape), dy.dtype) if out is None else out
        dx[...] = 0
        for i, j, part in places(window, stride, dy.shape[-3:-1]):
            dx[part] += dy * (position == i * window[1] + j)
        return dx

    def average_pool(self, x: Array, out: Array | None = None) -> Array:
        """Mean of every channel over an image: (..., B, H, W, C) to (..., B, C)."""
        return self.xp.mean(x, axis=(-3, -2), out=out)

    def average_pool_backward(
        self, dy: Array, shape: tuple[int, int, int], out: Array | None = None
    ) -> Array:
        """dx (..., B, *shape) = dy / (H W), the same for all pixels."""
        dx = self.xp.empty((*dy.shape[:-1], *shape), dy.dtype) if out is None else out
        dx[...] = (dy / (shape[0] * shape[1]))[..., None, None, :]
        return dx

    # ------------------------------------------------------------------ batch normalisation
    # x is (members..., ..., C); mean, inverse, scale and shift are (members..., 1, C).

    def batch_moments(self, x: Array, stack: tuple[int, ...]) -> tuple[Array, Array]:
        """Mean and (biased) variance of every channel, (..., 1, C), over all other axes."""
        rows = x.reshape(*stack, -1, x.shape[-1])
        mean = rows.mean(axis=-2, keepdims=True)
        return mean, self.xp.square(rows - mean).mean(axis=-2, keepdims=True)

    def update_moments(
        self,
        mean: Array,
        variance: Array,
        running_mean: Array,
        running_variance: Array,
        count: int,
        momentum: float,
        epsilon: float,
    ) -> Array:
        """Return 1 / sqrt(variance + epsilon), and move the running statistics, in place.

        They move by a share `momentum` of the way to those of a batch of `count` numbers, to the
        variance without bias. All are (..., 1, C).
        """
        running_mean += momentum * (mean - running_mean)
        unbiased = variance * (count / (count - 1))
        running_variance += momentum * (unbiased - running_variance)
        return 1 / self.xp.sqrt(variance + epsilon)

    def batch_norm(
        self,
        x: Array,
        mean: Array,
        inverse: Array,
        scale: Array,
        shift: Array,
        out: Array | None = None,
    ) -> Array:
        """y = (x - mean) inverse scale + shift; `inverse` is one over the deviation."""
        rows = x.reshape(*mean.shape[:-2], -1, x.shape[-1])
        y = self.xp.subtract(rows, mean, out=None if out is None else out.reshape(rows.shape))
        y *= inverse * scale
        y += shift
        return y.reshape(x.shape)

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
        """dx = scale inverse (dy - mean(dy) - x̂ mean(dy x̂)), with x̂ = (x - mean) inverse.

        Mean and inverse are those of x itself. Overwrites dscale = sum dy x̂ and dshift = sum dy,
        over all axes but members and channels.
        """
        xp, shape = self.xp, (*mean.shape[:-2], -1, x.shape[-1])
        rows, centred = dy.reshape(shape), (x.reshape(shape) - mean) * inverse
        xp.sum(rows * centred, axis=-2, keepdims=True, out=dscale)
        xp.sum(rows, axis=-2, keepdims=True, out=dshift)
        centred *= dscale
        centred += dshift
        centred *= 1 / rows.shape[-2]
        flat = None if out is None else out.reshape(rows.shape)
        dx = xp.subtract(rows, centred, out=flat)
        dx *= scale * inverse
        return dx.reshape(x.shape)

    # ------------------------------------------------------------------ augmentation
    # `words` (..., B) are 64 random bits for every image.

    def random_words(self, generators: Any, out: Array) -> Array:
        """Fill `out` (..., B), uint64: each of E generators draws those of one network.

        The host draws, so that all devices see the same.
        """
        words = draw_words(generators, out.size // len(generators))
        out[...] = self.xp.asarray(words).reshape(out.shape)
        return out

    def crop(
        self, x: Array, words: Array, reach: int, out: Array | None = None, back: bool = False
    ) -> Array:
        """Every image of (..., B, H, W, C) cut out again after padding it with `reach` zeros.

        It moves by -reach … reach rows and columns: by (2 reach + 1) u / 65536, rounded down, less
        reach, with u the lowest 16 bits of its word for the rows, and the next 16 for the columns.
        `back` moves it the other way: the gradient.
        """
        xp, (H, W, C) = self.xp, x.shape[-3:]
        words = words.reshape(-1, 1)
        sign = -1 if back else 1
        moves = [
            sign * (_share(words >> np.uint64(bits), 2 * reach + 1) - reach) for bits in (0, 16)
        ]
        rows, columns = moves[0] + xp.arange(H), moves[1] + xp.arange(W)  # (n, H), (n, W)
        inside = ((rows >= 0) & (rows < H))[:, :, None] & ((columns >= 0) & (columns < W))[:, None]
        flat, image = x.reshape(-1, H, W, C), xp.arange(len(words))[:, None, None]
        moved = flat[image, (rows % H)[:, :, None], (columns % W)[:, None]]
        target = None if out is None else out.reshape(flat.shape)
        y = xp.multiply(moved, inside[..., None], out=target)
        return y.reshape(x.shape)

    def flip(self, x: Array, words: Array, out: Array | None = None) -> Array:
        """Every image whose word is odd seen in a mirror, left for right; its own gradient."""
        y = self.xp.empty(x.shape, x.dtype) if out is None else out
        odd = (words & np.uint64(1)).astype(bool)
        y[...] = self.xp.where(odd[..., None, None, None], x[..., ::-1, :], x)
        return y


def as_rows(images: Array) -> Array:
    """Return images (..., B, H, W, C) as (..., B H W, C), a view of contiguous ones."""
    *members, B, H, W, C = images.shape
    return images.reshape(*members, B * H * W, C)


def draw_words(generators: Sequence[np.random.Generator], count: int) -> Array:
    """Return 64 random bits (E, count) of E generators on the host."""
    return np.stack([generator.bit_generator.random_raw(count) for generator in generators])


def _share(words: Array, parts: int) -> Array:
    """Return 0 … parts - 1, as the lowest 16 bits say, as int64."""
    return ((words & np.uint64(0xFFFF)) * np.uint64(parts) >> np.uint64(16)).astype(np.int64)


def places(window: Pair, stride: Pair, size: Pair) -> Iterator[tuple[int, int, Any]]:
    """Yield every place (i, j) of a kernel, and the index of the pixels that it sees there."""
    for i in range(window[0]):
        for j in range(window[1]):
            yield i, j, _seen_at(i, j, stride, size)


def _seen_at(i: int, j: int, stride: Pair, size: Pair) -> Any:
    rows = slice(i, i + (size[0] - 1) * stride[0] + 1, stride[0])
    columns = slice(j, j + (size[1] - 1) * stride[1] + 1, stride[1])
    return (..., rows, columns, slice(None))
