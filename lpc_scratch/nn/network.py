"""The classifier: a backbone, a low-dimensional latent layer, and an output layer.

    h = backbone(x)
    z = h W_z + b_z          latent layer, D dimensions
    s = z W_y + b_y          logits, K classes

Four architectures differ in the latent layer alone (arXiv 2310.08224): `binary` and `linear`
have it as above, with and without a penalty on z; `nonlinear` puts a ReLU on z; `none` has no
such layer, and z is the last hidden activation.

`forward` and `backward` are the mathematics, of a standardised minibatch. Everybody else shows the
network inputs as they are stored, by `embed` and `predict`, and it standardises them itself.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import Any, Literal

from numpy.typing import ArrayLike

from lpc_scratch.backend import Array, Backend
from lpc_scratch.nn.inputs import Standardisation, as_inputs
from lpc_scratch.nn.layers import Container, Layer, Linear, ReLU, Sequential, walk
from lpc_scratch.nn.seeding import generator

Architecture = Literal["binary", "linear", "nonlinear", "none"]

_AS_THEY_ARE = Standardisation()


class Network:
    """A classifier with a latent layer, or a stack of E of them.

    Parameters
    ----------
    backbone : Layer
        From an input (..., B, I) to the features that the latent layer takes.
    latent_layer : Layer
        From these to z (..., B, D); see `make_latent_layer`.
    classifier : Linear
        From z to the logits (..., B, K). Its stack, dtype and backend are those of all layers.
    features : int
        I.
    seeds : int or sequence of int
        One seed makes one network; a sequence of E makes a stack with a leading axis E, each
        member exactly the network that its seed makes alone.
    initialization : {"pytorch", "he", "glorot"}
        Distribution of the initial weights.
    standardisation : Standardisation
        What `embed` and `predict` do to inputs as stored; nothing by default.

    Attributes
    ----------
    backbone, latent_layer, classifier : Layer
        Its parts, also `children`, by the names with which those of the parameters begin: `hidden`,
        `latent` and `classifier`.
    parameters, gradients : array (P,)
        All parameters and their gradients as one flat vector each; every W, b, dW and db is a
        view into them.
    latent : array (..., B, D)
        z of the last `forward`.
    stack : tuple of int
        Leading axes: () for one network, (E,) for a stack.
    features, latent_dim, classes : int
        I, D and K.
    widest : int
        Size of the largest output of a layer, for one input.

    Raises
    ------
    ValueError
        For layers that do not fit together.
    TypeError
        For a layer with parameters that does not initialise them.
    """

    def __init__(
        self,
        backbone: Layer,
        latent_layer: Layer,
        classifier: Linear,
        features: int,
        seeds: int | Sequence[int] = 0,
        initialization: str = "pytorch",
        standardisation: Standardisation = _AS_THEY_ARE,
    ) -> None:
        self._set_parts(backbone, latent_layer, classifier)
        self.seeds = tuple(seeds) if isinstance(seeds, Sequence) else (seeds,)
        self.backend: Backend = classifier.backend
        self.dtype = classifier.W.dtype
        self.stack: tuple[int, ...] = classifier.W.shape[:-2]
        if self.stack != ((len(self.seeds),) if isinstance(seeds, Sequence) else ()):
            raise ValueError(f"layers with the leading axes {self.stack} do not fit seeds {seeds}")
        self.features = features
        self.latent_dim: int = classifier.W.shape[-2]
        self.classes: int = classifier.W.shape[-1]
        self.standardisation = standardisation

        whole = Sequential([backbone, latent_layer, classifier])
        self.widest = whole.widest((features,))  # raises where layers do not fit together
        generators = [generator(seed, "weights") for seed in self.seeds]
        for _, layer in walk(self):
            layer.initialize(initialization, generators)
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
        self.latent = self.latent_layer.forward(self.backbone.forward(x, training), training)
        return self.classifier.forward(self.latent, training)

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
            dz += dpenalty  # the fork: dL/dz = dCE/ds W_yᵀ + gamma dP/dz
        dh = self.latent_layer.backward(dz)
        if input_gradient:
            return self.backbone.backward(dh)
        self.backbone.backward_parameters(dh)
        return None

    def input_gradient(self, dlogits: Array) -> Array:
        """Return dLoss/dx (..., B, I) of the last `forward`, given dLoss/dlogits (..., B, K).

        The parameters' gradients stay as they are, and so does what `forward` has kept: it may be
        called again, for the gradient of another function of the same logits. What it returned is
        overwritten then.
        """
        dz = self.classifier.backward_input(dlogits)
        return self.backbone.backward_input(self.latent_layer.backward_input(dz))

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
        return self._evaluate(stored, (self.backbone, self.latent_layer))

    def predict(self, stored: ArrayLike) -> Array:
        """Return the logits (..., N, K) of inputs, as `embed`."""
        return self._evaluate(stored, (self.backbone, self.latent_layer, self.classifier))

    def shown(self, standardisation: Standardisation) -> "Network":
        """Return this network, with the same parameters, for inputs that are stored otherwise."""
        network = copy(self)
        network.standardisation = standardisation
        return network

    def start_epoch(self, epoch: int) -> None:
        """Give every layer that draws random numbers the generators of that epoch."""
        for index, layer in enumerate(self.leaves()):
            if hasattr(layer, "generators"):
                drawn = [generator(seed, layer.purpose, epoch, index) for seed in self.seeds]
                layer.generators = layer.ops.dropout_generators(drawn, layer.generators)

    def members(self, part: slice) -> "Network":
        """Return the network of some members of a stack, with buffers of its own.

        Its layers' parameters, gradients and state are views of this network's; the flat vectors
        are those of this network, with all members.
        """
        network = self.rebuilt(lambda layer: layer.members(part))
        network.seeds = self.seeds[part]
        network.stack = (len(network.seeds),)
        return network

    def rebuilt(self, change: Callable[[Layer], Layer]) -> "Network":
        """Return this network, with the same vectors, of what a function makes of its parts."""
        network = copy(self)
        network._set_parts(*map(change, self.children.values()))
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

    def leaves(self) -> Iterator[Layer]:
        """Yield the layers that hold no others, in the order of the forward pass."""
        return (layer for _, layer in walk(self) if not isinstance(layer, Container))

    def named_parameters(self) -> dict[str, Array]:
        """Return `hidden.0.W`, `hidden.0.b`, …, `latent.W`, …, `classifier.b`, as views."""
        return self._named("parameter_names")

    def named_state(self) -> dict[str, Array]:
        """Return what training changes besides parameters, such as running means, by name."""
        return self._named("state_names")

    def _named(self, kind: str) -> dict[str, Array]:
        return {
            f"{prefix}.{name}": getattr(layer, name)
            for prefix, layer in walk(self)
            for name in getattr(layer, kind)
        }

    def _set_parts(self, backbone: Any, latent_layer: Any, classifier: Any) -> None:
        self.backbone, self.latent_layer, self.classifier = backbone, latent_layer, classifier
        self.children: dict[str, Layer] = {
            "hidden": backbone,
            "latent": latent_layer,
            "classifier": classifier,
        }

    def _evaluate(self, stored: ArrayLike, parts: Sequence[Layer]) -> Array:
        inputs = self.standardise(stored)
        y = inputs if inputs.ndim > 1 else inputs[None]
        for layer in parts:
            y = layer.predict(y)
        return y if inputs.ndim > 1 else y[..., 0, :]

    def _flatten(self) -> None:
        """Move all parameters into one vector and their gradients into another."""
        slots = [(layer, name) for _, layer in walk(self) for name in layer.parameter_names]
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


def make_latent_layer(
    architecture: Architecture,
    fan_in: int,
    latent_dim: int,
    stack: tuple[int, ...],
    dtype: Any,
    backend: Backend | None,
) -> Layer:
    """Return the latent layer of an architecture; its parameters are `W` and `b`.

    `fan_in` is the width of the backbone, and `latent_dim` is D, which the architecture `none`
    does not use. The others are as in `Linear`.
    """
    if architecture == "none":
        return Sequential([])
    linear = Linear(fan_in, latent_dim, stack, dtype, backend)
    if architecture == "nonlinear":
        return Sequential({"": linear, "relu": ReLU(backend)})
    return linear
