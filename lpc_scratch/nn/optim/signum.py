"""Sign descent with momentum."""

from lpc_scratch.backend import Array
from lpc_scratch.nn.optim.base import Optimizer


class Signum(Optimizer):
    """The sign of the momentum (Bernstein et al. 2018, arXiv 1802.04434).

    v = momentum v + g; p -= learning_rate (sign(v) + weight_decay p), with sign(0) = 0: every
    parameter moves by the same amount. Weight decay is decoupled from v.

    Its norm is the largest of the entries: among all d with max |d_i| = 1, sign(v) has the largest
    <v, d>.
    """

    moment_names = ("velocity",)
    options = ("momentum", "weight_decay")
    primitives = ("signum_step",)

    def __init__(
        self,
        parameters: Array,
        gradients: Array,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, gradients, weight_decay)
        self.momentum = momentum

    def _update(self, arrays: list[Array], learning_rate: float) -> None:
        self.ops.signum_step(*arrays, learning_rate, self.momentum, self.weight_decay)
