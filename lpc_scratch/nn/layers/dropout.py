"""Dropout."""

import math
from typing import Any

from lpc_scratch.backend import Array, Backend
from lpc_scratch.nn.layers.base import Layer, Shape


class Dropout(Layer):
    """Inverted dropout: in training, zero a share `rate` of x and scale the rest up.

    The mean of the output is that of the input, so evaluation needs no scaling
    (Srivastava et al. 2014). `generators` holds one host generator for each network, or what
    the backend's `dropout_generators` makes of them.

    Parameters
    ----------
    rate : float
        Share of elements dropped, 0 <= rate < 1, rounded down to a multiple of 1/65536.
    backend : Backend, optional
        Where the arrays live; the CPU by default.
    """

    transparent = True
    primitives = ("dropout_mask", "multiply")

    def __init__(self, rate: float, backend: Backend | None = None) -> None:
        super().__init__(backend)
        if not 0 <= rate < 1:
            raise ValueError(f"dropout rate must be at least 0 and below 1, not {rate}")
        self.rate = rate
        self.generators: Any = ()
        self.mask: Array | None = None

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = x mask in training, y = x in evaluation."""
        if not training or not self.rate:
            self.mask = None
            return x
        mask = self.buffer("mask", x.shape, x.dtype)
        self.mask = self.ops.dropout_mask(self.generators, self.rate, out=mask)
        return self.ops.multiply(x, mask, out=self.buffer("y", x.shape, x.dtype))

    def backward(self, dy: Array) -> Array:
        """dx = dy mask."""
        if self.mask is None:
            return dy
        return self.ops.multiply(dy, self.mask, out=self.buffer("dx", dy.shape, dy.dtype))

    def predict(self, x: Array) -> Array:
        """y = x."""
        return x

    def numbers_kept(self, shape: Shape) -> int:
        """Return the sizes of mask, y and dx."""
        return 3 * math.prod(shape)
