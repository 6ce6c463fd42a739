"""Batch normalisation."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from lpc_scratch.backend import Array, Backend
from lpc_scratch.nn.layers.base import Layer, Shape


class BatchNorm(Layer):
    """y = (x - mean) / sqrt(variance + epsilon) * scale + shift, for every channel.

    Of rows (..., B, C) or images (..., B, H, W, C). In training, mean and (biased) variance are
    those of the batch, over pixels too, and the running ones move towards them; in evaluation they
    are the running ones, which do not change. The running variance is unbiased, as in torch (Ioffe
    and Szegedy 2015).

    Parameters
    ----------
    channels : int
        C.
    stack, dtype, backend
        As in `Linear`.
    momentum : float
        Share of the way that running statistics move in a step, above 0 and at most 1.
    epsilon : float
        Added to the variance, above 0.

    Attributes
    ----------
    scale, shift, running_mean, running_variance : array (..., 1, C)
        Parameters, and state; they begin at 1, 0, 0 and 1.

    Raises
    ------
    ValueError
        For channels, momentum or epsilon out of these bounds.
    """

    parameter_names = ("scale", "shift")
    state_names = ("running_mean", "running_variance")
    hands_over = True
    primitives = ("batch_moments", "update_moments", "batch_norm", "batch_norm_backward")

    def __init__(
        self,
        channels: int,
        stack: tuple[int, ...] = (),
        dtype: Any = np.float32,
        backend: Backend | None = None,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
    ) -> None:
        super().__init__(backend)
        if channels < 1 or not 0 < momentum <= 1 or not epsilon > 0:
            raise ValueError(
                "channels must be at least 1, momentum above 0 and at most 1 and epsilon above 0, "
                f"not {channels}, {momentum}, {epsilon}"
            )
        self.momentum, self.epsilon = momentum, epsilon
        xp, shape = self.backend.xp, (*stack, 1, channels)
        self.scale, self.shift = xp.zeros(shape, dtype), xp.zeros(shape, dtype)
        self.dscale, self.dshift = xp.zeros_like(self.scale), xp.zeros_like(self.shift)
        self.running_mean, self.running_variance = xp.zeros(shape, dtype), xp.zeros(shape, dtype)

    def initialize(self, initializer: str, generators: Sequence[np.random.Generator]) -> None:
        """Begin with the scale 1, the shift 0 and the statistics of a standard normal."""
        self.scale[...] = self.running_variance[...] = 1
        self.shift[...] = self.running_mean[...] = 0

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = (x - mean) inverse scale + shift; in training, the running statistics move.

        Raises
        ------
        ValueError
            In training on one number for each channel: it has no variance.
        """
        self.x, self.of_batch = x, training
        if training:
            count = x.size // self.scale.size
            if count < 2:
                raise ValueError("batch normalisation needs two samples or pixels of a channel")
            self.mean, variance = self.ops.batch_moments(x, self.scale.shape[:-2])
            running = (self.running_mean, self.running_variance)
            settings = (count, self.momentum, self.epsilon)
            self.inverse = self.ops.update_moments(self.mean, variance, *running, *settings)
        else:
            self.mean, self.inverse = self.running_mean, self._running_inverse()
        y = self.buffer("y", x.shape, x.dtype)
        return self._normalised(x, self.mean, self.inverse, out=y)

    def backward(self, dy: Array) -> Array:
        """dLoss/dscale, dLoss/dshift, and dLoss/dx: in training through mean and variance too."""
        dx = self._backward(dy, self.dscale, self.dshift)
        return dx if self.of_batch else self.backward_input(dy)

    def backward_input(self, dy: Array) -> Array:
        """dLoss/dx alone."""
        if self.of_batch:
            shape, dtype = self.scale.shape, self.scale.dtype
            unused = (self.buffer(name, shape, dtype) for name in ("dscale", "dshift"))
            return self._backward(dy, *unused)
        slope = self.scale * self.inverse
        zero = self.backend.xp.zeros_like(slope)
        dx = self.buffer("dx", dy.shape, dy.dtype)
        return self.ops.batch_norm(dy, zero, slope, zero + 1, zero, out=dx)

    def predict(self, x: Array) -> Array:
        """y with the running statistics."""
        return self._normalised(x, self.running_mean, self._running_inverse())

    def output_shape(self, shape: Shape) -> Shape:
        """(C,) or (H, W, C), as it is."""
        channels = self.scale.shape[-1]
        if len(shape) not in (1, 3) or shape[-1] != channels:
            raise ValueError(f"batch normalisation of {channels} channels cannot take {shape}")
        return shape

    def numbers_kept(self, shape: Shape) -> int:
        """Return the sizes of y and dx."""
        return 2 * prod(shape)

    def _running_inverse(self) -> Array:
        """Return one over the running deviation."""
        return 1 / self.backend.xp.sqrt(self.running_variance + self.epsilon)

    def _normalised(self, x: Array, mean: Array, inverse: Array, out: Array | None = None) -> Array:
        return self.ops.batch_norm(x, mean, inverse, self.scale, self.shift, out=out)

    def _backward(self, dy: Array, dscale: Array, dshift: Array) -> Array:
        dx = self.buffer("dx", dy.shape, dy.dtype)
        moments = (self.mean, self.inverse, self.scale)
        return self.ops.batch_norm_backward(dy, self.x, *moments, dscale, dshift, out=dx)
