"""The array primitives that decide speed, in NumPy: the mathematics to read.

Axes count from the right and every leading axis is a stack of independent networks:
B is the batch, I and O are features in and out, D latent dimensions, K classes.
`out` is written in place and returned; without it a new array is made. `cuda_ops` and `cupy_ops`
have the same functions for the GPU.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from lpc_scratch.backend.adam import adam_factors
from lpc_scratch.backend.array import Array
from lpc_scratch.backend.scratch import scratch
from lpc_scratch.backend.threads import in_chunks


def affine(x: Array, W: Array, b: Array, out: Array | None = None) -> Array:
    """y = x W + b, with x (..., B, I), W (..., I, O), b (..., 1, O)."""
    y = np.matmul(x, W, out=out)
    y += b
    return y


def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """Matrix product of the last two axes."""
    return np.matmul(a, b, out=out)


def sum_rows(dy: Array, out: Array | None = None) -> Array:
    """Sum over the batch: (..., B, O) to (..., 1, O)."""
    return np.matmul(_ones(dy.shape[-2], dy.dtype), dy, out=out)  # BLAS sums faster than np.sum


def relu(x: Array, out: Array | None = None) -> Array:
    """y = max(x, 0)."""
    # Against a row of zeros NumPy takes its SIMD loop, against the scalar 0 it does not.
    return np.maximum(x, _zeros(x.shape[-1], x.dtype), out=out)


def relu_backward(dy: Array, y: Array, out: Array | None = None) -> Array:
    """dx = dy [y > 0]."""
    return np.multiply(dy, np.greater(y, 0, out=scratch(y.shape, bool)), out=out)


def silu(x: Array, sigmoid: Array | None = None, out: Array | None = None) -> Array:
    """y = x σ(x); σ(x) is left in `sigmoid` for the way back."""
    sigmoid = np.multiply(x, 0.5, out=sigmoid)
    np.tanh(sigmoid, out=sigmoid)  # σ(x) = (1 + tanh(x/2)) / 2 cannot overflow
    sigmoid += 1
    sigmoid *= 0.5
    return np.multiply(x, sigmoid, out=out)


def silu_backward(dy: Array, y: Array, sigmoid: Array, out: Array | None = None) -> Array:
    """dx = dy (σ + y (1 - σ)), with y = x σ."""
    slope = np.subtract(1, sigmoid, out=scratch(y.shape, y.dtype))
    slope *= y
    slope += sigmoid
    return np.multiply(dy, slope, out=out)


def tanh(x: Array, out: Array | None = None) -> Array:
    """y = tanh(x)."""
    return np.tanh(x, out=out)


def tanh_backward(dy: Array, y: Array, out: Array | None = None) -> Array:
    """dx = dy (1 - y²)."""
    slope = np.multiply(y, y, out=scratch(y.shape, y.dtype))
    np.subtract(1, slope, out=slope)
    return np.multiply(dy, slope, out=out)


def multiply(a: Array, b: Array, out: Array | None = None) -> Array:
    """Elementwise product."""
    return np.multiply(a, b, out=out)


def dropout_generators(generators: Sequence[np.random.Generator], previous: Any = None) -> Any:
    """Return generators, one for each network, in the form that `dropout_mask` draws from.

    `previous` is what this returned before; a device overwrites it.
    """
    return generators


def dropout_mask(generators: Any, rate: float, out: Array) -> Array:
    """Fill `out` with 0 (share `rate`) and 1 / (1 - rate), so that its mean is 1.

    Each generator draws the mask of one network: `out` is (B, I) for one and (E, B, I) for E.
    The share is rounded down to a multiple of 1/65536: 16 random bits decide for an element.
    They are the one array that a step allocates: NumPy's generators have no `out` for raw bits.
    """
    dropped = int(rate * 65_536)
    masks = _flat(out).reshape(len(generators), -1)
    for generator, mask in zip(generators, masks, strict=True):
        words = generator.bit_generator.random_raw(-(-mask.size // 4))  # 4 draws of 16 bits each
        np.greater_equal(words.view(np.uint16)[: mask.size], dropped, out=mask)
    out *= 65_536 / (65_536 - dropped)
    return out


def gather(
    source: Array,
    rows: Array,
    scale: float,
    shift: float,
    raw: Array,
    out: Array,
) -> Array:
    """Minibatch out = source[rows] * scale + shift.

    `source` (N, I) is kept as stored (uint8 images) and becomes floating point only here;
    `rows` is (..., B), `raw` a buffer (..., B, I) of the source's dtype.
    """
    np.take(source, rows, axis=0, out=raw, mode="clip")  # mode: NumPy would buffer `out`
    np.multiply(raw, scale, out=out, dtype=out.dtype)
    out += shift
    return out


def gather_labels(labels: Array, rows: Array, out: Array) -> Array:
    """Labels of a minibatch: out = labels[rows], of shape (..., B)."""
    return np.take(labels, rows, out=out, mode="clip")


def softmax_cross_entropy(
    logits: Array, labels: Array, out: Array | None = None
) -> tuple[Array, Array]:
    """Mean over the batch of -log softmax(logits)[label], and its gradient.

    logits (..., B, K), labels (..., B) or (B,) for all; loss (...), gradient
    (softmax - onehot) / B. Raises ValueError if `out` is not C-contiguous.
    """
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


def double_softmax_cross_entropy(
    logits: Array, labels: Array, out: Array | None = None
) -> tuple[Array, Array]:
    """Cross-entropy of softmax(softmax(logits)), and its gradient; shapes as above."""
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    loss, dp = softmax_cross_entropy(p, labels, out)
    dp -= np.sum(dp * p, axis=-1, keepdims=True)
    dp *= p  # dlogits = p (dp - <dp, p>)
    return loss, dp


def exp_penalty(z: Array, gamma: float | Array, out: Array | None = None) -> tuple[Array, Array]:
    """gamma exp(m), with m = mean of z² over batch and coordinates, and its gradient.

    z (..., B, D), gamma a number or (..., 1, 1); value (...), gradient like z.
    """
    value = _as(z.dtype, gamma) * np.exp(_mean_square(z))
    return value[..., 0, 0], np.multiply(z, value * _slope(z), out=out)


def exp_coordinate_penalty(
    z: Array, gamma: float | Array, out: Array | None = None
) -> tuple[Array, Array]:
    """gamma times the mean of exp(z²) over batch and coordinates, and its gradient."""
    e = np.multiply(z, z, out=out)
    np.exp(e, out=e)
    value = _as(z.dtype, gamma) * e.mean(axis=(-2, -1), keepdims=True)
    e *= z
    e *= _as(z.dtype, gamma * _slope(z))
    return value[..., 0, 0], e


def exp_sample_penalty(
    z: Array, gamma: float | Array, out: Array | None = None
) -> tuple[Array, Array]:
    """gamma times the mean over the batch of exp(|z_b|² / D), and its gradient."""
    e = np.vecdot(z, z)[..., None]
    e /= z.shape[-1]
    np.exp(e, out=e)
    value = _as(z.dtype, gamma) * e.mean(axis=-2, keepdims=True)
    return value[..., 0, 0], np.multiply(z, e * _as(z.dtype, gamma * _slope(z)), out=out)


def l2_penalty(z: Array, gamma: float | Array, out: Array | None = None) -> tuple[Array, Array]:
    """gamma times the mean of z² over batch and coordinates, and its gradient."""
    value = _as(z.dtype, gamma) * _mean_square(z)
    return value[..., 0, 0], np.multiply(z, _as(z.dtype, gamma * _slope(z)), out=out)


def sgd_step(
    parameters: Array,
    gradients: Array,
    velocity: Array,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
) -> None:
    """v = momentum v + g + weight_decay p, then p -= learning_rate v, on flat vectors."""

    def step(part: slice) -> None:
        p, g, v = parameters[part], gradients[part], velocity[part]
        t = scratch(p.shape, p.dtype)
        v *= momentum
        v += g
        if weight_decay:
            v += np.multiply(p, weight_decay, out=t)
        p -= np.multiply(v, learning_rate, out=t)

    in_chunks(step, parameters.size)


def adam_step(
    parameters: Array,
    gradients: Array,
    first_moment: Array,
    second_moment: Array,
    step: int,
    learning_rate: float,
    betas: tuple[float, float],
    epsilon: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    """One Adam or (decoupled) AdamW step on flat vectors; `step` counts from 1.

    p -= learning_rate m̂ / (sqrt(v̂) + epsilon). The moments are kept as sums, m = β₁ m + g and
    v = β₂ v + g², and weighted here: m̂ = m (1 - β₁) / (1 - β₁^step), and v̂ likewise.
    """
    rate, shift = adam_factors(step, learning_rate, betas, epsilon)

    def update(part: slice) -> None:
        p, g, m, v = parameters[part], gradients[part], first_moment[part], second_moment[part]
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


def _as(dtype: Any, number: float | Array) -> Array:
    """Return a number, or one for each network (float64), rounded once: the same bits for both."""
    return np.asarray(number, dtype)


def _slope(z: Array) -> float:
    """2 / (B D): what every penalty's gradient has in common."""
    return 2 / (z.shape[-2] * z.shape[-1])


def _mean_square(z: Array) -> Array:
    """Mean of z² over batch and coordinates, of shape (..., 1, 1)."""
    flat = z.reshape(*z.shape[:-2], 1, -1)
    return np.vecdot(flat, flat)[..., None] / flat.shape[-1]
