"""Lion."""

from lpc_scratch.backend import Array
from lpc_scratch.nn.optim.base import Optimizer


class Lion(Optimizer):
    """Lion (Chen et al. 2023, arXiv 2302.06675).

    p -= learning_rate (sign(β₁ m + (1 - β₁) g) + weight_decay p), with sign(0) = 0, and after that
    m = β₂ m + (1 - β₂) g. Weight decay is decoupled.

    Its norm is the largest of the entries, as for `Signum`.
    """

    moment_names = ("gradient_mean",)
    options = ("betas", "weight_decay")
    primitives = ("lion_step",)

    def __init__(
        self,
        parameters: Array,
        gradients: Array,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, gradients, weight_decay)
        self.betas = betas

    def _update(self, arrays: list[Array], learning_rate: float) -> None:
        self.ops.lion_step(*arrays, learning_rate, self.betas, self.weight_decay)
