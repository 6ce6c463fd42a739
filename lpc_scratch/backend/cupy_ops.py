"""The primitives of `numpy_ops` on CuPy arrays, launched one by one.

They are what `cuda_ops` is compared with, and what runs where LPC_GPU is eager. Same names,
signatures and mathematics; see `numpy_ops` for the formulas. This is the only module that imports
CuPy: what else needs it takes `xp` from here, once `get_backend("gpu")` is asked for.
"""

from collections.abc import Sequence
from typing import Any

import cupy
import numpy as np

from lpc_scratch.backend import numpy_ops
from lpc_scratch.backend.adam import adam_factors
from lpc_scratch.backend.array import Array

xp = cupy


def describe_device() -> str:
    """Return the current GPU's name and CuPy's version, having used it.

    Raises whatever CuPy raises where no GPU is there, or where kernels cannot be compiled or
    cuBLAS cannot be loaded.
    """
    if cupy.cuda.runtime.getDeviceCount() == 0:
        raise RuntimeError("no CUDA device")
    ones = cupy.ones((2, 2), np.float32)
    float((ones @ ones).sum())
    device = cupy.cuda.Device()
    name = cupy.cuda.runtime.getDeviceProperties(device.id)["name"].decode()
    return f"{name}, CuPy {cupy.__version__}"


def to_device(array: Array) -> Array:
    """Copy a host array to the device; a device array is returned as it is."""
    return cupy.asarray(array)


def to_host(array: Array) -> Array:
    """Copy a device array to the host, waiting for the work that makes it."""
    return cupy.asnumpy(array)


def synchronize() -> None:
    """Wait until the device has done all its work."""
    cupy.cuda.get_current_stream().synchronize()


def free_memory() -> int:
    """Return the bytes that the device has free, and those that CuPy keeps and does not use."""
    free, _ = cupy.cuda.runtime.memGetInfo()
    return free + cupy.get_default_memory_pool().free_bytes()


def affine(x: Array, W: Array, b: Array, out: Array | None = None) -> Array:
    """y = x W + b."""
    y = cupy.matmul(x, W, out=out)
    y += b
    return y


def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """Matrix product of the last two axes."""
    return cupy.matmul(a, b, out=out)


def sum_rows(dy: Array, out: Array | None = None) -> Array:
    """Sum over the batch."""
    return cupy.sum(dy, axis=-2, keepdims=True, out=out)


def relu(x: Array, out: Array | None = None) -> Array:
    """y = max(x, 0)."""
    return cupy.maximum(x, 0, out=out)


def relu_backward(dy: Array, y: Array, out: Array | None = None) -> Array:
    """dx = dy [y > 0]."""
    return cupy.multiply(dy, y > 0, out=out)


def silu(x: Array, sigmoid: Array | None = None, out: Array | None = None) -> Array:
    """y = x σ(x); σ(x) is left in `sigmoid` for the way back."""
    sigmoid = cupy.multiply(x, 0.5, out=sigmoid)
    cupy.tanh(sigmoid, out=sigmoid)
    sigmoid += 1
    sigmoid *= 0.5
    return cupy.multiply(x, sigmoid, out=out)


def silu_backward(dy: Array, y: Array, sigmoid: Array, out: Array | None = None) -> Array:
    """dx = dy (σ + y (1 - σ))."""
    return cupy.multiply(dy, sigmoid + y * (1 - sigmoid), out=out)


def tanh(x: Array, out: Array | None = None) -> Array:
    """y = tanh(x)."""
    return cupy.tanh(x, out=out)


def tanh_backward(dy: Array, y: Array, out: Array | None = None) -> Array:
    """dx = dy (1 - y²)."""
    return cupy.multiply(dy, 1 - y * y, out=out)


def multiply(a: Array, b: Array, out: Array | None = None) -> Array:
    """Elementwise product."""
    return cupy.multiply(a, b, out=out)


def dropout_generators(generators: Sequence[np.random.Generator], previous: Any = None) -> Any:
    """Return the host's generators: the host draws."""
    return generators


def dropout_mask(generators: Any, rate: float, out: Array) -> Array:
    """Fill `out` with 0 and 1 / (1 - rate): the host draws it, so that both devices agree."""
    host = np.empty(out.shape, out.dtype)
    out[...] = cupy.asarray(numpy_ops.dropout_mask(generators, rate, host))
    return out


def gather(
    source: Array,
    rows: Array,
    scale: float,
    shift: float,
    raw: Array,
    out: Array,
) -> Array:
    """Minibatch out = source[rows] * scale + shift."""
    cupy.take(source, rows, axis=0, out=raw)
    cupy.multiply(raw, scale, out=out, dtype=out.dtype)
    out += shift
    return out


