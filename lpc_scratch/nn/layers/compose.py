"""Layers that hold layers: one after the other, or around a branch."""

import math
from collections.abc import Iterator, Mapping, Sequence

from lpc_scratch.backend import Array
from lpc_scratch.nn.layers.activations import Activation
from lpc_scratch.nn.layers.base import Layer, Shape, walk


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
        self._first = next(filter(self._has_parameters, range(len(layers))), 0)
        allow_in_place([self])

    def _has_parameters(self, position: int) -> bool:
        layer = [*self.children.values()][position]
        return any(each.parameter_names for each in (layer, *(own for _, own in walk(layer))))

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
        """Do the same, but for dLoss/dx of the first layer with parameters."""
        layers = [*self.children.values()][self._first :]
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

    def widest(self, shape: Shape) -> int:
        """Return the largest over the layers."""
        widest = 0
        for layer in self.children.values():
            widest = max(widest, layer.widest(shape))
            shape = layer.output_shape(shape)
        return widest

    def numbers_kept(self, shape: Shape) -> int:
        """Return the sum over the layers."""
        total = 0
        for layer in self.children.values():
            total += layer.numbers_kept(shape)
            shape = layer.output_shape(shape)
        return total


class Residual(Container):
    """y = shortcut(x) + branch(x) (He et al. 2016).

    Parameters
    ----------
    branch : Layer
        Makes what is added.
    shortcut : Layer, optional
        What x is carried by: by default nothing changes it, and the branch keeps its shape.
    """

    hands_over = True
    primitives = ("add",)

    def __init__(self, branch: Layer, shortcut: Layer | None = None) -> None:
        super().__init__(branch.backend)
        self.children = {"branch": branch}
        if shortcut:
            self.children |= {"shortcut": shortcut}
        for path in self.children.values():
            allow_in_place([path])  # x and dy are read again, so not at its ends

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = shortcut(x) + branch(x)."""
        y, *carried = [path.forward(x, training) for path in self.children.values()]
        return self.ops.add(*carried or [x], y, out=self.buffer("y", y.shape, y.dtype))

    def backward(self, dy: Array) -> Array:
        """dx = what branch and shortcut make of dy, added up."""
        return self._add(dy, [path.backward(dy) for path in self.children.values()])

    def backward_parameters(self, dy: Array) -> None:
        """Overwrite the gradients of the parameters alone."""
        for path in self.children.values():
            path.backward_parameters(dy)

    def backward_input(self, dy: Array) -> Array:
        """Return dLoss/dx alone."""
        return self._add(dy, [path.backward_input(dy) for path in self.children.values()])

    def predict(self, x: Array) -> Array:
        """y = shortcut(x) + branch(x)."""
        y, *carried = [path.predict(x) for path in self.children.values()]
        return self.ops.add(*carried or [x], y)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the branch's output shape, if the shortcut's is the same."""
        made, *carried = [path.output_shape(shape) for path in self.children.values()]
        for other in carried or [shape]:
            if made != other:
                raise ValueError(
                    f"the branch of a Residual makes {made} of {shape} and the shortcut {other}: "
                    "they are added"
                )
        return made

    def widest(self, shape: Shape) -> int:
        """Return the largest of both paths."""
        return max(path.widest(shape) for path in self.children.values())

    def numbers_kept(self, shape: Shape) -> int:
        """Return those of both paths, and y and dx."""
        own = math.prod(shape) + math.prod(self.output_shape(shape))
        return own + sum(path.numbers_kept(shape) for path in self.children.values())

    def _add(self, dy: Array, gradients: list[Array]) -> Array:
        dx, *carried = gradients
        return self.ops.add(*carried or [dy], dx, out=self.buffer("dx", dx.shape, dx.dtype))


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
