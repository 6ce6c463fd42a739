"""Normalised gradient descent."""

from lpc_scratch.backend import Array
from lpc_scratch.nn.optim.base import TensorOptimizer


class Normalized(TensorOptimizer):
    """The momentum over its norm, a tensor at a time (arXiv 1507.02030; momentum: 2002.03305).

    v = momentum v + g; p -= learning_rate (v / rms(v) + weight_decay p), where rms is the root
    mean square of a tensor's entries. Weight decay is decoupled.

    Its norm is Frobenius', which no rotation changes: the directions of `SGD`, the step size of
    `Signum`.
    """

    primitives = ("accumulate", "normalized", "descend")

    def direction(self, velocity: Array) -> Array:
        """Return v / rms(v)."""
        return self.ops.normalized(velocity)