def gather_labels(labels: Array, rows: Array, out: Array) -> Array:
    """Labels of a minibatch: out = labels[rows]."""
    return cupy.take(labels, rows, out=out)


def softmax_cross_entropy(
    logits: Array, labels: Array, out: Array | None = None
) -> tuple[Array, Array]:
    """Mean over the batch of -log softmax(logits)[label], and its gradient."""
    *_, B, K = logits.shape
    onehot = labels[..., None] == cupy.arange(K)
    shifted = logits - cupy.max(logits, axis=-1, keepdims=True)
    e = cupy.exp(shifted)
    total = cupy.sum(e, axis=-1, keepdims=True)
    true_logits = cupy.sum(shifted * onehot, axis=-1)
    loss = cupy.mean(cupy.log(total[..., 0]) - true_logits, axis=-1)
    return loss, cupy.multiply(e / total - onehot, 1 / B, out=out)


def double_softmax_cross_entropy(
    logits: Array, labels: Array, out: Array | None = None
) -> tuple[Array, Array]:
    """Cross-entropy of softmax(softmax(logits)), and its gradient."""
    p = cupy.exp(logits - cupy.max(logits, axis=-1, keepdims=True))
    p /= cupy.sum(p, axis=-1, keepdims=True)
    loss, dp = softmax_cross_entropy(p, labels)
    inner = cupy.sum(dp * p, axis=-1, keepdims=True)
    return loss, cupy.multiply(p, dp - inner, out=out)


def exp_penalty(z: Array, gamma: float | Array, out: Array | None = None) -> tuple[Array, Array]:
    """gamma exp(mean of z²), and its gradient."""
    gamma = _as(z.dtype, gamma)
    value = gamma * cupy.exp(cupy.mean(z * z, axis=(-2, -1), keepdims=True))
    return value[..., 0, 0], cupy.multiply(z, value * _slope(z), out=out)


def exp_coordinate_penalty(
    z: Array, gamma: float | Array, out: Array | None = None
) -> tuple[Array, Array]:
    """gamma times the mean of exp(z²), and its gradient."""
    gamma = _as(z.dtype, gamma)
    e = cupy.exp(z * z)
    value = gamma * cupy.mean(e, axis=(-2, -1), keepdims=True)
    return value[..., 0, 0], cupy.multiply(z, e * (gamma * _slope(z)), out=out)


def exp_sample_penalty(
    z: Array, gamma: float | Array, out: Array | None = None
) -> tuple[Array, Array]:
    """gamma times the mean over the batch of exp(|z_b|² / D), and its gradient."""
    gamma = _as(z.dtype, gamma)
    e = cupy.exp(cupy.mean(z * z, axis=-1, keepdims=True))
    value = gamma * cupy.mean(e, axis=-2, keepdims=True)
    return value[..., 0, 0], cupy.multiply(z, e * (gamma * _slope(z)), out=out)


def l2_penalty(z: Array, gamma: float | Array, out: Array | None = None) -> tuple[Array, Array]:
    """gamma times the mean of z², and its gradient."""
    gamma = _as(z.dtype, gamma)
    value = gamma * cupy.mean(z * z, axis=(-2, -1), keepdims=True)
    return value[..., 0, 0], cupy.multiply(z, gamma * _slope(z), out=out)


def sgd_step(
    parameters: Array,
    gradients: Array,
    velocity: Array,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
) -> None:
    """v = momentum v + g + weight_decay p, then p -= learning_rate v, on flat vectors."""
    velocity *= momentum
    velocity += gradients
    if weight_decay:
        velocity += weight_decay * parameters
    parameters -= learning_rate * velocity


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
    """One Adam or (decoupled) AdamW step on flat vectors; `step` counts from 1."""
    rate, shift = adam_factors(step, learning_rate, betas, epsilon)
    if weight_decay and decoupled:
        parameters *= 1 - learning_rate * weight_decay
    elif weight_decay:
        gradients = gradients + weight_decay * parameters
    first_moment *= betas[0]
    first_moment += gradients
    second_moment *= betas[1]
    second_moment += gradients * gradients
    parameters -= rate * (first_moment / (cupy.sqrt(second_moment) + shift))


def _as(dtype: Any, gamma: float | Array) -> float | Array:
    """Return gamma in the latent's dtype: float64 would make everything float64."""
    return gamma.astype(dtype, copy=False) if isinstance(gamma, cupy.ndarray) else gamma


def _slope(z: Array) -> float:
    """2 / (B D): what every penalty's gradient has in common."""
    return 2 / (z.shape[-2] * z.shape[-1])
