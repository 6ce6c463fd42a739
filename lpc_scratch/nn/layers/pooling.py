"""Pooling: fewer pixels."""

from math import prod

import numpy as np

from lpc_scratch.backend import Array, Backend
from lpc_scratch.backend.image_reference import Pair, output_size
from lpc_scratch.nn.layers.base import Layer, Shape
from lpc_scratch.nn.layers.convolution import pair
from lpc_scratch.nn.layers.images import image_shape


class MaxPool2d(Layer):
    """The largest value in every window of an image, for each channel.

    The gradient goes to the first of equal values, row after row. What lies beyond the last whole
    window is not read.

    Parameters
    ----------
    window : int or (int, int)
        Rows and columns of a window, at most 255 pixels together.
    stride : int or (int, int), optional
        Pixels from one window to the next; by default windows lie side by side.
    backend : Backend, optional
        Where the arrays live; the CPU by default.

    Raises
    ------
    ValueError
        For a window or stride below 1, or a larger window.
    """

    hands_over = True
    primitives = ("max_pool", "max_pool_backward")

    def __init__(
        self, window: int | Pair, stride: int | Pair | None = None, backend: Backend | None = None
    ) -> None:
        super().__init__(backend)
        self.window = pair("window", window)
        self.stride = self.window if stride is None else pair("stride", stride)
        if prod(self.window) > 255:
            raise ValueError(f"a window must have at most 255 pixels, not {self.window}")

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = the largest of x in every window."""
        self.shape = x.shape[-3:]
        shape = (*x.shape[:-3], *self.output_shape(self.shape))
        self.position = self.buffer("position", shape, np.uint8)
        y = self.buffer("y", shape, x.dtype)
        return self.ops.max_pool(x, self.window, self.stride, out=y, position=self.position)

    def backward(self, dy: Array) -> Array:
        """dx = dy where the largest was, and 0 elsewhere."""
        dx = self.buffer("dx", (*dy.shape[:-3], *self.shape), dy.dtype)
        geometry = (self.shape, self.window, self.stride)
        return self.ops.max_pool_backward(dy, self.position, *geometry, out=dx)

    def predict(self, x: Array) -> Array:
        """y = the largest of x in every window."""
        self.output_shape(x.shape[-3:])  # raises where a window does not fit
        return self.ops.max_pool(x, self.window, self.stride)

    def output_shape(self, shape: Shape) -> Shape:
        """(H, W, C) to (H', W', C)."""
        H, W, C = image_shape(self, shape)
        size = output_size((H, W), self.window, self.stride)
        if min(size) < 1:
            raise ValueError(
                f"a window of {self.window[0]} x {self.window[1]} is larger than an image of "
                f"{H} x {W}"
            )
        return (*size, C)

    def numbers_kept(self, shape: Shape) -> int:
        """Return the sizes of y and dx, and of the positions, a byte each."""
        return prod(shape) + 5 * prod(self.output_shape(shape)) // 4


class GlobalAveragePool(Layer):
    """The mean of every channel over an image: (..., B, H, W, C) to (..., B, C)."""

    hands_over = True
    primitives = ("average_pool", "average_pool_backward")

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = mean of x over rows and columns."""
        self.shape = x.shape[-3:]
        y = self.buffer("y", (*x.shape[:-3], x.shape[-1]), x.dtype)
        return self.ops.average_pool(x, out=y)

    def backward(self, dy: Array) -> Array:
        """dx = dy / (H W), the same for all pixels."""
        dx = self.buffer("dx", (*dy.shape[:-1], *self.shape), dy.dtype)
        return self.ops.average_pool_backward(dy, self.shape, out=dx)

    def predict(self, x: Array) -> Array:
        """y = mean of x over rows and columns."""
        return self.ops.average_pool(x)

    def output_shape(self, shape: Shape) -> Shape:
        """(H, W, C) to (C,)."""
        return (image_shape(self, shape)[-1],)

    def numbers_kept(self, shape: Shape) -> int:
        """Return the sizes of y and dx."""
        return shape[-1] + prod(shape)
