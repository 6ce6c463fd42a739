"""Descent in the p-norm of a tensor's entries."""

from collections.abc import Sequence

from lpc_scratch.backend import Array
from lpc_scratch.nn.optim.base import TensorOptimizer


class PNorm(TensorOptimizer):
    """Steepest descent in the entrywise p-norm (Boyd and Vandenberghe 2004, section 9.4).

    v = momentum v + g; p -= learning_rate (u / rms(u) + weight_decay p), u = sign(v) |v|^(1/(p-1)),
    where rms is the root mean square of a tensor's entries. Weight decay is decoupled.

    Its norm is (Σ |d_i|^p)^(1/p): among all d for which it is 1, the multiple of u has the largest
    <v, d> (Hölder's inequality with equality). At p = 2 this is `Normalized`; at infinity it is
    `Signum`, where no entry of v is 0; towards p = 1 only the largest entries move.

    Parameters
    ----------
    parameters, gradients, shapes, momentum, weight_decay
        As for every optimiser that acts a tensor at a time.
    power : float
        p, above 1; may be infinity.

    Raises
    ------
    ValueError
        For p <= 1, and for shapes that do not fill the vectors.
    """

    options = ("momentum", "weight_decay", "power")
    primitives = ("accumulate", "power_direction", "descend")

    def __init__(
        self,
        parameters: Array,
        gradients: Array,
        shapes: Sequence[tuple[int, int]],
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        power: float = 3.0,
    ) -> None:
        if not power > 1:
            raise ValueError(f"steepest descent in a p-norm needs p above 1, and this is {power}")
        super().__init__(parameters, gradients, shapes, momentum, weight_decay)
        self.power = power

    def direction(self, velocity: Array) -> Array:
        """Return u / rms(u)."""
        return self.ops.power_direction(velocity, self.power)
