"""Linear layers joined to the ReLU behind them: the same numbers in fewer primitives.

On a GPU each primitive is a launch, and the launches are what a step of a small network takes. So
what is recorded there is a step of the network that `fused` returns.
"""

from typing import Any

from lpc_scratch.backend import Array
from lpc_scratch.nn.layers import Layer, Linear, ReLU, Sequential, allow_in_place
from lpc_scratch.nn.network import Network


class AffineReLU(Sequential):
    """y = max(x W + b, 0): a Linear layer and the ReLU behind it.

    It goes forward in one primitive less, and back too, since the gradient of b is summed up where
    that of the ReLU is written. Both layers keep what they would have kept by themselves.
    """

    def __init__(self, linear: Linear, relu: ReLU) -> None:
        super().__init__({"": linear, "relu": relu})

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = max(x W + b, 0)."""
        linear, relu = self._pair
        linear.x = x
        relu.y = self.ops.affine_relu(x, linear.W, linear.b, out=linear.target(x))
        return relu.y

    def backward(self, dy: Array) -> Array:
        """dLoss/dW, dLoss/db and dLoss/dx."""
        linear, _ = self._pair
        return linear.backward_input(self._backward_parameters(dy))

    def backward_parameters(self, dy: Array) -> None:
        """dLoss/dW and dLoss/db alone."""
        self._backward_parameters(dy)

    def _backward_parameters(self, dy: Array) -> Array:
        """Overwrite dLoss/dW and dLoss/db, and return dLoss/dh of h = x W + b."""
        linear, relu = self._pair
        target = relu.gradient_target(dy)
        _, dh = self.ops.relu_backward_sum(dy, relu.y, total=linear.db, out=target)
        self.ops.matmul(linear.x.mT, dh, out=linear.dW)
        return dh

    @property
    def _pair(self) -> tuple[Any, Any]:
        linear, relu = self.children.values()
        return linear, relu


def fused(network: Network) -> Network:
    """Return a network with the same parameters, gradients and layers, some of them joined."""
    joined = network.rebuilt(_joined)
    allow_in_place([*joined.children.values()])  # as in the network that it is made of
    return joined


def _joined(layer: Layer) -> Layer:
    if type(layer) is not Sequential:
        return layer
    children: dict[str, Layer] = {}
    before: Layer | None = None
    name_before = ""
    for name, child in layer.children.items():
        if type(child) is ReLU and type(before) is Linear:
            children[name_before] = AffineReLU(before, child)
        else:
            children[name] = _joined(child)
        before, name_before = child, name
    return Sequential(children)
