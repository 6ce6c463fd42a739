"""Optimisers that each train a part of a network."""

from collections.abc import Sequence
from copy import copy
from typing import Any, Self

from lpc_scratch.backend import Array
from lpc_scratch.nn.optim.base import Optimizer


class Parts:
    """Optimisers of consecutive parts of the parameters, which take their steps together.

    A part at the end may have none, and stays as it is.

    Parameters
    ----------
    optimizers : dict of str to Optimizer
        The optimisers, by the names of their parts.
    tensors : sequence of int
        How many tensors each trains.

    Attributes
    ----------
    steps, moments
        As those of an `Optimizer`; the names of the moments begin with those of the parts.
    """

    def __init__(self, optimizers: dict[str, Optimizer], tensors: Sequence[int]) -> None:
        self.optimizers = optimizers
        self.steps: Any = 0
        self._tensors = tensors

    @property
    def moments(self) -> dict[str, Array]:
        """All state but the number of steps."""
        return {
            f"{part}.{name}": moment
            for part, optimizer in self.optimizers.items()
            for name, moment in optimizer.moments.items()
        }

    @property
    def primitives(self) -> tuple[str, ...]:
        """Names of the primitives that a step uses."""
        return tuple(name for part in self.optimizers.values() for name in part.primitives)

    def step(self, learning_rates: Sequence[float]) -> None:
        """Change the parameters by one step; there is a rate for each part."""
        self.steps += 1
        for optimizer, learning_rate in zip(self.optimizers.values(), learning_rates, strict=False):
            optimizer.steps = self.steps
            optimizer.update(learning_rate)

    def is_finite(self) -> bool:
        """Return whether all moments are."""
        return all(optimizer.is_finite() for optimizer in self.optimizers.values())

    def restricted_to(self, stretches: Sequence[slice]) -> Self:
        """Return these optimisers for parts of all tensors, with a step count of their own."""
        parts = copy(self)
        parts.optimizers, first, start = {}, 0, 0
        for (name, optimizer), count in zip(self.optimizers.items(), self._tensors, strict=True):
            own = stretches[first : first + count]
            shifted = [slice(part.start - start, part.stop - start) for part in own]
            parts.optimizers[name] = optimizer.restricted_to(shifted)
            first, start = first + count, start + optimizer.parameters.size
        return parts
