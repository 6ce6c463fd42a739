"""The affine map in another basis, to ask in whose axes an optimiser works."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lpc_scratch.backend import Array, Backend
from lpc_scratch.nn.layers.base import Shape
from lpc_scratch.nn.layers.linear import Linear


class RotatedLinear(Linear):
    """Affine map y = x Q W + b of an input in the orthogonal basis Q.

    All maps from x to y can be had by it, as by y = x W + b, and gradient descent takes the same
    steps in both. An optimiser that treats every entry of W by itself does not: here its axes are
    the columns of Q.

    Parameters
    ----------
    basis : array (I, I)
        Q, orthogonal.
    fan_in, fan_out, stack, dtype, backend
        As in `Linear`.
    """

    def __init__(
        self,
        basis: Array,
        fan_in: int,
        fan_out: int,
        stack: tuple[int, ...] = (),
        dtype: Any = np.float32,
        backend: Backend | None = None,
    ) -> None:
        super().__init__(fan_in, fan_out, stack, dtype, backend)
        self._basis = self.backend.to_device(np.ascontiguousarray(basis, dtype))

    @property
    def weight(self) -> Array:
        """Q W (..., I, O), which acts on x."""
        return self.ops.matmul(self._basis, self.W)

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = x Q W + b."""
        turned = self.buffer("turned", x.shape, self.W.dtype)
        return super().forward(self.ops.matmul(x, self._basis, out=turned), training)

    def backward_input(self, dy: Array) -> Array:
        """dLoss/dx = dLoss/d(x Q) Qᵀ."""
        turned = super().backward_input(dy)
        dx = self.buffer("dx in axes", turned.shape, self.W.dtype)
        return self.ops.matmul(turned, self._basis.mT, out=dx)

    def predict(self, x: Array) -> Array:
        """y = x Q W + b."""
        return super().predict(self.ops.matmul(x, self._basis))

    def numbers_kept(self, shape: Shape) -> int:
        """Return 3 I + O: y, x Q, and dx in both bases."""
        return super().numbers_kept(shape) + 2 * self.W.shape[-2]

    def initialize(self, initializer: str, generators: Sequence[np.random.Generator]) -> None:
        """Draw W and b so that x -> y is what `Linear` would begin with."""
        super().initialize(initializer, generators)
        self.W[...] = self.ops.matmul(self._basis.mT, self.W)
