"""The balls that bound an attack: points in them, the way back into them, and directions."""

from typing import Literal

import numpy as np

from lpc_scratch.backend import Array, backend_of

Norm = Literal["linf", "l2"]


def project(norm: Norm, epsilon: float | Array, x: Array, images: Array) -> Array:
    """Bring x into the ball about the images, and then into [0, 1], which does not leave it.

    The radius is one for all, or of every row its own, (..., B, 1).
    """
    xp = backend_of(x).xp
    if norm == "linf":
        x = xp.clip(x, images - epsilon, images + epsilon)
    else:
        change = x - images
        size = length(change)
        x = images + change * xp.minimum(1, epsilon / (size + (size == 0)))
    return xp.clip(x, 0, 1)


def steepest(norm: Norm, gradient: Array) -> Array:
    """Return the direction of length 1 in the norm that climbs most; a gradient of 0 stays 0."""
    return backend_of(gradient).xp.sign(gradient) if norm == "linf" else normalise(gradient)


def normalise(gradient: Array) -> Array:
    """Divide by the Euclidean length (..., B, 1); a gradient of 0 stays 0."""
    xp = backend_of(gradient).xp
    largest = xp.abs(gradient).max(axis=-1, keepdims=True)
    gradient = gradient / (largest + (largest == 0))  # the square of a tiny number would be 0
    size = length(gradient)
    return gradient / (size + (size == 0))


def length(x: Array) -> Array:
    """Return the Euclidean length (..., B, 1) of the rows of x (..., B, I)."""
    xp = backend_of(x).xp
    return xp.sqrt(xp.sum(x * x, axis=-1, keepdims=True))


def random_start(
    norm: Norm, epsilon: float, images: Array, generator: np.random.Generator
) -> Array:
    """Return images moved to points that are uniform in the ball, the same moves for all members.

    Pixels are clipped to [0, 1].
    """
    moves = in_ball(norm, epsilon, images.shape[-2:], generator).astype(images.dtype)
    return project(norm, epsilon, images + backend_of(images).to_device(moves), images)


def in_ball(
    norm: Norm, epsilon: float, shape: tuple[int, ...], generator: np.random.Generator
) -> Array:
    """Return points (B, I) uniform in the ball about 0, on the host."""
    if norm == "linf":
        return generator.uniform(-epsilon, epsilon, shape)
    direction = generator.normal(size=shape)
    radius = epsilon * generator.uniform(size=(shape[0], 1)) ** (1 / shape[1])
    return direction * (radius / length(direction))
