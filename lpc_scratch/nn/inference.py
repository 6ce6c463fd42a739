"""A trained network on a whole data set, in chunks that fit in memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.backend import Array
from lpc_scratch.nn.layers import Activation
from lpc_scratch.nn.network import Network

CHUNK = 2048
"""Most rows that are evaluated at once."""

_NUMBERS = 2**24  # that a layer makes of a chunk at most: 64 MB in float32


def latent_and_logits(network: Network, x: ArrayLike) -> tuple[Array, Array]:
    """Return the latent activations and logits of every row of x, without dropout.

    Parameters
    ----------
    network : Network
        One network or a stack of E.
    x : array-like (N, I)
        Inputs as stored, on the host or the network's device; all members see the same.

    Returns
    -------
    latent : array (..., N, D)
    logits : array (..., N, K)
        Both on the network's device.

    Raises
    ------
    ValueError
        For inputs that `Network.standardise` refuses.
    """
    latents, logits = [], []
    for rows in _chunks(network, x):
        latents.append(network.embed(rows))
        logits.append(network.classifier.predict(latents[-1]))
    concatenate = network.backend.xp.concatenate
    return concatenate(latents, axis=-2), concatenate(logits, axis=-2)


def hidden_layers(network: Network, x: ArrayLike) -> dict[str, Array]:
    """Return what leaves the activations of the main path, and the latent layer, of every row of x.

    The main path of a resnet is its stem and its blocks: activations within a branch are not on it.

    Parameters
    ----------
    network, x
        As for `latent_and_logits`.

    Returns
    -------
    dict of str to array (..., N, F)
        On the host, by the layers' names in the order of the forward pass, then `latent`. Of images
        (..., N, H, W, F), the mean over rows and columns.
    """
    outputs: dict[str, list[Array]] = {}
    for rows in _chunks(network, x):
        y = network.standardise(rows)
        layers = {f"hidden.{name}": layer for name, layer in network.backbone.children.items()}
        for name, layer in (layers | {"latent": network.latent_layer}).items():
            y = layer.predict(y)
            if isinstance(layer, Activation) or name == "latent":
                images = layer is not network.latent_layer and y.ndim > 2 + len(network.stack)
                seen = y.mean(axis=(-3, -2)) if images else y
                outputs.setdefault(name, []).append(network.backend.to_host(seen).copy())
    return {name: np.concatenate(parts, axis=-2) for name, parts in outputs.items()}


def standardised(network: Network, x: ArrayLike) -> Array:
    """Return inputs x (N, I) as stored as the network computes with them, on its device.

    Raises
    ------
    ValueError
        For inputs that `Network.standardise` refuses.
    """
    parts = [network.standardise(rows) for rows in _chunks(network, x)]
    return network.backend.xp.concatenate(parts)


def _chunks(network: Network, x: ArrayLike) -> Iterator[Array]:
    """Yield the rows of x, `chunk_of` at a time; of an empty x once none."""
    array: Any = x if type(x) is network.backend.xp.ndarray else np.asarray(x)
    rows = chunk_of(network.widest)
    for start in range(0, max(len(array), 1), rows):
        yield array[start : start + rows]


def chunk_of(widest: int, most: int = CHUNK, numbers: int = _NUMBERS) -> int:
    """Return how many rows go through a network at once whose largest output has such a size.

    They are at most so many, and a layer makes no more numbers of them.
    """
    return max(min(most, numbers // widest), 1)
