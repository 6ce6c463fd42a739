"""What an attack raises or lowers: functions of the logits, one value for each sample.

Each takes logits (..., B, K) and integer labels (..., B), at least two classes, and returns
`(value, gradient)`: the value (..., B), and d value / d logits (..., B, K), not divided by B. Pass
the gradient on to `PixelModel.gradient`.
"""

from collections.abc import Callable

import numpy as np

from lpc_scratch.backend import Array, backend_of
from lpc_scratch.nn.losses import softmax_cross_entropy

Objective = Callable[[Array, Array], tuple[Array, Array]]


def cross_entropy(logits: Array, labels: Array) -> tuple[Array, Array]:
    """Cross-entropy of every sample, in nats: -log p_y with p = softmax(s)."""
    # The mean over a batch of one is the sample's own.
    loss, gradient = softmax_cross_entropy(logits[..., None, :], labels[..., None])
    return loss, gradient.reshape(logits.shape)


def log_odds(logits: Array, labels: Array) -> tuple[Array, Array]:
    """Log-odds against the true class: log((1 - p_y) / p_y) = log Σ_{k≠y} exp(s_k) - s_y.

    It grows with the cross-entropy, log(1 + exp(log-odds)), and its gradient is that of the
    cross-entropy over 1 - p_y: the same direction. But where a network is so sure that 1 - p_y is
    lost in rounding, the cross-entropy has no gradient left, and this one has.
    """
    own = one_hot(labels, logits.shape[-1])
    others = logits.copy()
    others[own] = -np.inf
    highest = others.max(axis=-1, keepdims=True)
    others -= highest
    gradient = backend_of(logits).xp.exp(others, out=others)
    total = gradient.sum(axis=-1, keepdims=True)
    value = (highest + backend_of(logits).xp.log(total))[..., 0] - (logits * own).sum(axis=-1)
    gradient /= total  # softmax over the other classes
    gradient[own] = -1
    return value, gradient


def margin(logits: Array, labels: Array) -> tuple[Array, Array]:
    """Lead of the true class over the best other one: s_y - max_{k≠y} s_k.

    Negative where the sample is misclassified.
    """
    others = logits.copy()
    others[one_hot(labels, logits.shape[-1])] = -np.inf
    return lead(logits, others.argmax(axis=-1), labels)


def lag(logits: Array, labels: Array) -> tuple[Array, Array]:
    """How far the true class is behind the best other one: the negative of its margin."""
    value, gradient = margin(logits, labels)
    return -value, -gradient


def lead(logits: Array, labels: Array, rivals: Array) -> tuple[Array, Array]:
    """How far another class is ahead of the true one: s_t - s_y with the rivals t (..., B)."""
    own, rival = (one_hot(classes, logits.shape[-1]) for classes in (labels, rivals))
    gradient = rival.astype(logits.dtype) - own.astype(logits.dtype)
    return (logits * rival).sum(axis=-1) - (logits * own).sum(axis=-1), gradient


def one_hot(labels: Array, classes: int) -> Array:
    """Return booleans (..., B, K), true at the label."""
    return labels[..., None] == backend_of(labels).xp.arange(classes)
