"""The affine map."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lpc_scratch.backend import Array, Backend
from lpc_scratch.nn.initializers import INITIALIZERS
from lpc_scratch.nn.layers.base import Layer, Shape


class Linear(Layer):
    """Affine map y = x W + b.

    Shapes: x (..., B, I), W (..., I, O), b (..., 1, O), y (..., B, O). The parameters start
    at zero; see `lpc_scratch.nn.initializers`. A leading axis of W makes a stack of maps,
    to which x may be common: (B, I); `backward` then returns (E, B, I), one gradient a map.

    Parameters
    ----------
    fan_in, fan_out : int
        I and O.
    stack : tuple of int
        Leading axes of W and b: () for one map (default), (E,) for E of them.
    dtype : numpy dtype
        float32 (default) or float64.
    backend : Backend, optional
        Where the arrays live; the CPU by default.
    """

    parameter_names: tuple[str, ...] = ("W", "b")
    hands_over = True
    places = 1
    """At how many places an input meets a column of W."""
    primitives: ClassVar[tuple[str, ...]] = ("affine", "matmul", "sum_rows")

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        stack: tuple[int, ...] = (),
        dtype: Any = np.float32,
        backend: Backend | None = None,
    ) -> None:
        super().__init__(backend)
        xp = self.backend.xp
        self.W: Array = xp.zeros((*stack, fan_in, fan_out), dtype)
        self.b: Array = xp.zeros((*stack, 1, fan_out), dtype)
        self.dW: Array = xp.zeros_like(self.W)
        self.db: Array = xp.zeros_like(self.b)

    @property
    def weight(self) -> Array:
        """What x is multiplied by, (..., I, O): W."""
        return self.W

    def target(self, x: Array) -> Array:
        """Return the buffer to write y into."""
        *stack, _, fan_out = self.W.shape
        return self.buffer("y", (*stack, x.shape[-2], fan_out), self.W.dtype)

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = x W + b."""
        self.x = x
        return self.ops.affine(x, self.W, self.b, out=self.target(x))

    def backward(self, dy: Array) -> Array:
        """dLoss/dW, dLoss/db and dLoss/dx."""
        self.backward_parameters(dy)
        return self.backward_input(dy)

    def backward_parameters(self, dy: Array) -> None:
        """dLoss/dW and dLoss/db alone."""
        self.ops.matmul(self.x.mT, dy, out=self.dW)  # dL/dW = xᵀ dy
        self.ops.sum_rows(dy, out=self.db)  # dL/db: b was added to every row

    def backward_input(self, dy: Array) -> Array:
        """dLoss/dx alone: all that an attack needs."""
        *stack, fan_in, _ = self.W.shape
        dx = self.buffer("dx", (*stack, dy.shape[-2], fan_in), self.W.dtype)
        return self.ops.matmul(dy, self.W.mT, out=dx)  # dL/dx = dy Wᵀ

    def predict(self, x: Array) -> Array:
        """y = x W + b."""
        return self.ops.affine(x, self.W, self.b)

    def output_shape(self, shape: Shape) -> Shape:
        """(I,) to (O,)."""
        *_, fan_in, fan_out = self.W.shape
        if shape != (fan_in,):
            raise ValueError(f"a Linear layer from {fan_in} to {fan_out} cannot take {shape}")
        return (fan_out,)

    def numbers_kept(self, shape: Shape) -> int:
        """Return I + O: y, and dx."""
        return self.W.shape[-2] + self.W.shape[-1]

    def initialize(self, initializer: str, generators: Sequence[np.random.Generator]) -> None:
        """Draw W and b in float64 and round them, so that float32 and float64 start alike."""
        *_, fan_in, fan_out = self.W.shape
        drawn = [INITIALIZERS[initializer](rng, fan_in, fan_out, self.places) for rng in generators]
        for name, draws in zip(("W", "b"), zip(*drawn, strict=True), strict=True):
            parameter = getattr(self, name)
            host = np.stack(draws).reshape(parameter.shape).astype(parameter.dtype)
            parameter[...] = self.backend.to_device(host)
