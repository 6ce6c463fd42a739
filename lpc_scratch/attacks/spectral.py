"""A radius within which no perturbation whatever changes the class: proven, and far too small."""

from math import prod

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.attacks.margins import margin_gradient_norm
from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.backend import Array
from lpc_scratch.errors import ConfigError
from lpc_scratch.nn.layers import Dropout, Layer, Linear, ReLU, SiLU, Tanh

_STEEPEST = {ReLU: 1.0, Tanh: 1.0, SiLU: 1.1, Dropout: 1.0}
"""Bounds of the slope of layers without parameters; SiLU's is 1.0998."""


def spectral_bound(model: PixelModel, images: ArrayLike, labels: ArrayLike) -> Array:
    """Return the certified Euclidean radius of every image, (..., N), in pixel units.

    No logit difference changes faster than sqrt(2) L with the pixels, where L is the product of the
    largest singular values of all layers and of the scale of the pixels; so a margin m is not used
    up within m / (sqrt(2) L). Source: Tsuzuku, Sato and Sugiyama 2018, "Lipschitz-margin training:
    scalable certification of perturbation invariance for deep neural networks", arXiv 1802.04034,
    proposition 1. It is 0 where the network is wrong.

    Arguments and errors are those of `margin_gradient_norm`; ConfigError is raised for a network
    that is no perceptron too.
    """
    margins = margin_gradient_norm(model, images, labels).margin
    steepness = prod(
        (_steepness(layer) for layer in model.network.leaves()),
        start=np.max(model.network.standardisation.scale),
    )
    return np.maximum(margins, 0) / (np.sqrt(2) * np.asarray(steepness)[..., None])


def _steepness(layer: Layer) -> Array | float:
    """Return the largest factor (...,) by which a layer stretches a difference of its inputs."""
    if isinstance(layer, Linear):
        W = layer.backend.to_host(layer.W).astype(np.float64)
        return np.linalg.norm(W, ord=2, axis=(-2, -1))
    if type(layer) not in _STEEPEST:
        raise ConfigError(
            f"the spectral bound is that of perceptrons, and the network has a layer "
            f"{type(layer).__name__}"
        )
    return _STEEPEST[type(layer)]
