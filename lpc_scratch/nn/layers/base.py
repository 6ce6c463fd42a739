"""What every layer has in common: the contract, buffers, and the way to what a layer holds.

`forward(x)` keeps what `backward` needs; `backward(dy)` takes dLoss/dy, overwrites the gradients of
the layer's parameters (`dW` for `W`) and returns dLoss/dx. `predict(x)` computes the same as
`forward` in evaluation and keeps nothing. No layer writes over its x or dy, but for an activation
that its container allows it (see `compose.allow_in_place`).

Axes count from the right: x is (..., B, I). Without a leading axis this is the network of a
textbook; with one of length E, the same lines train E independent networks.

Results live in buffers that are reused while the batch shape stays the same: what `forward` or
`backward` returned is overwritten by the next call.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from lpc_scratch.backend import Array, Backend, get_backend
from lpc_scratch.nn.seeding import Purpose

Shape = tuple[int, ...]


class Layer(ABC):
    """Base of all layers.

    A layer lists its parameters in `parameter_names`: parameter `W` is the attribute `W` and its
    gradient the attribute `dW`, of the same shape; and in `state_names` what training changes by
    itself, without a gradient, such as a running mean. Both are arrays with the member axis in
    front, and are found, kept and loaded by these names. A layer that holds layers has them in
    `children`; see `compose`.
    """

    parameter_names: tuple[str, ...] = ()
    state_names: ClassVar[tuple[str, ...]] = ()
    children: Mapping[str, "Layer"] = {}

    hands_over: ClassVar[bool] = False
    """Whether y and dx are buffers of its own that it never reads again."""
    transparent: ClassVar[bool] = False
    """Whether y may be x itself, and dx dy."""
    purpose: ClassVar[Purpose] = "dropout"
    """What its random numbers are for, if it has `generators`."""
    primitives: ClassVar[tuple[str, ...]] = ()
    """Names of the backend's primitives that a device needs kernels for."""

    def __init__(self, backend: Backend | None = None) -> None:
        self.backend = backend or get_backend("cpu")
        self.ops: Any = self.backend.ops
        self.buffers: dict[str, Array] = {}

    @abstractmethod
    def forward(self, x: Array, training: bool = False) -> Array:
        """Return y and keep what `backward` needs; `training` switches dropout on."""

    @abstractmethod
    def backward(self, dy: Array) -> Array:
        """Overwrite the parameters' gradients and return dLoss/dx, given dLoss/dy."""

    @abstractmethod
    def predict(self, x: Array) -> Array:
        """Return y without dropout; keep nothing and touch no buffer."""

    def backward_parameters(self, dy: Array) -> None:
        """Overwrite the gradients of parameters alone: all that a first layer needs."""
        self.backward(dy)

    def backward_input(self, dy: Array) -> Array:
        """Return dLoss/dx as `backward` does, and leave the parameters' gradients as they are."""
        gradients = [getattr(self, f"d{name}") for name in self.parameter_names]
        before = [gradient.copy() for gradient in gradients]
        dx = self.backward(dy)
        for gradient, value in zip(gradients, before, strict=True):
            gradient[...] = value
        return dx

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of one output for that of one input, without the batch.

        Raises
        ------
        ValueError
            If the layer does not take such inputs.
        """
        return shape

    def widest(self, shape: Shape) -> int:
        """Return the size of the largest output on the way of one input of a shape."""
        return math.prod(self.output_shape(shape))

    def numbers_kept(self, shape: Shape) -> int:
        """Return how many numbers the buffers of training hold for one input of a shape."""
        return 0

    def initialize(self, initializer: str, generators: Sequence[np.random.Generator]) -> None:
        """Fill the parameters with initial values, drawn with one generator for each network.

        Raises
        ------
        TypeError
            If a layer with parameters does not say how: it would be trained from nothing.
        """
        if self.parameter_names:
            raise TypeError(
                f"{type(self).__name__} has the parameters {', '.join(self.parameter_names)} and "
                "no method `initialize` that gives them their first values"
            )

    def members(self, part: slice) -> Self:
        """Return this layer for some members of its stack: views of its arrays, own buffers."""
        layer = copy(self)
        layer.buffers = {}
        layer.children = {name: child.members(part) for name, child in self.children.items()}
        for name in self.parameter_names:
            setattr(layer, name, getattr(self, name)[part])
            setattr(layer, f"d{name}", getattr(self, f"d{name}")[part])
        for name in self.state_names:
            setattr(layer, name, getattr(self, name)[part])
        return layer

    def buffer(self, name: str, shape: Shape, dtype: Any) -> Array:
        """Return the uninitialised array of that name, made anew only when its shape changes."""
        array = self.buffers.get(name)
        if array is None or array.shape != shape or array.dtype != dtype:
            array = self.buffers[name] = self.backend.xp.empty(shape, dtype)
        return array


class Parent(Protocol):
    """What holds layers: a layer, or a network."""

    @property
    def children(self) -> Mapping[str, Layer]:
        """The layers by their names, in the order of the forward pass."""


def walk(parent: Parent, name: str = "") -> Iterator[tuple[str, Layer]]:
    """Yield the dotted name and the layer of everything that a layer or a network holds.

    In the order of the forward pass, a layer that holds others before these; the parent itself is
    not among them. This is the one way to find parameters, state, buffers and generators.
    """
    for own, child in parent.children.items():
        dotted = ".".join(filter(None, (name, own)))
        yield dotted, child
        yield from walk(child, dotted)
