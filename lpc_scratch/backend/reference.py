"""Every array primitive, once: the mathematics to read.

A network is made of these. They are written over an array module `xp`, NumPy or CuPy, so that each
runs on both; where speed asks for another form, `numpy_ops` and `cuda.ops` override it, and tests
hold every override to what stands here.

Axes count from the right, and every leading axis is a stack of independent networks: B is the
batch, I and O are features in and out, D latent dimensions, K classes. `out` is written in place
and returned; without it a new array is made.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.image_reference import ImageReference


class Reference(ImageReference):
    """The primitives over one array module; those of images are in `image_reference`.

    Parameters
    ----------
    xp : module
        `numpy` or `cupy`.
    """

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def overrides(self, primitive: str) -> bool:
        """Return whether a primitive has a form of its own here."""
        return getattr(type(self), primitive) is not getattr(Reference, primitive)

    def compiles(self, parameters: int) -> bool:
        """Return whether an optimiser's step of so many parameters is compiled by numba."""
        return False

    # ------------------------------------------------------------------ the minibatch

    def gather(
        self,
        source: Array,
        rows: Array,
        scale: float | Array,
        shift: float | Array,
        raw: Array,
        out: Array,
    ) -> Array:
        """Minibatch out = source[rows] * scale + shift.

        `source` (N, I) is kept as stored (uint8 images) and becomes floating point only here;
        `rows` is (..., B), `raw` a buffer (..., B, I) of the source's dtype. `scale` and `shift`
        are both numbers, or both (I,), of every feature its own, in the dtype of `out`.
        """
        self.xp.take(source, rows, axis=0, out=raw)
        self.xp.multiply(raw, scale, out=out, dtype=out.dtype)
        out += shift
        return out

    def gather_labels(self, labels: Array, rows: Array, out: Array) -> Array:
        """Labels of a minibatch: out = labels[rows], of shape (..., B)."""
        return self.xp.take(labels, rows, out=out)

    # ------------------------------------------------------------------ layers

    def affine(self, x: Array, W: Array, b: Array, out: Array | None = None) -> Array:
        """y = x W + b, with x (..., B, I), W (..., I, O), b (..., 1, O)."""
        y = self.matmul(x, W, out)
        y += b
        return y

    def affine_relu(self, x: Array, W: Array, b: Array, out: Array | None = None) -> Array:
        """y = max(x W + b, 0)."""
        y = self.affine(x, W, b, out)
        return self.relu(y, out=y)

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Matrix product of the last two axes."""
        return self.xp.matmul(a, b, out=out)

    def sum_rows(self, dy: Array, out: Array | None = None) -> Array:
        """Sum over the batch: (..., B, O) to (..., 1, O)."""
        return self.xp.sum(dy, axis=-2, keepdims=True, out=out)

    def relu(self, x: Array, out: Array | None = None) -> Array:
        """y = max(x, 0)."""
        return self.xp.maximum(x, 0, out=out)

    def relu_backward(self, dy: Array, y: Array, out: Array | None = None) -> Array:
        """dx = dy [y > 0]."""
        return self.xp.multiply(dy, y > 0, out=out)

    def relu_backward_sum(
        self, dy: Array, y: Array, total: Array | None = None, out: Array | None = None
    ) -> tuple[Array, Array]:
        """Sum over the batch (..., 1, O) of dx = dy [y > 0], and dx."""
        dx = self.relu_backward(dy, y, out)
        return self.sum_rows(dx, total), dx

    def silu(self, x: Array, sigmoid: Array | None = None, out: Array | None = None) -> Array:
        """y = x σ(x); σ(x) is left in `sigmoid` for the way back."""
        sigmoid = self.xp.multiply(x, 0.5, out=sigmoid)
        self.xp.tanh(sigmoid, out=sigmoid)  # σ(x) = (1 + tanh(x/2)) / 2 cannot overflow
        sigmoid += 1
        sigmoid *= 0.5
        return self.xp.multiply(x, sigmoid, out=out)

    def silu_backward(self, dy: Array, y: Array, sigmoid: Array, out: Array | None = None) -> Array:
        """dx = dy (σ + y (1 - σ)), with y = x σ."""
        return self.xp.multiply(dy, sigmoid + y * (1 - sigmoid), out=out)

    def tanh(self, x: Array, out: Array | None = None) -> Array:
        """y = tanh(x)."""
        return self.xp.tanh(x, out=out)

    def tanh_backward(self, dy: Array, y: Array, out: Array | None = None) -> Array:
        """dx = dy (1 - y²)."""
        return self.xp.multiply(dy, 1 - y * y, out=out)

    def add(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Elementwise sum."""
        return self.xp.add(a, b, out=out)

    def multiply(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Elementwise product."""
        return self.xp.multiply(a, b, out=out)

    def dropout_generators(
        self, generators: Sequence[np.random.Generator], previous: Any = None
    ) -> Any:
        """Return generators, one for each network, in the form that `dropout_mask` draws from.

        `previous` is what this returned before; a device overwrites it.
        """
        return generators

    def dropout_mask(self, generators: Any, rate: float, out: Array) -> Array:
        """Fill `out` with 0 (share `rate`) and 1 / (1 - rate), so that its mean is 1.

        Each generator draws the mask of one network: `out` is (B, I) for one and (E, B, I) for E.
        The share is rounded down to a multiple of 1/65536: 16 random bits decide for an element.
        The host draws, so that all devices see the same.
        """
        masks = np.empty((len(generators), out.size // len(generators)), out.dtype)
        draw_masks(generators, rate, masks)
        out[...] = self.xp.asarray(masks).reshape(out.shape)
        return out

    # ------------------------------------------------------------------ losses

    def softmax_cross_entropy(
        self, logits: Array, labels: Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """Mean over the batch of -log softmax(logits)[label], and its gradient.

        logits (..., B, K), labels (..., B) or (B,) for all; loss (...), gradient
        (softmax - onehot) / B.
        """
        xp, (*_, B, K) = self.xp, logits.shape
        onehot = labels[..., None] == xp.arange(K)
        shifted = logits - xp.max(logits, axis=-1, keepdims=True)  # exp cannot overflow
        e = xp.exp(shifted)
        total = xp.sum(e, axis=-1, keepdims=True)
        true_logits = xp.sum(shifted * onehot, axis=-1)
        loss = xp.mean(xp.log(total[..., 0]) - true_logits, axis=-1)  # log-sum-exp minus true logit
        return loss, xp.multiply(e / total - onehot, 1 / B, out=out)

    def double_softmax_cross_entropy(
        self, logits: Array, labels: Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """Cross-entropy of softmax(softmax(logits)), and its gradient; shapes as above."""
        p = self.xp.exp(logits - self.xp.max(logits, axis=-1, keepdims=True))
        p /= self.xp.sum(p, axis=-1, keepdims=True)
        loss, dp = self.softmax_cross_entropy(p, labels)
        inner = self.xp.sum(dp * p, axis=-1, keepdims=True)
        return loss, self.xp.multiply(dp - inner, p, out=out)  # dlogits = p (dp - <dp, p>)

    # ------------------------------------------------------------------ penalties
    # z is (..., B, D), gamma a number or (..., 1, 1); the value is (...), the gradient like z.

    def exp_penalty(
        self, z: Array, gamma: float | Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """gamma exp(m), with m = mean of z² over batch and coordinates, and its gradient."""
        value = self._number(gamma, z) * self.xp.exp(self.mean_square(z))
        return value[..., 0, 0], self.xp.multiply(z, value * _slope(z), out=out)

    def exp_coordinate_penalty(
        self, z: Array, gamma: float | Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """gamma times the mean of exp(z²) over batch and coordinates, and its gradient."""
        e = self.xp.exp(z * z)
        value = self._number(gamma, z) * e.mean(axis=(-2, -1), keepdims=True)
        dz = self.xp.multiply(z, e, out=out)
        dz *= self._number(gamma * _slope(z), z)
        return value[..., 0, 0], dz

    def exp_sample_penalty(
        self, z: Array, gamma: float | Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """gamma times the mean over the batch of exp(|z_b|² / D), and its gradient."""
        e = self.xp.exp(self.xp.mean(z * z, axis=-1, keepdims=True))
        value = self._number(gamma, z) * e.mean(axis=-2, keepdims=True)
        return value[..., 0, 0], self.xp.multiply(
            z, e * self._number(gamma * _slope(z), z), out=out
        )

    def l2_penalty(
        self, z: Array, gamma: float | Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """gamma times the mean of z² over batch and coordinates, and its gradient."""
        value = self._number(gamma, z) * self.mean_square(z)
        return value[..., 0, 0], self.xp.multiply(z, self._number(gamma * _slope(z), z), out=out)

    def lp_penalty(
        self, z: Array, gamma: float | Array, power: float, out: Array | None = None
    ) -> tuple[Array, Array]:
        """gamma times the mean of |z|^p over batch and coordinates, p >= 1, and its gradient.

        That is gamma p sign(z) |z|^(p-1) / (B D), and 0 where z is 0, at p = 1 too.
        """
        size = self.xp.abs(z)
        slope = size ** (power - 1)
        size *= slope
        value = self._number(gamma, z) * size.mean(axis=(-2, -1), keepdims=True)
        slope *= self._number(gamma * (power / 2 * _slope(z)), z)
        return value[..., 0, 0], self.xp.multiply(self.xp.sign(z), slope, out=out)

    def max_penalty(
        self, z: Array, gamma: float | Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """gamma times the mean over the batch of max_i z_bi², and its gradient.

        That is gamma 2 z_bi / B at the largest |z_bi| of a sample, and 0 elsewhere. Coordinates
        that share the largest get an equal share of it: the mean of the gradients that each would
        have alone, so that no coordinate is preferred.
        """
        xp, size = self.xp, self.xp.abs(z)
        largest = xp.max(size, axis=-1, keepdims=True)
        at_largest = size == largest
        value = self._number(gamma, z) * xp.mean(largest * largest, axis=-2, keepdims=True)
        dz = xp.multiply(z, at_largest, out=out)
        dz *= self._number(gamma * (2 / z.shape[-2]), z)
        dz /= xp.sum(at_largest, axis=-1, keepdims=True, dtype=z.dtype)
        return value[..., 0, 0], dz

    def mean_square(self, z: Array) -> Array:
        """Mean of z² over batch and coordinates, of shape (..., 1, 1)."""
        return self.xp.mean(z * z, axis=(-2, -1), keepdims=True)

    def _number(self, number: float | Array, like: Array) -> Any:
        """Return a number, or one for each network, in a dtype: rounded once, the same for both."""
        if isinstance(number, self.xp.ndarray):
            return number.astype(like.dtype, copy=False)
        return like.dtype.type(number)

    # ------------------------------------------------------------------ optimisers
    # All vectors are flat; the gradients are read, everything else changes in place.

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
        velocity *= momentum
        velocity += gradients
        if weight_decay:
            velocity += weight_decay * parameters
        parameters -= learning_rate * velocity

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
        """p -= learning_rate m̂ / (sqrt(v̂) + epsilon); `step` counts from 1.

        m̂ = (1 - β₁) Σ β₁^i g_i / (1 - β₁^step) is the mean of the gradients, the latest weighing
        most, and v̂ that of their squares. The moments are kept as the bare sums. AdamW's weight
        decay is decoupled: p *= 1 - learning_rate weight_decay; Adam's is part of the gradient.
        """
        if weight_decay and decoupled:
            parameters *= 1 - learning_rate * weight_decay
        elif weight_decay:
            gradients = gradients + weight_decay * parameters
        gradient_sum *= betas[0]
        gradient_sum += gradients
        square_sum *= betas[1]
        square_sum += gradients * gradients
        m_weight, v_weight = ((1 - beta) / (1 - beta**step) for beta in betas)
        root = self.xp.sqrt(v_weight * square_sum)
        parameters -= learning_rate * m_weight * gradient_sum / (root + epsilon)

    def rmsprop_step(
        self,
        parameters: Array,
        gradients: Array,
        square_mean: Array,
        learning_rate: float,
        alpha: float,
        epsilon: float,
        weight_decay: float,
    ) -> None:
        """v = α v + (1 - α) g², then p -= learning_rate g / (sqrt(v) + epsilon).

        Weight decay is part of g.
        """
        if weight_decay:
            gradients = gradients + weight_decay * parameters
        square_mean *= alpha
        square_mean += (1 - alpha) * gradients * gradients
        update = gradients / (self.xp.sqrt(square_mean) + epsilon)
        self.descend(parameters, update, learning_rate, 0.0)

    def signum_step(
        self,
        parameters: Array,
        gradients: Array,
        velocity: Array,
        learning_rate: float,
        momentum: float,
        weight_decay: float,
    ) -> None:
        """v = momentum v + g, then p -= learning_rate (sign(v) + weight_decay p)."""
        self.accumulate(velocity, gradients, momentum)
        self.descend(parameters, self.xp.sign(velocity), learning_rate, weight_decay)

    def lion_step(
        self,
        parameters: Array,
        gradients: Array,
        gradient_mean: Array,
        learning_rate: float,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        """p -= learning_rate (sign(β₁ m + (1 - β₁) g) + weight_decay p), m = β₂ m + (1 - β₂) g."""
        now = betas[0] * gradient_mean + (1 - betas[0]) * gradients
        self.descend(parameters, self.xp.sign(now), learning_rate, weight_decay)
        gradient_mean *= betas[1]
        gradient_mean += (1 - betas[1]) * gradients

    # ------------------------------------------------------------------ a tensor at a time
    # Matrices (..., I, O), each by itself: v = momentum v + g, its direction, and the step. A
    # direction does not depend on the size of v, and is 0 where v is.

    def accumulate(self, velocity: Array, gradients: Array, momentum: float) -> None:
        """v = momentum v + g, in place."""
        velocity *= momentum
        velocity += gradients

    def descend(
        self, parameters: Array, direction: Array, learning_rate: float, weight_decay: float
    ) -> None:
        """p -= learning_rate (d + weight_decay p), in place."""
        if weight_decay:
            parameters *= self._number(1 - learning_rate * weight_decay, parameters)
        parameters -= self._number(learning_rate, parameters) * direction

    def normalized(self, v: Array) -> Array:
        """v / rms(v), where rms is the root mean square of a matrix."""
        return self._to_unit_rms(v / self._largest(v))  # whose squares have a size to be summed

    def power_direction(self, v: Array, power: float) -> Array:
        """u / rms(u), with u = sign(v) |v|^(1/(p-1)): the steepest in the p-norm of the entries."""
        u = self.xp.abs(v)
        u /= self._largest(v)  # so that the largest of all powers is 1
        u **= 1 / (power - 1)
        u *= self.xp.sign(v)
        return self._to_unit_rms(u)

    def polar_factor(self, v: Array) -> Array:
        """U Vᵀ of v = U S Vᵀ, by Newton and Schulz's iteration.

        Each step takes the singular values s of a matrix to a s + b s³ + c s⁵. It begins at
        v / ||v||_F, so that s <= 1. Six steps by Jordan's numbers lift what is above 5e-4 into
        0.68 … 1.2, and two steps whose fixed point is 1 bring it to within 0.001 of that. What is
        far below stays small, being multiplied by at most 5,900: rounding does not fill the
        directions that v lacks, as it does in a singular value decomposition.
        """
        x = self.normalized(v) / (v.shape[-2] * v.shape[-1]) ** 0.5
        wide = v.shape[-2] < v.shape[-1]
        x = x.mT if wide else x  # the smaller of xᵀ x and x xᵀ will do
        for a, b, c in NEWTON_SCHULZ:
            gram = self.matmul(x.mT, x)
            x = a * x + self.matmul(x, b * gram + c * self.matmul(gram, gram))
        return x.mT if wide else x

    def _to_unit_rms(self, v: Array) -> Array:
        """v / rms(v), for matrices whose largest entry is 1."""
        return v / _not_zero(self.xp.sqrt(self.xp.mean(v * v, axis=(-2, -1), keepdims=True)))

    def _largest(self, v: Array) -> Array:
        """Largest |v| of each matrix, (..., 1, 1); 1 of a matrix of zeros."""
        return _not_zero(self.xp.max(self.xp.abs(v), axis=(-2, -1), keepdims=True))


NEWTON_SCHULZ = 6 * [(3.4445, -4.7750, 2.0315)] + 2 * [(15 / 8, -10 / 8, 3 / 8)]
"""Coefficients a, b, c of the steps of `Reference.polar_factor`."""


def draw_masks(generators: Sequence[np.random.Generator], rate: float, masks: Array) -> None:
    """Draw the dropout masks (E, n) of E networks on the host; see `Reference.dropout_mask`."""
    dropped = int(rate * 65_536)
    for generator, mask in zip(generators, masks, strict=True):
        words = generator.bit_generator.random_raw(-(-mask.size // 4))  # 4 draws of 16 bits each
        np.greater_equal(words.view(np.uint16)[: mask.size], dropped, out=mask)
    masks *= 65_536 / (65_536 - dropped)


def _slope(z: Array) -> float:
    """2 / (B D): what every penalty's gradient has in common."""
    return 2 / (z.shape[-2] * z.shape[-1])


def _not_zero(x: Array) -> Array:
    """Return x, with 1 for every 0."""
    return x + (x == 0)
