"""Stochastic gradient descent."""

from lpc_scratch.backend import Array
from lpc_scratch.nn.optim.base import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent with momentum; weight decay is added to the gradient.

    v = momentum v + g + weight_decay p; p -= learning_rate v (no dampening, no Nesterov).
    Its norm is the Euclidean one, which no rotation of the parameters changes; v keeps its size.
    """

    moment_names = ("velocity",)
    options = ("momentum", "weight_decay")
    primitives = ("sgd_step",)

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
        self.ops.sgd_step(*arrays, learning_rate, self.momentum, self.weight_decay)
