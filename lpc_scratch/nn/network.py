"""The classifier: a backbone, a low-dimensional latent layer, and an output layer.

    h = backbone(x)          Linear, activation, dropout, repeated
    z = h W_z + b_z          latent layer, D dimensions
    s = z W_y + b_y          logits, K classes

Four architectures differ in the latent layer alone (arXiv 2310.08224): `binary` and `linear`
have it as above, with and without a penalty on z; `nonlinear` puts a ReLU on z; `none` has no
such layer, and z is the last hidden activation.

`forward` and `backward` are the mathematics, of a standardised minibatch. Everybody else shows the
network inputs as they are stored, by `embed` and `predict`, and it standardises them itself.
"""

from collections.abc import Sequence
from copy import copy
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.backend import Array, Backend, get_backend
from lpc_scratch.nn.initializers import INITIALIZERS, initialize
from lpc_scratch.nn.inputs import Standardisation, as_inputs
from lpc_scratch.nn.layers import ACTIVATIONS, Dropout, Layer, Linear, ReLU
from lpc_scratch.seeding import generator

Architecture = Literal["binary", "linear", "nonlinear", "none"]

_AS_THEY_ARE = Standardisation()


class Network:
    """A multilayer perceptron with a latent layer, or a stack of E of them.

    Parameters
    ----------
    features, classes : int
        I, the length of an input, and K.
    architecture : {"binary", "linear", "nonlinear", "none"}
        The kind of latent layer.
    hidden : sequence of int
        Widths of the backbone's layers; may be empty, except for `none`.
    latent_dim : int
        D; not used by `none`, whose latent layer is the last hidden one.
    activation : {"relu", "silu", "tanh"}
        Follows every hidden layer.
    dropout : float
        Share of activations dropped between hidden layers, 0 <= dropout < 1.
    initialization : {"pytorch", "he", "glorot"}
        Distribution of the initial weights.
    seeds : int or sequence of int
        One seed makes one network; a sequence of E makes a stack with a leading axis E, each
        member exactly the network that its seed makes alone.
    dtype : numpy dtype
        float32 (default) or float64.
    backend : Backend, optional
        Where the arrays live; the CPU by default.
    standardisation : Standardisation
        What `embed` and `predict` do to inputs as stored; nothing by default.

    Attributes
    ----------
    parameters, gradients : array (P,)
        All parameters and their gradients as one flat vector each; every W, b, dW and db is a
        view into them.
    latent : array (..., B, D)
        z of the last `forward`.
    stack : tuple of int
        Leading axes: () for one network, (E,) for a stack.
    features, latent_dim : int
        I and D, which is the last hidden width for the architecture `none`.

    Raises
    ------
    ValueError
        For an unknown architecture, activation or initialization, or `none` without a hidden
        layer.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        architecture: Architecture = "binary",
        hidden: Sequence[int] = (256, 256),
        latent_dim: int = 16,
        activation: str = "relu",
        dropout: float = 0.0,
        initialization: str = "pytorch",
        seeds: int | Sequence[int] = 0,
        dtype: Any = np.float32,
        backend: Backend | None = None,
        standardisation: Standardisation = _AS_THEY_ARE,
    ) -> None:
        if architecture not in get_args(Architecture):
            raise ValueError(f"unknown architecture {architecture!r}")
        if architecture == "none" and not hidden:
            raise ValueError("architecture none needs at least one hidden layer")
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {activation!r}")
        if initialization not in INITIALIZERS:
            raise ValueError(f"unknown initialization {initialization!r}")
        self.architecture = architecture
        self.seeds = tuple(seeds) if isinstance(seeds, Sequence) else (seeds,)
        self.backend = backend or get_backend("cpu")
        self.dtype = np.dtype(dtype)
        self.stack = (len(self.seeds),) if isinstance(seeds, Sequence) else ()
        self.features = features
        self.standardisation = standardisation

        def linear(fan_in: int, fan_out: int) -> Linear:
            return Linear(fan_in, fan_out, self.stack, self.dtype, self.backend)

        widths = [features, *hidden]
        self.hidden_layers: list[Layer] = []
        for index, (fan_in, fan_out) in enumerate(pairwise(widths)):
            if index and dropout:
                self.hidden_layers.append(Dropout(dropout, self.backend))
            self.hidden_layers.append(linear(fan_in, fan_out))
            self.hidden_layers.append(ACTIVATIONS[activation](True, self.backend))
        self.latent_layers: list[Layer] = []
        if architecture != "none":
            self.latent_layers.append(linear(widths[-1], latent_dim))
        if architecture == "nonlinear":
            self.latent_layers.append(ReLU(True, self.backend))
        self.latent_dim = widths[-1] if architecture == "none" else latent_dim
        self.classifier = linear(self.latent_dim, classes)
        self.layers: list[Layer] = [*self.hidden_layers, *self.latent_layers, self.classifier]

        generators = [generator(seed, "weights") for seed in self.seeds]
        for layer in self.layers:
            if isinstance(layer, Linear):
                initialize(layer, initialization, generators)
        self._flatten()

    def forward(self, x: Array, training: bool = False) -> Array:
        """Return the logits (..., B, K) of a standardised x (..., B, I).

        What `backward` needs is kept, and the latent activations in `self.latent`. `training`
        switches dropout on.

        Raises
        ------
        TypeError
            If x is of another dtype than the network, as inputs as stored mostly are.
        """
        if x.dtype != self.dtype:
            raise TypeError(
                f"forward takes standardised inputs in {self.dtype}, and these are {x.dtype}: give "
                "it those of `standardise`, or show inputs as stored to `embed` or `predict`"
            )
        for layer in (*self.hidden_layers, *self.latent_layers):
            x = layer.forward(x, training)
        self.latent = x
        return self.classifier.forward(x, training)

    def backward(
        self, dlogits: Array, dpenalty: Array | None = None, input_gradient: bool = False
    ) -> Array | None:
        """Overwrite all gradients, given dLoss/dlogits and the penalty's gradient at z.

        Parameters
        ----------
        dlogits : array (..., B, K)
            Gradient of the loss with respect to the logits.
        dpenalty : array (..., B, D), optional
            gamma dP/dz of the penalty on the latent layer.
        input_gradient : bool
            Also compute dLoss/dx, which training does not need.

        Returns
        -------
        array (..., B, I) or None
            dLoss/dx if it was asked for.
        """
        dz = self.classifier.backward(dlogits)
        if dpenalty is not None:
            dz += dpenalty  # dL/dz = dCE/ds W_yᵀ + gamma dP/dz
        dx = dz
        for layer in reversed(self.layers[1:-1]):
            dx = layer.backward(dx)
        first = self.layers[0]
        if not input_gradient and isinstance(first, Linear):
            first.backward_parameters(dx)
            return None
        return first.backward(dx)

    def input_gradient(self, dlogits: Array) -> Array:
        """Return dLoss/dx (..., B, I) of the last `forward`, given dLoss/dlogits (..., B, K).

        The parameters' gradients stay as they are, and so does what `forward` has kept: it may be
        called again, for the gradient of another function of the same logits. What it returned is
        overwritten then.
        """
        dx = dlogits
        for layer in reversed(self.layers):
            dx = layer.backward_input(dx)
        return dx

    def standardise(self, stored: ArrayLike) -> Array:
        """Return inputs as stored as `forward` takes them, (..., N, I) on the network's device.

        They are anything that `nn.inputs.as_inputs` takes, which says what it refuses.
        """
        shape = (self.features, self.stack, self.dtype, self.backend)
        return as_inputs(stored, self.standardisation, *shape)

    def embed(self, stored: ArrayLike) -> Array:
        """Return the latent activations (..., N, D) of inputs as `standardise` takes them.

        Without dropout; nothing is kept for `backward`.
        """
        return self._evaluate(stored, self.layers[:-1])

    def predict(self, stored: ArrayLike) -> Array:
        """Return the logits (..., N, K) of inputs, as `embed`."""
        return self._evaluate(stored, self.layers)

    def shown(self, standardisation: Standardisation) -> "Network":
        """Return this network, with the same parameters, for inputs that are stored otherwise."""
        network = copy(self)
        network.standardisation = standardisation
        return network

    def start_epoch(self, epoch: int) -> None:
        """Give every dropout layer the generators of that epoch."""
        for index, layer in enumerate(self.layers):
            if isinstance(layer, Dropout):
                drawn = [generator(s, "dropout", epoch, index) for s in self.seeds]
                layer.generators = layer.ops.dropout_generators(drawn, layer.generators)

    def members(self, part: slice) -> "Network":
        """Return the network of some members of a stack, with buffers of its own.

        Its layers' parameters and gradients are views of this network's; the flat vectors are
        those of this network, with all members.
        """
        network = copy(self)
        network.seeds = self.seeds[part]
        network.stack = (len(network.seeds),)
        network.hidden_layers = [layer.members(part) for layer in self.hidden_layers]
        network.latent_layers = [layer.members(part) for layer in self.latent_layers]
        network.classifier = self.classifier.members(part)
        network.layers = [*network.hidden_layers, *network.latent_layers, network.classifier]
        return network

    def stretches(self, part: slice) -> list[slice]:
        """Return where the parameters of some members lie in the flat vectors.

        A single network is its own member 0.
        """
        slices, start = [], 0
        for parameter in self.named_parameters().values():
            size = parameter.size // len(self.seeds)
            slices.append(slice(start + part.start * size, start + part.stop * size))
            start += parameter.size
        return slices

    def named_parameters(self) -> dict[str, Array]:
        """Return `hidden.0.W`, `hidden.0.b`, …, `latent.W`, …, `classifier.b`, as views."""
        return {
            f"{prefix}.{name}": getattr(layer, name)
            for prefix, layer in self._parametrized_layers().items()
            for name in layer.parameter_names
        }

    def _evaluate(self, stored: ArrayLike, layers: Sequence[Layer]) -> Array:
        inputs = self.standardise(stored)
        y = inputs if inputs.ndim > 1 else inputs[None]
        for layer in layers:
            y = layer.predict(y)
        return y if inputs.ndim > 1 else y[..., 0, :]

    def _parametrized_layers(self) -> dict[str, Layer]:
        hidden = [layer for layer in self.hidden_layers if layer.parameter_names]
        named = {f"hidden.{index}": layer for index, layer in enumerate(hidden)}
        if self.latent_layers:
            named["latent"] = self.latent_layers[0]
        return named | {"classifier": self.classifier}

    def _flatten(self) -> None:
        """Move all parameters into one vector and their gradients into another."""
        layers = self._parametrized_layers().values()
        slots = [(layer, name) for layer in layers for name in layer.parameter_names]
        size = sum(getattr(layer, name).size for layer, name in slots)
        self.parameters: Array = self.backend.xp.empty(size, self.dtype)
        self.gradients: Array = self.backend.xp.zeros(size, self.dtype)
        start = 0
        for layer, name in slots:
            initial = getattr(layer, name)
            part = slice(start, start + initial.size)
            view = self.parameters[part].reshape(initial.shape)
            view[...] = initial
            setattr(layer, name, view)
            setattr(layer, f"d{name}", self.gradients[part].reshape(initial.shape))
            start += initial.size
