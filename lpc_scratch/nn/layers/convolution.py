"""Convolution: the affine map of every patch of an image."""

from typing import Any

import numpy as np

from lpc_scratch.backend import Array, Backend
from lpc_scratch.backend.image_reference import Padding, Pair, as_rows, output_size
from lpc_scratch.nn.layers.base import Shape
from lpc_scratch.nn.layers.images import image_shape
from lpc_scratch.nn.layers.linear import Linear

Sides = int | tuple[int | Pair, int | Pair]
"""The same number for all sides; or one for rows and one for columns, or two for each."""


class Conv2d(Linear):
    """Convolution y = patches(x) W + b (as a cross-correlation: kernels are not flipped).

    Shapes: x (..., B, H, W, C), W (..., kh kw C, O), b (..., 1, O), y (..., B, H', W', O) with
    H' = (H + top + bottom - kh) // stride + 1, and W' likewise. The rows of W are ordered by kernel
    row, kernel column and channel. Members as in `Linear`.

    Parameters
    ----------
    channels, filters : int
        C and O.
    window : int or (int, int)
        kh and kw, rows and columns that a kernel sees.
    stride : int or (int, int)
        Pixels from one place of the kernel to the next, in rows and columns.
    padding : int, (rows, columns) or ((top, bottom), (left, right))
        Zeros around the image.
    bias : bool
        Whether b is added; batch normalisation makes it useless.
    stack, dtype, backend
        As in `Linear`.

    Raises
    ------
    ValueError
        For a window, stride, channels or filters below 1, or a padding below 0.
    """

    primitives = ("conv2d", "conv2d_weight_gradient", "conv2d_input_gradient", "sum_rows")

    def __init__(
        self,
        channels: int,
        filters: int,
        window: int | Pair,
        stride: int | Pair = 1,
        padding: Sides = 0,
        bias: bool = True,
        stack: tuple[int, ...] = (),
        dtype: Any = np.float32,
        backend: Backend | None = None,
    ) -> None:
        self.window, self.stride = pair("window", window), pair("stride", stride)
        rows, columns = padding if isinstance(padding, tuple) else (padding, padding)
        self.padding: Padding = (pair("padding", rows, 0), pair("padding", columns, 0))
        self.geometry = (self.window, self.stride, self.padding)
        if min(channels, filters) < 1:
            raise ValueError(f"channels and filters must be at least 1, not {channels}, {filters}")
        self.channels = channels
        self.places = self.window[0] * self.window[1]
        super().__init__(self.places * channels, filters, stack, dtype, backend)
        if not bias:
            self.parameter_names = ("W",)

    @property
    def bias(self) -> Array | None:
        """What is added, (..., 1, O): b, if it is a parameter."""
        return self.b if "b" in self.parameter_names else None

    def target(self, x: Array) -> Array:
        """Return the buffer to write y into."""
        shape = (*self.W.shape[:-2], x.shape[-4], *self.output_shape(x.shape[-3:]))
        return self.buffer("y", shape, self.W.dtype)

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = patches(x) W + b."""
        self.x = x
        return self._map(x, self.target(x))

    def backward_parameters(self, dy: Array) -> None:
        """dLoss/dW = patches(x)ᵀ dy, and dLoss/db: b was added at every place of every image."""
        self.ops.conv2d_weight_gradient(self.x, dy, *self.geometry, out=self.dW)
        if self.bias is not None:
            self.ops.sum_rows(as_rows(dy), out=self.db)

    def backward_input(self, dy: Array) -> Array:
        """dLoss/dx: every pixel sums what the patches that it was in say."""
        shape = self.x.shape[-3:]
        dx = self.buffer("dx", (*dy.shape[:-3], *shape), self.W.dtype)
        return self.ops.conv2d_input_gradient(dy, self.W, shape, *self.geometry, out=dx)

    def predict(self, x: Array) -> Array:
        """y = patches(x) W + b."""
        self.output_shape(x.shape[-3:])  # raises where a kernel does not fit
        return self._map(x, None)

    def output_shape(self, shape: Shape) -> Shape:
        """(H, W, C) to (H', W', O)."""
        H, W, C = image_shape(self, shape)
        if self.channels != C:
            raise ValueError(f"a Conv2d layer of {self.channels} channels cannot take {C}")
        size = output_size((H, W), *self.geometry)
        if min(size) < 1:
            raise ValueError(
                f"a kernel of {self.window[0]} x {self.window[1]} is larger than an image of "
                f"{H} x {W} with its padding {self.padding}"
            )
        return (*size, self.W.shape[-1])

    def numbers_kept(self, shape: Shape) -> int:
        """Return the sizes of y and dx."""
        return int(np.prod(self.output_shape(shape)) + np.prod(shape))

    def _map(self, x: Array, out: Array | None) -> Array:
        return self.ops.conv2d(x, self.W, self.bias, *self.geometry, out=out)


def pair(name: str, value: int | Pair, least: int = 1) -> Pair:
    """Return a number for rows and one for columns, each at least so large."""
    both = value if isinstance(value, tuple) else (value, value)
    if len(both) != 2 or not all(isinstance(number, int) for number in both):
        raise ValueError(f"{name} must be a whole number or two in a tuple, not {value!r}")
    if min(both) < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return both
