"""The elementwise functions."""

import math

from lpc_scratch.backend import Array, Backend
from lpc_scratch.nn.layers.base import Layer, Shape


class Activation(Layer):
    """Base of the elementwise functions.

    Attributes
    ----------
    overwrites_x, overwrites_dy : bool
        Whether y is written over x, and dx over dy, which spares buffers. The container decides;
        see `compose.allow_in_place`.
    """

    def __init__(self, backend: Backend | None = None) -> None:
        super().__init__(backend)
        self.overwrites_x = self.overwrites_dy = False

    def target(self, x: Array) -> Array:
        """Return the array to write y into: x itself, or a buffer."""
        return x if self.overwrites_x else self.buffer("y", x.shape, x.dtype)

    def gradient_target(self, dy: Array) -> Array:
        """Return the array to write dx into: dy itself, or a buffer."""
        return dy if self.overwrites_dy else self.buffer("dx", dy.shape, dy.dtype)

    def numbers_kept(self, shape: Shape) -> int:
        """Return the sizes of y and dx, where they have buffers of their own."""
        return math.prod(shape) * ((not self.overwrites_x) + (not self.overwrites_dy))


class ReLU(Activation):
    """y = max(x, 0); the slope at 0 is taken as 0."""

    primitives = ("relu", "relu_backward")

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = max(x, 0)."""
        self.y = self.ops.relu(x, out=self.target(x))
        return self.y

    def backward(self, dy: Array) -> Array:
        """dx = dy where y > 0, else 0."""
        return self.ops.relu_backward(dy, self.y, out=self.gradient_target(dy))

    def predict(self, x: Array) -> Array:
        """y = max(x, 0)."""
        return self.ops.relu(x, out=x if self.overwrites_x else None)


class SiLU(Activation):
    """y = x σ(x), with σ the logistic sigmoid (Elfwing, Uchibe and Doya 2018)."""

    primitives = ("silu", "silu_backward")

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = x σ(x)."""
        self.sigmoid = self.buffer("sigmoid", x.shape, x.dtype)
        self.y = self.ops.silu(x, self.sigmoid, out=self.target(x))
        return self.y

    def backward(self, dy: Array) -> Array:
        """dx = dy (σ + y (1 - σ))."""
        return self.ops.silu_backward(dy, self.y, self.sigmoid, out=self.gradient_target(dy))

    def predict(self, x: Array) -> Array:
        """y = x σ(x)."""
        return self.ops.silu(x, out=x if self.overwrites_x else None)

    def numbers_kept(self, shape: Shape) -> int:
        """Return those of every activation, and σ."""
        return super().numbers_kept(shape) + math.prod(shape)


class Tanh(Activation):
    """y = tanh(x)."""

    primitives = ("tanh", "tanh_backward")

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = tanh(x)."""
        self.y = self.ops.tanh(x, out=self.target(x))
        return self.y

    def backward(self, dy: Array) -> Array:
        """dx = dy (1 - y²)."""
        return self.ops.tanh_backward(dy, self.y, out=self.gradient_target(dy))

    def predict(self, x: Array) -> Array:
        """y = tanh(x)."""
        return self.ops.tanh(x, out=x if self.overwrites_x else None)


ACTIVATIONS: dict[str, type[Activation]] = {"relu": ReLU, "silu": SiLU, "tanh": Tanh}
"""The activations by the names that a configuration uses."""
