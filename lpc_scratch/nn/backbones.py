"""From names and shapes to layers: backbones, and whole networks with one."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, get_args

import numpy as np

from lpc_scratch.backend import Backend
from lpc_scratch.nn.initializers import INITIALIZERS
from lpc_scratch.nn.inputs import Standardisation
from lpc_scratch.nn.layers import ACTIVATIONS, Dropout, Layer, Linear, Sequential
from lpc_scratch.nn.network import Architecture, Network, make_latent_layer


def mlp(
    features: int,
    hidden: Sequence[int],
    activation: str,
    dropout: float,
    stack: tuple[int, ...],
    dtype: Any,
    backend: Backend | None,
) -> Sequential:
    """Return a multilayer perceptron: Linear, activation, dropout, repeated.

    Its parameters are `0.W`, `0.b`, `1.W`, …; dropout stands between hidden layers.

    Parameters
    ----------
    features : int
        I, the length of an input.
    hidden : sequence of int
        Widths of the layers; without any, the backbone is the identity.
    activation : {"relu", "silu", "tanh"}
        Follows every Linear layer.
    dropout : float
        Share of activations dropped, 0 <= dropout < 1.
    stack, dtype, backend
        As in `Linear`.
    """
    layers: dict[str, Layer] = {}
    for index, (fan_in, fan_out) in enumerate(pairwise([features, *hidden])):
        if index and dropout:
            layers[f"{index}.dropout"] = Dropout(dropout, backend)
        layers[f"{index}"] = Linear(fan_in, fan_out, stack, dtype, backend)
        layers[f"{index}.{activation}"] = ACTIVATIONS[activation](backend)
    return Sequential(layers)


BACKBONES: dict[str, Callable[..., Sequential]] = {"mlp": mlp}
"""The backbones by name."""


def build_network(
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
    standardisation: Standardisation | None = None,
) -> Network:
    """Return an untrained network with a perceptron for a backbone, or a stack of E.

    Parameters
    ----------
    features, classes : int
        I, the length of an input, and K.
    architecture : {"binary", "linear", "nonlinear", "none"}
        The kind of latent layer; `binary` and `linear` differ in the penalty alone.
    hidden, activation, dropout
        The backbone; see `mlp`.
    latent_dim : int
        D; not used by `none`, whose latent layer is the last hidden one.
    initialization, seeds, standardisation
        As in `Network`.
    dtype, backend
        As in `Linear`.

    Raises
    ------
    ValueError
        For an unknown architecture, activation or initialization, or `none` without a hidden
        layer.
    """
    if architecture not in get_args(Architecture):
        raise ValueError(f"unknown architecture {architecture!r}")
    if architecture == "none" and not hidden:
        raise ValueError("architecture none needs at least one hidden layer")
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}")
    if initialization not in INITIALIZERS:
        raise ValueError(f"unknown initialization {initialization!r}")
    place = ((len(seeds),) if isinstance(seeds, Sequence) else (), np.dtype(dtype), backend)
    settings = (architecture, hidden, latent_dim, activation, dropout)
    parts = build_parts(features, classes, *settings, *place)
    return Network(*parts, features, seeds, initialization, standardisation or Standardisation())


def build_parts(
    features: int,
    classes: int,
    architecture: Architecture,
    hidden: Sequence[int],
    latent_dim: int,
    activation: str,
    dropout: float,
    stack: tuple[int, ...],
    dtype: Any,
    backend: Backend | None,
) -> tuple[Layer, Layer, Linear]:
    """Return the parts of a network, not yet initialised; see `build_network` and `Linear`."""
    place = (stack, dtype, backend)
    backbone = BACKBONES["mlp"](features, hidden, activation, dropout, *place)
    (width,) = backbone.output_shape((features,))
    latent_layer = make_latent_layer(architecture, width, latent_dim, *place)
    (latent_dim,) = latent_layer.output_shape((width,))
    return backbone, latent_layer, Linear(latent_dim, classes, *place)
