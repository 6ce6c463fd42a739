"""The primitives of `image_reference` as the kernels of `image_kernels.cu`, and cuBLAS.

What they compute stands in `image_reference`. A convolution writes out what its kernel sees, and
multiplies; that takes memory, which is given back at once to CuPy's pool. While a graph is recorded
that is the graph's own pool, whose addresses stay its own, and one layer's patches lie where
another's were. Where they would take more than `PATCHES`, they are made for some images at a time.
"""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.cuda.device import xp as cupy
from lpc_scratch.backend.cuda.generators import DeviceGenerators
from lpc_scratch.backend.cuda.kernels import blocks, launch, plain, result
from lpc_scratch.backend.cuda.products import add_bias, product
from lpc_scratch.backend.cuda.sums import Slabs
from lpc_scratch.backend.image_reference import (
    NO_PADDING,
    Padding,
    Pair,
    as_rows,
    output_size,
    sees_pixels,
)
from lpc_scratch.backend.reference import Reference
from lpc_scratch.backend.scratch import PATCHES


class ImageOps(Reference):
    """The primitives of images for arrays of the device; a part of `ops.CudaOps`."""

    def patches(self, x: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
        """Return what a kernel sees, (..., B H' W', kh kw C): x itself if that is every pixel."""
        if sees_pixels(window, stride, padding):
            return as_rows(plain(x))
        *batch, H, W, C = x.shape
        places = prod(output_size((H, W), window, stride, padding))
        shape = (*batch[:-1], batch[-1] * places, prod(window) * C)
        seen = cupy.empty(shape, x.dtype)
        sizes = _windows(x.shape[-3:], window, stride, padding)
        return _launch("patches", seen, plain(x), seen, *sizes)

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
        """y = patches(x) W + b."""
        geometry = (window, stride, padding)
        stack = np.broadcast_shapes(x.shape[:-4], W.shape[:-2])
        size = output_size(x.shape[-3:-1], *geometry)
        y = result(out, (*stack, x.shape[-4], *size, W.shape[-1]), x.dtype)
        for member, images in _parts(x.shape, stack, *geometry, x.itemsize):
            seen = self.patches(_part(x, member, images), *geometry)
            weights = W[member] if W.ndim > 2 else W
            product(seen, weights, as_rows(_part(y, member, images)))
        if b is not None:
            add_bias(as_rows(y), b)
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
        """dLoss/dW = patches(x)ᵀ dy."""
        geometry, dy = (window, stride, padding), plain(dy)
        stack = np.broadcast_shapes(x.shape[:-4], dy.shape[:-4])
        dW = result(out, (*stack, prod(window) * x.shape[-1], dy.shape[-1]), dy.dtype)
        for member, images in _parts(x.shape, stack, *geometry, x.itemsize):
            seen = self.patches(_part(x, member, images), *geometry)
            dpart = as_rows(_part(dy, member, images))
            product(seen.mT, dpart, dW[member], add=images.start > 0)
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
        """dLoss/dx: dy Wᵀ is that of every patch; a pixel sums those it is in."""
        geometry, dy = (window, stride, padding), plain(dy)
        stack = np.broadcast_shapes(dy.shape[:-4], W.shape[:-2])
        dx = result(out, (*stack, dy.shape[-4], *shape), dy.dtype)
        sizes = _windows(shape, *geometry)
        for member, images in _parts(dx.shape, stack, *geometry, dx.itemsize):
            dpart, target = as_rows(_part(dy, member, images)), _part(dx, member, images)
            weights = (W[member] if W.ndim > 2 else W).mT
            if sees_pixels(*geometry):
                product(dpart, weights, as_rows(target))
            else:
                _launch("patches_backward", target, product(dpart, weights), target, *sizes)
        return dx

    def max_pool(
        self,
        x: Array,
        window: Pair,
        stride: Pair,
        out: Array | None = None,
        position: Array | None = None,
    ) -> Array:
        """Largest value in every window; its place is left in `position`."""
        size = output_size(x.shape[-3:-1], window, stride)
        y = result(out, (*x.shape[:-3], *size, x.shape[-1]), x.dtype)
        place = result(position, y.shape, np.uint8)
        sizes = _windows(x.shape[-3:], window, stride)
        return _launch("max_pool", y, plain(x), y, place, *sizes)

    def max_pool_backward(
        self,
        dy: Array,
        position: Array,
        shape: tuple[int, int, int],
        window: Pair,
        stride: Pair,
        out: Array | None = None,
    ) -> Array:
        """dx: dy where the largest value was, summed over windows; else 0."""
        dx = result(out, (*dy.shape[:-3], *shape), dy.dtype)
        arrays = (plain(dy), plain(position), dx)
        return _launch("max_pool_backward", dx, *arrays, *_windows(shape, window, stride))

    def average_pool(self, x: Array, out: Array | None = None) -> Array:
        """Mean of every channel over an image."""
        *batch, H, W, C = x.shape
        y = result(out, (*batch, C), x.dtype)
        return _launch("average_pool", y, plain(x), y, np.int32(H * W), np.int32(C))

    def average_pool_backward(
        self, dy: Array, shape: tuple[int, int, int], out: Array | None = None
    ) -> Array:
        """dx = dy / (H W), the same for all pixels."""
        H, W, C = shape
        dx = result(out, (*dy.shape[:-1], *shape), dy.dtype)
        return _launch("average_pool_backward", dx, plain(dy), dx, np.int32(H * W), np.int32(C))

    def batch_moments(self, x: Array, stack: tuple[int, ...]) -> tuple[Array, Array]:
        """Mean and (biased) variance of every channel; the squares are centred."""
        slabs, kind = _slabs(x, stack), x.dtype
        means, squares = slabs.empty(kind), slabs.empty(kind)
        mean, variance = (cupy.empty((*stack, 1, x.shape[-1]), kind) for _ in range(2))
        launch("slab_moments", kind, slabs.grid, plain(x), means, squares, *slabs.sizes)
        arrays, sizes = (means, squares, mean, variance), (*slabs.sizes, np.int32(slabs.count))
        slabs.launch_last("whole_moments", *arrays, *sizes, dtype=kind)
        return mean, variance

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
        """1 / sqrt(variance + epsilon); the running statistics move."""
        inverse = cupy.empty(mean.shape, mean.dtype)
        arrays = (mean, variance, running_mean, running_variance, inverse)
        numbers = map(mean.dtype.type, (count / (count - 1), momentum, epsilon))
        return _launch("update_moments", inverse, *arrays, *numbers)

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
        y = result(out, x.shape, x.dtype)
        vectors = map(plain, (mean, inverse, scale, shift))
        return _launch_by_channel("batch_norm", y, mean, plain(x), *vectors, y)

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
        """dx = scale inverse (dy - mean(dy) - x̂ mean(dy x̂)), and dscale and dshift."""
        dx, kind, slabs = result(out, x.shape, x.dtype), x.dtype, _slabs(x, mean.shape[:-2])
        dots, sums = slabs.empty(kind), slabs.empty(kind)
        given = (plain(dy), plain(x), plain(mean), plain(inverse))
        gradients = (result(dscale, mean.shape, kind), result(dshift, mean.shape, kind))
        launch("slab_norm_sums", kind, slabs.grid, *given, dots, sums, *slabs.sizes)
        sizes = (np.int32(slabs.count), np.int32(slabs.columns))
        slabs.launch_last("sum_pairs", dots, sums, *gradients, *sizes, dtype=kind, pairs=2)
        arrays = (*given, plain(scale), *gradients, dx)
        return _launch_by_channel("batch_norm_backward", dx, mean, *arrays)

    def random_words(self, generators: Any, out: Array) -> Array:
        """Fill `out` with random bits, as the host's generators would draw them."""
        if not isinstance(generators, DeviceGenerators):
            return super().random_words(generators, out)
        members = len(generators.keys)
        size = out.size // members
        grid, arrays = (blocks(size), members), (generators.keys, generators.draws, out)
        launch("random_words", np.float32, grid, *arrays, np.int64(size))
        generators.draws += np.uint64(1)
        return out

    def crop(
        self, x: Array, words: Array, reach: int, out: Array | None = None, back: bool = False
    ) -> Array:
        """Every image moved as its word says, by up to `reach` rows and columns, or back."""
        y = result(out, x.shape, x.dtype)
        sizes = map(np.int32, (*x.shape[-3:], reach, -1 if back else 1))
        return _launch("crop", y, plain(x), plain(words), y, *sizes)

    def flip(self, x: Array, words: Array, out: Array | None = None) -> Array:
        """Every image whose word is odd seen in a mirror."""
        y = result(out, x.shape, x.dtype)
        return _launch("flip", y, plain(x), plain(words), y, *map(np.int32, x.shape[-3:]))


def _launch(name: str, made: Array, *arguments: Any) -> Array:
    """Launch a kernel that has a thread for each number of what it makes; return that."""
    launch(name, made.dtype, (blocks(made.size),), *arguments, np.int64(made.size))
    return made


def _launch_by_channel(name: str, made: Array, mean: Array, *arrays: Array) -> Array:
    """Launch one that reads numbers of every channel, such as the mean; return what it makes."""
    columns = made.shape[-1]
    members = mean.size // columns
    size = made.size // members
    grid, sizes = (blocks(size), members), (np.int32(columns), np.int64(size))
    launch(name, made.dtype, grid, *arrays, *sizes)
    return made


def _slabs(x: Array, stack: tuple[int, ...]) -> Slabs:
    """Return how x (*stack, ..., C) is summed over all axes but members and channels."""
    members, columns = prod(stack), x.shape[-1]
    return Slabs(members, x.size // (members * columns), columns)


def _windows(
    shape: tuple[int, ...], window: Pair, stride: Pair, padding: Padding = NO_PADDING
) -> tuple[np.int32, ...]:
    """Return what the kernels are told of images of a shape, and of the windows on them."""
    size = output_size((shape[0], shape[1]), window, stride, padding)
    (top, _), (left, _) = padding
    return tuple(map(np.int32, (*shape, *window, *stride, top, left, *size)))


def _parts(
    shape: tuple[int, ...],
    stack: tuple[int, ...],
    window: Pair,
    stride: Pair,
    padding: Padding,
    itemsize: int,
) -> Iterator[tuple[tuple[int, ...], slice]]:
    """Yield members and images of a shape (..., B, H, W, C) whose patches are made at once.

    That is () and all images, where these take little; else one member and some of its images.
    """
    *members, images, H, W, C = shape
    places = prod(output_size((H, W), window, stride, padding))
    each = 0 if sees_pixels(window, stride, padding) else places * prod(window) * C * itemsize
    if prod(members) * images * each <= PATCHES:
        yield (), slice(0, images)
        return
    step = max(1, PATCHES // each)
    for member in np.ndindex(*stack):
        for start in range(0, images, step):
            yield member, slice(start, start + step)


def _part(array: Array, member: tuple[int, ...], images: slice) -> Array:
    """Return the images of `_parts` of an array, which may be common to all members."""
    own = array[member] if array.ndim > 4 else array
    return own[..., images, :, :, :]
