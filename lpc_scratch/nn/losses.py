"""Losses on logits: pure functions that return (value, gradient).

Each is a mean over the batch alone, never over a leading member axis: with logits (..., B, K)
the value has shape (...). The arithmetic is one primitive each, in `backend.reference`.
"""

from typing import Protocol

from lpc_scratch.backend import Array, backend_of


class Loss(Protocol):
    """A loss on logits."""

    def __call__(
        self, logits: Array, labels: Array, out: Array | None = None
    ) -> tuple[Array, Array]:
        """Return the loss (...) and its gradient (..., B, K)."""


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


LOSSES: dict[str, Loss] = {
    "softmax": softmax_cross_entropy,
    "double-softmax": double_softmax_cross_entropy,
}
"""The losses by the names that a configuration uses."""
