"""Backbones: from a name and the shape of an input to the layers before the latent layer."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lpc_scratch.backend import Backend
from lpc_scratch.nn.layers import ACTIVATIONS, Dropout, Layer, Linear, Sequential


def mlp(
    features: int,
    hidden: Sequence[int],
    activation: str = "relu",
    dropout: float = 0.0,
    stack: tuple[int, ...] = (),
    dtype: Any = np.float32,
    backend: Backend | None = None,
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
