"""What every optimiser has in common: flat vectors, moments, and a count of steps."""

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
