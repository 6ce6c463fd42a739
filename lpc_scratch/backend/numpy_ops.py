"""The primitives that are faster on a CPU than `reference` writes them.

What they compute stands there. Here nothing is allocated in a step: intermediate results live in
`scratch`, long vectors are updated in chunks that fit in the cache, on all threads, and NumPy is
asked for what it has a fast loop for.
"""

import os
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np

from lpc_scratch.backend.adam import adam_factors
from lpc_scratch.backend.array import Array
from lpc_scratch.backend.numpy_convolution import ConvolutionOps
from lpc_scratch.backend.numpy_norm import NormOps, channel_sums
from lpc_scratch.backend.reference import draw_masks
from lpc_scratch.backend.scratch import scratch
from lpc_scratch.backend.threads import in_chunks

COMPILED_FROM = 1_000_000
"""Parameters from which Adam's step is taken in a loop compiled by numba, where it is installed:
for smaller vectors it gains nothing, and importing numba takes a second."""


MANY = 65_536
"""Rows from which a sum is shared out to threads: so many has no perceptron's batch."""

LONG = 524_288
"""Numbers from which an elementwise primitive is: BLAS's own second thread is awake for a while
after a product, and in the way of another one where arrays are shorter."""


class NumpyOps(ConvolutionOps, NormOps):
    """The primitives for arrays of the host.

    Parameters
    ----------
    compiled_from : float
        Length of the vectors from which Adam's step is compiled; infinity for never.
    """

    def __init__(self, compiled_from: float = COMPILED_FROM) -> None:
        super().__init__(np)
        self._compiled_from = compiled_from

    def compiles(self, parameters: int) -> bool:
        """Return whether the step of so many parameters is compiled: to the same bits, faster."""
        return parameters >= self._compiled_from and _compiled_adam() is not None

    def gather(
        self,
        source: Array,
        rows: Array,
        scale: float | Array,
        shift: float | Array,
        raw: Array,
        out: Array,
    ) -> Array:
        """Minibatch out = source[rows] * scale + shift."""
        np.take(source, rows, axis=0, out=raw, mode="clip")  # mode: NumPy would buffer `out`
        np.multiply(raw, scale, out=out, dtype=out.dtype)
        out += shift
        return out

    def gather_labels(self, labels: Array, rows: Array, out: Array) -> Array:
        """Labels of a minibatch: out = labels[rows]."""
        return np.take(labels, rows, out=out, mode="clip")

    def sum_rows(self, dy: Array, out: Array | None = None) -> Array:
        """Sum over the batch."""
        if dy.shape[-2] >= MANY:
            return channel_sums(dy, out)
        return np.matmul(_ones(dy.shape[-2], dy.dtype), dy, out=out)  # BLAS sums faster than sum

    def relu(self, x: Array, out: Array | None = None) -> Array:
        """y = max(x, 0)."""
        if out is not None and _are_long(x, out):
            return _in_chunks(lambda x, y: np.maximum(x, _zeros(x.size, x.dtype), out=y), x, out)
        # Against a row of zeros NumPy takes its SIMD loop, against the scalar 0 it does not.
        return np.maximum(x, _zeros(x.shape[-1], x.dtype), out=out)

    def relu_backward(self, dy: Array, y: Array, out: Array | None = None) -> Array:
        """dx = dy [y > 0]."""
        if out is not None and _are_long(dy, y, out):
            return _in_chunks(_relu_backward, dy, y, out)
        return _relu_backward(dy, y, out)

    def add(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Elementwise sum."""
        if out is not None and _are_long(a, b, out):
            return _in_chunks(np.add, a, b, out)
        return np.add(a, b, out=out)

    def silu_backward(self, dy: Array, y: Array, sigmoid: Array, out: Array | None = None) -> Array:
        """dx = dy (σ + y (1 - σ))."""
        slope = np.subtract(1, sigmoid, out=scratch(y.shape, y.dtype))
        slope *= y
        slope += sigmoid
        return np.multiply(dy, slope, out=out)

    def tanh_backward(self, dy: Array, y: Array, out: Array | None = None) -> Array:
        """dx = dy (1 - y²)."""
        slope = np.multiply(y, y, out=scratch(y.shape, y.dtype))
        np.subtract(1, slope, out=slope)
        return np.multiply(dy, slope, out=out)

    def dropout_mask(self, generators: Any, rate: float, out: Array) -> Array:
        """Fill `out` with 0 (share `rate`) and 1 / (1 - rate).

        Raw bits are the one array that a step allocates: NumPy's generators have no `out` for them.
        """
        draw_masks(generators, rate, _flat(out).reshape(len(generators), -1))
        return out

    def softmax_cross_entropy(
        self, logits: Array, labels: Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """Mean of -log softmax(logits)[label], and its gradient; `out` must be C-contiguous."""
        *_, B, K = logits.shape
        if labels.ndim < logits.ndim - 1:
            labels = np.broadcast_to(labels, logits.shape[:-1])
        p = np.empty(logits.shape, logits.dtype) if out is None else out
        flat = _flat(p)
        true_class = _row_starts(labels.size, K) + labels.reshape(-1)  # positions in the flat array
        np.subtract(logits, np.maximum.reduce(logits, axis=-1, keepdims=True), out=p)
        true_logits = flat[true_class].reshape(labels.shape)
        np.exp(p, out=p)
        total = np.add.reduce(p, axis=-1, keepdims=True)
        loss = np.log(total[..., 0])
        loss -= true_logits  # log-sum-exp minus true logit
        total *= B
        p /= total
        flat[true_class] -= 1 / B
        return np.add.reduce(loss, axis=-1) / loss.dtype.type(B), p

    def mean_square(self, z: Array) -> Array:
        """Mean of z² over batch and coordinates."""
        flat = z.reshape(*z.shape[:-2], 1, -1)
        return np.vecdot(flat, flat)[..., None] / flat.shape[-1]

    def sgd_step(
        self,
        parameters: Array,
        gradients: Array,
        velocity: Array,
        learning_rate: float,
        momentum: float,
        weight_decay: float,
    ) -> None:
        """v = momentum v + g + weight_decay p, then p -= learning_rate v."""

        def update(part: slice) -> None:
            p, g, v = parameters[part], gradients[part], velocity[part]
            t = scratch(p.shape, p.dtype)
            v *= momentum
            v += g
            if weight_decay:
                v += np.multiply(p, weight_decay, out=t)
            p -= np.multiply(v, learning_rate, out=t)

        in_chunks(update, parameters.size)

    def adam_step(
        self,
        parameters: Array,
        gradients: Array,
        gradient_sum: Array,
        square_sum: Array,
        step: int,
        learning_rate: float,
        betas: tuple[float, float],
        epsilon: float,
        weight_decay: float,
        decoupled: bool,
    ) -> None:
        """p -= learning_rate m̂ / (sqrt(v̂) + epsilon), with the weights of both in two numbers."""
        compiled = _compiled_adam() if self.compiles(parameters.size) else None
        if compiled:
            vectors = (parameters, gradients, gradient_sum, square_sum)
            settings = (step, learning_rate, betas, epsilon, weight_decay, decoupled)
            return compiled(*vectors, *settings)
        rate, shift = adam_factors(step, learning_rate, betas, epsilon)

        def update(part: slice) -> None:
            p, g, m, v = parameters[part], gradients[part], gradient_sum[part], square_sum[part]
            t = scratch(p.shape, p.dtype)
            if weight_decay and decoupled:
                p *= 1 - learning_rate * weight_decay
            elif weight_decay:
                g = np.add(g, np.multiply(p, weight_decay, out=t), out=scratch(p.shape, p.dtype, 1))
            m *= betas[0]
            m += g
            v *= betas[1]
            v += np.multiply(g, g, out=t)
            np.sqrt(v, out=t)
            t += shift
            np.divide(m, t, out=t)
            t *= rate
            p -= t

        in_chunks(update, parameters.size)
        return None


@cache
def _compiled_adam() -> Callable[..., None] | None:
    """Return the compiled step; None without numba, where it cannot compile, or LPC_NUMBA is 0."""
    if os.environ.get("LPC_NUMBA") == "0":
        return None
    try:
        from lpc_scratch.backend.numba_ops import adam_step
    except Exception:  # a missing or broken numba, or no folder for what it has compiled
        return None
    return adam_step


def _are_long(*arrays: Array) -> bool:
    """Return whether arrays are worth a second thread, and can be cut where others are."""
    return all(
        array.size >= LONG and array.flags.c_contiguous and array.shape == arrays[0].shape
        for array in arrays
    )


def _in_chunks(function: Callable[..., Any], *arrays: Array) -> Array:
    """Call a function on equal parts of arrays, the last of which it fills; return that."""
    flat = [array.reshape(-1) for array in arrays]
    in_chunks(lambda part: function(*(array[part] for array in flat)), flat[0].size)
    return arrays[-1]


def _relu_backward(dy: Array, y: Array, out: Array | None) -> Array:
    return np.multiply(dy, np.greater(y, 0, out=scratch(y.shape, bool)), out=out)


def _flat(array: Array) -> Array:
    """Return the elements as a 1-D view; of other than C-contiguous arrays there is none."""
    if not array.flags.c_contiguous:
        raise ValueError("out must be C-contiguous")
    return array.reshape(-1)


@lru_cache(maxsize=32)
def _zeros(size: int, dtype: Any) -> Array:
    return np.zeros(size, dtype)


@lru_cache(maxsize=32)
def _ones(size: int, dtype: Any) -> Array:
    return np.ones((1, size), dtype)


@lru_cache(maxsize=32)
def _row_starts(rows: int, columns: int) -> Array:
    """Positions of the first element of every row in a flat array."""
    return np.arange(rows) * columns
