"""The layers of a network: each knows its forward pass, its backward pass and nothing else.

The contract. `forward(x)` keeps what `backward` needs; `backward(dy)` takes dLoss/dy,
overwrites the gradients of the layer's parameters (`dW` for `W`) and returns dLoss/dx.
`predict(x)` computes the same as `forward` in evaluation and keeps nothing.

Axes count from the right: x is (..., B, I). Without a leading axis this is the network of a
textbook; with one of length E, the same lines train E independent networks.

Results live in buffers that are reused while the batch shape stays the same: what `forward`
or `backward` returned is overwritten by the next call.
"""

from abc import ABC, abstractmethod
from copy import copy
from typing import Any, ClassVar, Self

import numpy as np

from lpc_scratch.backend import Array, Backend, get_backend


class Layer(ABC):
    """Base of all layers: holds the backend and the reusable buffers.

    A layer with parameters lists their names in `parameter_names`; parameter `W` is the
    attribute `W` and its gradient the attribute `dW`, of the same shape.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ()

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

    def backward_input(self, dy: Array) -> Array:
        """Return dLoss/dx as `backward` does, and leave the parameters' gradients as they are."""
        gradients = [getattr(self, f"d{name}") for name in self.parameter_names]
        before = [gradient.copy() for gradient in gradients]
        dx = self.backward(dy)
        for gradient, value in zip(gradients, before, strict=True):
            gradient[...] = value
        return dx

    @abstractmethod
    def predict(self, x: Array) -> Array:
        """Return y without dropout; keep nothing and touch no buffer."""

    def members(self, part: slice) -> Self:
        """Return this layer for some members of its stack: views of its parameters, own buffers."""
        layer = copy(self)
        layer.buffers = {}
        for name in self.parameter_names:
            setattr(layer, name, getattr(self, name)[part])
            setattr(layer, f"d{name}", getattr(self, f"d{name}")[part])
        return layer

    def buffer(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return the uninitialised array of that name, made anew only when its shape changes."""
        array = self.buffers.get(name)
        if array is None or array.shape != shape or array.dtype != dtype:
            array = self.buffers[name] = self.backend.xp.empty(shape, dtype)
        return array


class Linear(Layer):
    """Affine map y = x W + b.

    Shapes: x (..., B, I), W (..., I, O), b (..., 1, O), y (..., B, O). The parameters start
    at zero; see `lpc_scratch.nn.initializers`. A leading axis of W makes a stack of maps,
    to which x may be common: (B, I); `backward` then returns (E, B, I), one gradient a map.

    Parameters
    ----------
    fan_in, fan_out : int
        I and O.
    stack : tuple of int
        Leading axes of W and b: () for one map (default), (E,) for E of them.
    dtype : numpy dtype
        float32 (default) or float64.
    backend : Backend, optional
        Where the arrays live; the CPU by default.
    """

    parameter_names = ("W", "b")

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        stack: tuple[int, ...] = (),
        dtype: Any = np.float32,
        backend: Backend | None = None,
    ) -> None:
        super().__init__(backend)
        xp = self.backend.xp
        self.W: Array = xp.zeros((*stack, fan_in, fan_out), dtype)
        self.b: Array = xp.zeros((*stack, 1, fan_out), dtype)
        self.dW: Array = xp.zeros_like(self.W)
        self.db: Array = xp.zeros_like(self.b)

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = x W + b."""
        self.x = x
        *stack, _, fan_out = self.W.shape
        y = self.buffer("y", (*stack, x.shape[-2], fan_out), self.W.dtype)
        return self.ops.affine(x, self.W, self.b, out=y)

    def backward(self, dy: Array) -> Array:
        """dLoss/dW, dLoss/db and dLoss/dx."""
        self.backward_parameters(dy)
        return self.backward_input(dy)

    def backward_parameters(self, dy: Array) -> None:
        """dLoss/dW and dLoss/db alone: all that the first layer of a network needs."""
        self.ops.matmul(self.x.mT, dy, out=self.dW)  # dL/dW = xᵀ dy
        self.ops.sum_rows(dy, out=self.db)  # dL/db: b was added to every row

    def backward_input(self, dy: Array) -> Array:
        """dLoss/dx alone: all that an attack needs."""
        *stack, fan_in, _ = self.W.shape
        dx = self.buffer("dx", (*stack, dy.shape[-2], fan_in), self.W.dtype)
        return self.ops.matmul(dy, self.W.mT, out=dx)  # dL/dx = dy Wᵀ

    def predict(self, x: Array) -> Array:
        """y = x W + b."""
        return self.ops.affine(x, self.W, self.b)


class Activation(Layer):
    """Base of the elementwise functions.

    Parameters
    ----------
    in_place : bool
        Overwrite x with y, and dy with dx, and spare the buffers. Safe where nobody reads x
        or dy again, as between two Linear layers; a first layer must not do it.
    backend : Backend, optional
        Where the arrays live; the CPU by default.
    """

    def __init__(self, in_place: bool = False, backend: Backend | None = None) -> None:
        super().__init__(backend)
        self.in_place = in_place

    def target(self, name: str, x: Array) -> Array:
        """Return the array to write into: x itself in place, else the buffer of that name."""
        return x if self.in_place else self.buffer(name, x.shape, x.dtype)


class ReLU(Activation):
    """y = max(x, 0); the slope at 0 is taken as 0."""

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = max(x, 0)."""
        self.y = self.ops.relu(x, out=self.target("y", x))
        return self.y

    def backward(self, dy: Array) -> Array:
        """dx = dy where y > 0, else 0."""
        return self.ops.relu_backward(dy, self.y, out=self.target("dx", dy))

    def predict(self, x: Array) -> Array:
        """y = max(x, 0)."""
        return self.ops.relu(x, out=x if self.in_place else None)


class SiLU(Activation):
    """y = x σ(x), with σ the logistic sigmoid (Elfwing, Uchibe and Doya 2018)."""

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = x σ(x)."""
        self.sigmoid = self.buffer("sigmoid", x.shape, x.dtype)
        self.y = self.ops.silu(x, self.sigmoid, out=self.target("y", x))
        return self.y

    def backward(self, dy: Array) -> Array:
        """dx = dy (σ + y (1 - σ))."""
        return self.ops.silu_backward(dy, self.y, self.sigmoid, out=self.target("dx", dy))

    def predict(self, x: Array) -> Array:
        """y = x σ(x)."""
        return self.ops.silu(x, out=x if self.in_place else None)


class Tanh(Activation):
    """y = tanh(x)."""

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = tanh(x)."""
        self.y = self.ops.tanh(x, out=self.target("y", x))
        return self.y

    def backward(self, dy: Array) -> Array:
        """dx = dy (1 - y²)."""
        return self.ops.tanh_backward(dy, self.y, out=self.target("dx", dy))

    def predict(self, x: Array) -> Array:
        """y = tanh(x)."""
        return self.ops.tanh(x, out=x if self.in_place else None)


class Dropout(Layer):
    """Inverted dropout: in training, zero a share `rate` of x and scale the rest up.

    The mean of the output is that of the input, so evaluation needs no scaling
    (Srivastava et al. 2014). `generators` holds one host generator for each network, or what
    the backend's `dropout_generators` makes of them.

    Parameters
    ----------
    rate : float
        Share of elements dropped, 0 <= rate < 1, rounded down to a multiple of 1/65536.
    backend : Backend, optional
        Where the arrays live; the CPU by default.
    """

    def __init__(self, rate: float, backend: Backend | None = None) -> None:
        super().__init__(backend)
        if not 0 <= rate < 1:
            raise ValueError(f"dropout rate must be at least 0 and below 1, not {rate}")
        self.rate = rate
        self.generators: Any = ()
        self.mask: Array | None = None

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = x mask in training, y = x in evaluation."""
        if not training or not self.rate:
            self.mask = None
            return x
        mask = self.buffer("mask", x.shape, x.dtype)
        self.mask = self.ops.dropout_mask(self.generators, self.rate, out=mask)
        return self.ops.multiply(x, mask, out=self.buffer("y", x.shape, x.dtype))

    def backward(self, dy: Array) -> Array:
        """dx = dy mask."""
        if self.mask is None:
            return dy
        return self.ops.multiply(dy, self.mask, out=self.buffer("dx", dy.shape, dy.dtype))

    def predict(self, x: Array) -> Array:
        """y = x."""
        return x


ACTIVATIONS: dict[str, type[Activation]] = {"relu": ReLU, "silu": SiLU, "tanh": Tanh}
"""The activations by the names that a configuration uses."""
