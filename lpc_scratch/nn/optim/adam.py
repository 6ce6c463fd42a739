"""Adam and AdamW.

The epsilon convention is torch's: it is added to sqrt(v̂), after the bias correction.
"""

from typing import ClassVar

from lpc_scratch.backend import Array
from lpc_scratch.nn.optim.base import Optimizer


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, arXiv 1412.6980); weight decay is added to the gradient.

    m = β₁ m + (1 - β₁) g and v = β₂ v + (1 - β₂) g², each divided by 1 - β^t;
    p -= learning_rate m̂ / (sqrt(v̂) + epsilon). The moments are kept without their factors
    (1 - β), which join the division: a pass over memory fewer for each.

    Where the gradient is steady and above epsilon, m̂ / sqrt(v̂) is its sign, so that the norm is
    the largest of the entries, as for `Signum` (arXiv 2406.10650).
    """

    moment_names = ("gradient_sum", "square_sum")
    options = ("betas", "epsilon", "weight_decay")
    primitives = ("adam_step",)
    decoupled: ClassVar[bool] = False

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
        settings = (self.betas, self.epsilon, self.weight_decay, self.decoupled)
        self.ops.adam_step(*arrays, self.steps, learning_rate, *settings)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101).

    p *= 1 - learning_rate weight_decay, then Adam's step without weight decay.
    """

    decoupled = True
