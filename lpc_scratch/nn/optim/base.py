"""What every optimiser has in common: flat vectors, moments, and a count of steps."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import accumulate, pairwise
from typing import Any, ClassVar, Self

from lpc_scratch.backend import Array, backend_of


class Optimizer(ABC):
    """Base of the optimisers; those that act a number at a time derive from it directly.

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
    by_tensor : bool
        Whether the class acts a tensor at a time, and takes the shapes of the tensors.
    options : tuple of str
        The settings that the class takes by keyword.
    primitives : tuple of str
        The methods of `backend.reference` that a step is made of.
    """

    by_tensor: ClassVar[bool] = False
    moment_names: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[tuple[str, ...]]
    primitives: ClassVar[tuple[str, ...]]

    def __init__(self, parameters: Array, gradients: Array, weight_decay: float = 0.0) -> None:
        backend = backend_of(parameters)
        self.ops: Any = backend.ops
        self._isfinite = backend.xp.isfinite
        self.parameters = parameters
        self.gradients = gradients
        self.weight_decay = weight_decay
        self.steps = 0
        self._stretches: Sequence[slice] = (slice(None),)
        self.moments = {name: backend.xp.zeros_like(parameters) for name in self.moment_names}

    def step(self, learning_rate: float) -> None:
        """Change the parameters by one step; the rate may be a 0-d array of the device."""
        self.steps += 1
        self.update(learning_rate)

    def update(self, learning_rate: float) -> None:
        """Change the parameters as `step` does, which counts the steps."""
        for arrays in self._parts():
            self._update(arrays, learning_rate)

    def is_finite(self) -> bool:
        """Return whether all moments are."""
        moments = [moment[part] for moment in self.moments.values() for part in self._stretches]
        return all(self._isfinite(moment).all() for moment in moments)

    def restricted_to(self, stretches: Sequence[slice]) -> Self:
        """Return this optimiser for parts of its vectors, with a step count of its own.

        One that acts a tensor at a time takes one stretch a tensor: some members of each.
        """
        optimizer = copy(self)
        optimizer._stretches = stretches
        return optimizer

    def _parts(self) -> Iterator[list[Array]]:
        """Yield the views that are updated together: parameters, gradients, and each moment."""
        moments = (self.moments[name] for name in self.moment_names)
        vectors = (self.parameters, self.gradients, *moments)
        for stretch in self._stretches:
            yield [vector[stretch] for vector in vectors]

    @abstractmethod
    def _update(self, arrays: list[Array], learning_rate: float) -> None:
        """Change one part of the parameters by one step, given its arrays as `_parts` has them."""


class TensorOptimizer(Optimizer):
    """Steepest descent in a norm of a whole tensor, with momentum; base of those that do it.

    v = momentum v + g (no dampening, no Nesterov); p -= learning_rate (d(v) + weight_decay p).
    Among all directions of one norm d(v) has the largest <v, d>: it falls fastest. It keeps
    nothing of the size of v but is scaled to the root mean square 1, and is 0 where v is.
    A stack's members have a norm each, so that each takes the steps that it takes alone.

    Parameters
    ----------
    parameters, gradients : array (P,)
        Flat vectors of tensors, one after the other.
    shapes : sequence of (int, int)
        (I, O) of a matrix of weights, (1, O) of a bias, in their order in the vectors. E members
        of a stack hold E I O numbers together, a member after the other.
    momentum : float
        Share of v that is kept.
    weight_decay : float
        Strength of the decoupled weight decay.

    Raises
    ------
    ValueError
        For shapes that do not fill the vectors.
    """

    by_tensor = True
    moment_names: ClassVar[tuple[str, ...]] = ("velocity",)
    options: ClassVar[tuple[str, ...]] = ("momentum", "weight_decay")

    def __init__(
        self,
        parameters: Array,
        gradients: Array,
        shapes: Sequence[tuple[int, int]],
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, gradients, weight_decay)
        self.shapes = tuple(shapes)
        self.momentum = momentum
        members, rest = divmod(parameters.size, sum(rows * columns for rows, columns in shapes))
        if rest:
            raise ValueError(f"tensors of {self.shapes} do not fill {parameters.size} parameters")
        sizes = (members * rows * columns for rows, columns in shapes)
        self._stretches = [slice(*ends) for ends in pairwise(accumulate(sizes, initial=0))]

    def _parts(self) -> Iterator[list[Array]]:
        for arrays, shape in zip(super()._parts(), self.shapes, strict=True):
            yield [array.reshape(-1, *shape) for array in arrays]

    def _update(self, arrays: list[Array], learning_rate: float) -> None:
        parameters, gradients, velocity, *_ = arrays
        self.ops.accumulate(velocity, gradients, self.momentum)
        direction = self.direction(velocity)
        self.ops.descend(parameters, direction, learning_rate, self.weight_decay)

    @abstractmethod
    def direction(self, velocity: Array) -> Array:
        """Return d(v) of the tensors (E, I, O) of E members."""
