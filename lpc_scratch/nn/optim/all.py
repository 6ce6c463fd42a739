"""Optimisers over one flat vector of parameters and one of gradients.

The epsilon convention is torch's: it is added to sqrt(v̂), after the bias correction. A step
is one primitive, in `lpc_scratch.backend`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import Any, ClassVar, Self

from lpc_scratch.backend import Array, backend_of


class Optimizer(ABC):
    """Base of the optimisers.

    Parameters
    ----------
    parameters, gradients : array (P,)
        Flat vectors; `step` reads the gradients and changes the parameters in place.
    weight_decay : float
        Strength of the pull of the parameters to zero; see the subclass.

    Attributes
    ----------
    steps : int
        Number of steps taken; a 0-d array of the device while a step is recorded.
    moments : dict of str to array (P,)
        All other state; with `steps`, enough to continue later.
    """

    moment_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parameters: Array, gradients: Array, weight_decay: float = 0.0) -> None:
        backend = backend_of(parameters)
        self.ops: Any = backend.ops
        self.parameters = parameters
        self.gradients = gradients
        self.weight_decay = weight_decay
        self.steps = 0
        self._stretches: Sequence[slice] = (slice(None),)
        self.moments = {name: backend.xp.zeros_like(parameters) for name in self.moment_names}

    def step(self, learning_rate: float) -> None:
        """Change the parameters by one step; the rate may be a 0-d array of the device."""
        self.steps += 1
        for part in self._stretches:
            self._update(part, learning_rate)

    def restricted_to(self, stretches: Sequence[slice]) -> Self:
        """Return this optimiser for parts of its vectors, with a step count of its own."""
        optimizer = copy(self)
        optimizer._stretches = stretches
        return optimizer

    @abstractmethod
    def _update(self, part: slice, learning_rate: float) -> None:
        """Change a part of the parameters by one step."""


class SGD(Optimizer):
    """Stochastic gradient descent with momentum; weight decay is added to the gradient.

    v = momentum v + g + weight_decay p; p -= learning_rate v (no dampening, no Nesterov).
    """

    moment_names = ("velocity",)

    def __init__(
        self,
        parameters: Array,
        gradients: Array,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, gradients, weight_decay)
        self.momentum = momentum

    def _update(self, part: slice, learning_rate: float) -> None:
        self.ops.sgd_step(
            self.parameters[part],
            self.gradients[part],
            self.moments["velocity"][part],
            learning_rate,
            self.momentum,
            self.weight_decay,
        )


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015); weight decay is added to the gradient.

    m = β₁ m + (1 - β₁) g and v = β₂ v + (1 - β₂) g², each divided by 1 - β^t;
    p -= learning_rate m̂ / (sqrt(v̂) + epsilon). The moments are kept without their factors
    (1 - β), which join the division: a pass over memory fewer for each.
    """

    moment_names = ("gradient_sum", "square_sum")
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

    def _update(self, part: slice, learning_rate: float) -> None:
        self.ops.adam_step(
            self.parameters[part],
            self.gradients[part],
            self.moments["gradient_sum"][part],
            self.moments["square_sum"][part],
            self.steps,
            learning_rate,
            self.betas,
            self.epsilon,
            self.weight_decay,
            self.decoupled,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019).

    p *= 1 - learning_rate weight_decay, then Adam's step without weight decay.
    """

    decoupled = True
