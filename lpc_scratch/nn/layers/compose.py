"""Layers that hold layers: one after the other, or around a branch."""

import math
from collections.abc import Iterator, Mapping, Sequence

from lpc_scratch.backend import Array
from lpc_scratch.nn.layers.activations import Activation
from lpc_scratch.nn.layers.base import Layer, Shape


class Container(Layer):
    """A layer that holds layers, in `children`."""


class Sequential(Container):
    """Layers one after the other; without any, the identity.

    Parameters
    ----------
    layers : sequence of Layer, or mapping of str to Layer
        In the order of the forward pass. Their names are those of the mapping, or their positions:
        a Linear layer that is third has the parameters `2.W` and `2.b`.
    """

    def __init__(self, layers: Sequence[Layer] | Mapping[str, Layer]) -> None:
        if not isinstance(layers, Mapping):
            layers = {str(position): layer for position, layer in enumerate(layers)}
        first = next(iter(layers.values()), None)
        super().__init__(first.backend if first else None)
        self.children = dict(layers)
        allow_in_place([self])

    def forward(self, x: Array, training: bool = False) -> Array:
        """Return what the last layer makes of what the others have made of x."""
        for layer in self.children.values():
            x = layer.forward(x, training)
        return x

    def backward(self, dy: Array) -> Array:
        """Apply the chain rule: each layer turns the gradient of its output into its input's."""
        for layer in reversed([*self.children.values()]):
            dy = layer.backward(dy)
        return dy

    def backward_parameters(self, dy: Array) -> None:
        """Do the same, but for dLoss/dx of the first layer."""
        layers = [*self.children.values()]
        for layer in reversed(layers[1:]):
            dy = layer.backward(dy)
        for first in layers[:1]:
            first.backward_parameters(dy)

    def backward_input(self, dy: Array) -> Array:
        """Return dLoss/dx alone."""
        for layer in reversed([*self.children.values()]):
            dy = layer.backward_input(dy)
        return dy

    def predict(self, x: Array) -> Array:
        """Return what `forward` does in evaluation."""
        for layer in self.children.values():
            x = layer.predict(x)
        return x

    def output_shape(self, shape: Shape) -> Shape:
        """Return the last layer's output shape."""
        for layer in self.children.values():
            shape = layer.output_shape(shape)
        return shape

    def numbers_kept(self, shape: Shape) -> int:
        """Return the sum over the layers."""
        total = 0
        for layer in self.children.values():
            total += layer.numbers_kept(shape)
            shape = layer.output_shape(shape)
        return total


class Residual(Container):
    """y = x + branch(x) (He et al. 2016).

    Parameters
    ----------
    branch : Layer
        Keeps the shape of its input.
    """

    hands_over = True

    def __init__(self, branch: Layer) -> None:
        super().__init__(branch.backend)
        self.children = {"branch": branch}
        allow_in_place([branch])  # x and dy are read again, so not at its ends

    @property
    def branch(self) -> Layer:
        """The layer around which x is carried."""
        return self.children["branch"]

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = x + branch(x)."""
        y = self.branch.forward(x, training)
        return self.ops.add(x, y, out=self.buffer("y", x.shape, x.dtype))

    def backward(self, dy: Array) -> Array:
        """dx = dy + what the branch makes of dy."""
        dx = self.branch.backward(dy)
        return self.ops.add(dy, dx, out=self.buffer("dx", dy.shape, dy.dtype))

    def backward_parameters(self, dy: Array) -> None:
        """Overwrite the gradients of the branch alone."""
        self.branch.backward_parameters(dy)

    def backward_input(self, dy: Array) -> Array:
        """Return dLoss/dx alone."""
        dx = self.branch.backward_input(dy)
        return self.ops.add(dy, dx, out=self.buffer("dx", dy.shape, dy.dtype))

    def predict(self, x: Array) -> Array:
        """y = x + branch(x)."""
        return self.ops.add(x, self.branch.predict(x))

    def output_shape(self, shape: Shape) -> Shape:
        """Return the input's shape, if the branch keeps it."""
        found = self.branch.output_shape(shape)
        if found != shape:
            raise ValueError(f"the branch of a Residual makes {found} of {shape}: they are added")
        return shape

    def numbers_kept(self, shape: Shape) -> int:
        """Return those of the branch, and y and dx."""
        return self.branch.numbers_kept(shape) + 2 * math.prod(shape)


def allow_in_place(chain: Sequence[Layer]) -> None:
    """Let activations write over what nobody reads again: between two layers that hand it over.

    An activation may overwrite x if the layer before it never reads its own output again, and dy if
    the layer after it never reads its own dx again. At the ends of the chain nobody is known to be
    such a layer. Every container asks for this, the outermost last.
    """
    layers = [layer for layer in _in_a_row(chain) if not layer.transparent]
    for position, layer in enumerate(layers):
        if isinstance(layer, Activation):
            layer.overwrites_x = position > 0 and layers[position - 1].hands_over
            layer.overwrites_dy = position + 1 < len(layers) and layers[position + 1].hands_over


def _in_a_row(chain: Sequence[Layer]) -> Iterator[Layer]:
    """Yield the layers of a chain, and in place of a Sequential those that it holds."""
    for layer in chain:
        if isinstance(layer, Sequential):
            yield from _in_a_row([*layer.children.values()])
        else:
            yield layer
