"""The primitives of `reference` as the kernels of `kernels.cu`, with cuBLAS for the products.

What they compute stands in `reference`; those of images are in `image_ops`. Everything here can be
recorded in a CUDA graph. Numbers that change from step to step (`gamma`, `learning_rate`, `step`)
may be 0-d arrays of the device, read when the kernel runs.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.cuda.device import xp as cupy
from lpc_scratch.backend.cuda.generators import DeviceGenerators
from lpc_scratch.backend.cuda.image_ops import ImageOps
from lpc_scratch.backend.cuda.kernels import alike, blocks, launch, number, plain, result
from lpc_scratch.backend.cuda.minibatch import NextRows, places
from lpc_scratch.backend.cuda.products import add_bias, product
from lpc_scratch.backend.cuda.sums import FEW_ROWS, relu_backward_sum, sum_rows

_GATHERS = {"uint8": "gather_bytes", "float32": "gather_floats", "float64": "gather_doubles"}


class CudaOps(ImageOps):
    """The primitives for arrays of the device."""

    def __init__(self) -> None:
        super().__init__(cupy)

    def check(self) -> None:
        """Compile the kernels and use cuBLAS; raises whatever fails in that."""
        a = cupy.ones((2, 2), np.float32)
        float(self.affine(a, a, a[:1]).sum())

    def next_rows(self, order: Array, step: Array, batch: int) -> NextRows:
        """Rows of minibatch number `step` of an order, for `gather` and `gather_labels`."""
        return NextRows(order, step, batch)

    def end_step(self, loss: Array, losses: Array, step: Array) -> None:
        """Write losses[step] = loss, then add one to `step`, a 0-d int64 array."""
        launch("end_step", losses.dtype, (1,), loss, losses, step, np.int32(loss.size))

    def affine(self, x: Array, W: Array, b: Array, out: Array | None = None) -> Array:
        """y = x W + b."""
        return add_bias(product(x, W, out), b)

    def affine_relu(self, x: Array, W: Array, b: Array, out: Array | None = None) -> Array:
        """y = max(x W + b, 0)."""
        return add_bias(product(x, W, out), b, "add_bias_relu")

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Matrix product of the last two axes."""
        return product(a, b, out)

    def sum_rows(self, dy: Array, out: Array | None = None) -> Array:
        """Sum over the batch."""
        return sum_rows(dy, out)

    def relu(self, x: Array, out: Array | None = None) -> Array:
        """y = max(x, 0)."""
        return _elementwise("relu", out, x)

    def relu_backward(self, dy: Array, y: Array, out: Array | None = None) -> Array:
        """dx = dy [y > 0]."""
        return _elementwise("relu_backward", out, dy, y)

    def relu_backward_sum(
        self, dy: Array, y: Array, total: Array | None = None, out: Array | None = None
    ) -> tuple[Array, Array]:
        """Sum over the batch of dx = dy [y > 0], and dx: for few rows in one launch."""
        if dy.shape[-2] > FEW_ROWS:
            return super().relu_backward_sum(dy, y, total, out)
        return relu_backward_sum(dy, y, total, out)

    def silu(self, x: Array, sigmoid: Array | None = None, out: Array | None = None) -> Array:
        """y = x σ(x); σ(x) is left in `sigmoid` for the way back."""
        return _elementwise("silu", out, x, result(sigmoid, x.shape, x.dtype))

    def silu_backward(self, dy: Array, y: Array, sigmoid: Array, out: Array | None = None) -> Array:
        """dx = dy (σ + y (1 - σ))."""
        return _elementwise("silu_backward", out, dy, y, sigmoid)

    def tanh(self, x: Array, out: Array | None = None) -> Array:
        """y = tanh(x)."""
        return _elementwise("tanh_forward", out, x)

    def tanh_backward(self, dy: Array, y: Array, out: Array | None = None) -> Array:
        """dx = dy (1 - y²)."""
        return _elementwise("tanh_backward", out, dy, y)

    def add(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Elementwise sum."""
        return _elementwise("add", out, a, b)

    def multiply(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Elementwise product."""
        return _elementwise("multiply", out, a, b)

    def dropout_generators(
        self, generators: Sequence[np.random.Generator], previous: Any = None
    ) -> Any:
        """Put Philox generators on the device, where those of the epoch before were."""
        on_device = previous if isinstance(previous, DeviceGenerators) else None
        if on_device is None or len(on_device.keys) != len(generators):
            on_device = DeviceGenerators(len(generators))
        states = [generator.bit_generator.state["state"] for generator in generators]
        on_device.keys[...] = cupy.asarray(np.stack([state["key"] for state in states]))
        on_device.draws.fill(0)
        return on_device

    def dropout_mask(self, generators: Any, rate: float, out: Array) -> Array:
        """Fill `out` with 0 and 1 / (1 - rate), as the host's generators would draw them."""
        if not isinstance(generators, DeviceGenerators):
            return super().dropout_mask(generators, rate, out)
        members, dropped = len(generators.keys), int(rate * 65_536)
        size, kept = out.size // members, out.dtype.type(65_536 / (65_536 - dropped))
        grid = (blocks(-(-size // 4)), members)
        numbers = (np.int32(dropped), kept, np.int64(size))
        launch("dropout_mask", out.dtype, grid, generators.keys, generators.draws, out, *numbers)
        generators.draws += np.uint64(1)
        return out

    def gather(
        self,
        source: Array,
        rows: Any,
        scale: float | Array,
        shift: float | Array,
        raw: Array,
        out: Array,
    ) -> Array:
        """Minibatch out = source[rows] * scale + shift; `raw` is not needed."""
        kernel, factors = _GATHERS[source.dtype.name], (scale, shift)
        if isinstance(scale, cupy.ndarray):
            kernel += "_by_feature"
        else:
            factors = (out.dtype.type(scale), out.dtype.type(shift))
        sizes = (np.int32(out.shape[-1]), np.int64(out.size))
        grid = (blocks(out.size),)
        launch(kernel, out.dtype, grid, source, *places(rows), *factors, out, *sizes)
        return out

    def gather_labels(self, labels: Array, rows: Any, out: Array) -> Array:
        """Labels of a minibatch: out = labels[rows]."""
        arrays = (labels, *places(rows), out)
        launch("gather_labels", np.float32, (blocks(out.size),), *arrays, np.int64(out.size))
        return out

    def softmax_cross_entropy(
        self, logits: Array, labels: Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """Mean over the batch of -log softmax(logits)[label], and its gradient."""
        return _cross_entropy("softmax_cross_entropy", logits, labels, out)

    def double_softmax_cross_entropy(
        self, logits: Array, labels: Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """Cross-entropy of softmax(softmax(logits)), and its gradient."""
        return _cross_entropy("double_softmax_cross_entropy", logits, labels, out)

    def exp_penalty(
        self, z: Array, gamma: float | Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """gamma exp(mean of z²), and its gradient."""
        return _penalty("exp_penalty", z, gamma, out)

    def exp_coordinate_penalty(
        self, z: Array, gamma: float | Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """gamma times the mean of exp(z²), and its gradient."""
        return _penalty("exp_coordinate_penalty", z, gamma, out)

    def exp_sample_penalty(
        self, z: Array, gamma: float | Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """gamma times the mean over the batch of exp(|z_b|² / D), and its gradient."""
        return _penalty("exp_sample_penalty", z, gamma, out)

    def l2_penalty(
        self, z: Array, gamma: float | Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """gamma times the mean of z², and its gradient."""
        return _penalty("l2_penalty", z, gamma, out)

    def sgd_step(
        self,
        parameters: Array,
        gradients: Array,
        velocity: Array,
        learning_rate: float,
        momentum: float,
        weight_decay: float,
    ) -> None:
        """v = momentum v + g + weight_decay p, then p -= learning_rate v, on flat vectors."""
        kind, size = parameters.dtype.type, parameters.size
        arrays = (parameters, gradients, velocity, number(learning_rate, np.float64))
        numbers = (kind(momentum), kind(weight_decay), np.int64(size))
        launch("sgd_step", kind, (blocks(size),), *arrays, *numbers)

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
        """One Adam or (decoupled) AdamW step on flat vectors; `step` counts from 1."""
        vectors = (parameters, gradients, gradient_sum, square_sum)
        changing = (number(step, np.int64), number(learning_rate, np.float64))
        decays = (weight_decay, 0.0) if decoupled else (0.0, weight_decay)
        numbers = [np.float64(x) for x in (*betas, epsilon, *decays)]
        size = parameters.size
        grid = (blocks(size),)
        launch("adam_step", parameters.dtype, grid, *vectors, *changing, *numbers, np.int64(size))


def _elementwise(name: str, out: Array | None, *inputs: Array) -> Array:
    """Launch a kernel that reads vectors and writes one more; they have one shape and dtype."""
    first = alike(name, *inputs)
    y = result(out, first.shape, first.dtype)
    arrays = (*map(plain, inputs), y)
    launch(name, first.dtype, (blocks(first.size),), *arrays, np.int64(first.size))
    return y


def _cross_entropy(
    name: str, logits: Array, labels: Array, out: Array | None
) -> tuple[Array, Array]:
    *stack, rows, classes = logits.shape
    dlogits = result(out, logits.shape, logits.dtype)
    loss = cupy.empty(stack, logits.dtype)
    sizes = (rows, classes, 0 if labels.ndim == 1 else rows)
    arrays = (plain(logits), plain(labels.astype(np.int64, copy=False)), loss, dlogits)
    launch(name, logits.dtype, (prod(stack),), *arrays, *map(np.int32, sizes))
    return loss, dlogits


def _penalty(name: str, z: Array, gamma: float | Array, out: Array | None) -> tuple[Array, Array]:
    *stack, rows, columns = z.shape
    dz = result(out, z.shape, z.dtype)
    value = cupy.empty(stack, z.dtype)
    strength = plain(number(gamma, z.dtype))
    sizes = (rows, columns, 0 if strength.size == 1 else 1)
    arrays = (plain(z), strength, value, dz)
    launch(name, z.dtype, (prod(stack),), *arrays, *map(np.int32, sizes))
    return value, dz
