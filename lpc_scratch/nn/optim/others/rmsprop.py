"""RMSProp."""

from lpc_scratch.backend import Array
from lpc_scratch.nn.optim.base import Optimizer


class RMSProp(Optimizer):
    """RMSProp (Tieleman and Hinton 2012, lecture 6.5); weight decay is added to the gradient.

    v = α v + (1 - α) g², with α = β₂; p -= learning_rate g / (sqrt(v) + epsilon). There is no
    momentum, so that β₁ is not used, and as in torch v begins at 0 without correction.

    Where the gradient is steady and above epsilon the update is its sign, and the norm the largest
    of the entries, as for `Signum`.
    """

    moment_names = ("square_mean",)
    options = ("betas", "epsilon", "weight_decay")
    primitives = ("rmsprop_step",)

    def __init__(
        self,
        parameters: Array,
        gradients: Array,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, gradients, weight_decay)
        self.betas = betas
        self.epsilon = epsilon

    def _update(self, arrays: list[Array], learning_rate: float) -> None:
        settings = (self.betas[1], self.epsilon, self.weight_decay)
        self.ops.rmsprop_step(*arrays, learning_rate, *settings)
