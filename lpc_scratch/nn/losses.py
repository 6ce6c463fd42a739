"""Losses and penalties: pure functions that return (value, gradient).

Each is a mean over the batch alone, never over a leading member axis: with logits (..., B, K)
the value has shape (...). The arithmetic is one primitive each, in `lpc_scratch.backend`.
"""

from typing import Protocol

from lpc_scratch.backend import Array, backend_of


class Loss(Protocol):
    """A loss on logits."""

    def __call__(
        self, logits: Array, labels: Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """Return the loss (...) and its gradient (..., B, K)."""


class Penalty(Protocol):
    """A penalty on the latent layer."""

    def __call__(
        self, z: Array, gamma: float | Array = 1.0, out: Array | None = None
    ) -> tuple[Array, Array]:
        """Return gamma P(z) of shape (...) and its gradient (..., B, D)."""


def softmax_cross_entropy(
    logits: Array, labels: Array, out: Array | None = None
) -> tuple[Array, Array]:
    """Cross-entropy of softmax(logits), by log-sum-exp.

    L = 1/B Σ_b (log Σ_k exp(s_bk) - s_b,label), dL/ds = (softmax(s) - onehot(label)) / B.

    Parameters
    ----------
    logits : array (..., B, K)
        Scores s before the softmax.
    labels : integer array (..., B) or (B,)
        True classes in 0..K-1, not checked here; (B,) is common to all members.
    out : array (..., B, K), optional
        Where the gradient is written; C-contiguous.

    Returns
    -------
    loss : array (...)
        In nats.
    dlogits : array (..., B, K)
        dLoss/dlogits.
    """
    return backend_of(logits).ops.softmax_cross_entropy(logits, labels, out)


def double_softmax_cross_entropy(
    logits: Array, labels: Array, out: Array | None = None
) -> tuple[Array, Array]:
    """Cross-entropy of softmax(softmax(logits)): the loss of the published 2023 code.

    Its gradient is p (dp - <dp, p>) with p = softmax(s) and dp the gradient of the plain
    cross-entropy at p. It never falls below log(1 + (K - 1)/e). Arguments and results are
    those of `softmax_cross_entropy`.
    """
    return backend_of(logits).ops.double_softmax_cross_entropy(logits, labels, out)


def exp_penalty(
    z: Array, gamma: float | Array = 1.0, out: Array | None = None
) -> tuple[Array, Array]:
    """One exponential of the batch mean: gamma exp(m), m = mean over b, i of z_bi².

    dP/dz = 2/(B D) z exp(m). Source: the code published with arXiv 2310.08224v2.

    Parameters
    ----------
    z : array (..., B, D)
        Latent activations.
    gamma : float or array (..., 1, 1)
        Strength; an array gives each stacked network its own.
    out : array (..., B, D), optional
        Where the gradient is written; must not be z.

    Returns
    -------
    value : array (...)
        gamma P(z).
    dz : array (..., B, D)
        gamma dP/dz.
    """
    return backend_of(z).ops.exp_penalty(z, gamma, out)


def exp_coordinate_penalty(
    z: Array, gamma: float | Array = 1.0, out: Array | None = None
) -> tuple[Array, Array]:
    """One exponential a coordinate: gamma times the mean over b, i of exp(z_bi²).

    dP/dz = 2/(B D) z exp(z²). Source: the text of arXiv 2310.08224v2. Arguments and results
    are those of `exp_penalty`.
    """
    return backend_of(z).ops.exp_coordinate_penalty(z, gamma, out)


def exp_sample_penalty(
    z: Array, gamma: float | Array = 1.0, out: Array | None = None
) -> tuple[Array, Array]:
    """One exponential a sample: gamma times the mean over b of exp(Σ_i z_bi² / D).

    dP/dz = 2/(B D) z exp(Σ_i z_bi² / D). Arguments and results are those of `exp_penalty`.
    """
    return backend_of(z).ops.exp_sample_penalty(z, gamma, out)


def l2_penalty(
    z: Array, gamma: float | Array = 1.0, out: Array | None = None
) -> tuple[Array, Array]:
    """Mean square: gamma times the mean over b, i of z_bi².

    dP/dz = 2/(B D) z. Source: arXiv 2310.08224, later versions, with gamma growing over
    training. Arguments and results are those of `exp_penalty`.
    """
    return backend_of(z).ops.l2_penalty(z, gamma, out)


LOSSES: dict[str, Loss] = {
    "softmax": softmax_cross_entropy,
    "double-softmax": double_softmax_cross_entropy,
}
"""The losses by the names that a configuration uses."""

PENALTIES: dict[str, Penalty] = {
    "exp": exp_penalty,
    "exp-coordinate": exp_coordinate_penalty,
    "exp-sample": exp_sample_penalty,
    "l2": l2_penalty,
}
"""The penalties by the names that a configuration uses."""
