"""DDN: the shortest way to another class, its direction and its length found one by one."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.attacks.ball import length, normalise
from lpc_scratch.attacks.loop import State, attack_in_chunks
from lpc_scratch.attacks.minimal import MinimalResult
from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.objectives import log_odds
from lpc_scratch.attacks.settings import check_count, check_number
from lpc_scratch.backend import Array
from lpc_scratch.errors import ConfigError

_HALVINGS = 12  # of the last interval: the boundary is met to 1/4096 of the length


def ddn(
    model: PixelModel,
    images: ArrayLike,
    labels: ArrayLike | None = None,
    steps: int = 500,
    step: float = 0.05,
) -> MinimalResult:
    """Perturb every image, by as little as can be found, until its class is another.

    Every step turns the perturbation up the log-odds against the class that the network sees, by a
    length that falls from 1 to 0.01 along a cosine, and sets its length to a radius, which is then
    a share `step` smaller if the class has changed, and larger if not. The shortest perturbation
    is kept, and shortened along its way to the boundary. Source: Rony, Hafemann, Oliveira, Ben
    Ayed, Sabourin and Granger 2019, "Decoupling direction and norm for efficient gradient-based L2
    adversarial attacks and defenses", arXiv 1811.09600. The shortening at the end is ours.

    Parameters
    ----------
    model, images, labels
        As in `deepfool`, whose errors are raised here too.
    steps : int
        Steps, of which none is spared.
    step : float
        Share by which the radius changes, above 0 and below 1.
    """
    check_count("steps", steps)
    check_number("step", step)
    if step >= 1:
        raise ConfigError(f"step must be a share of the radius, below 1, not {step!r}")

    def attack(state: State, _: Any) -> None:
        xp = model.xp
        shortest = xp.full((*state.active.shape, 1), np.inf, state.images.dtype)
        radius = xp.ones_like(shortest)
        change = xp.zeros_like(state.adversarials)
        best = change.copy()
        for count in range(steps):
            logits = model.forward(state.images + change)
            flipped = (logits.argmax(axis=-1) != state.target)[..., None]
            size = length(change)
            closer = flipped & (size < shortest)
            xp.copyto(best, change, where=closer)
            xp.copyto(shortest, size, where=closer)
            _, dlogits = log_odds(logits, state.target)
            turn = 0.01 + 0.99 * (1 + math.cos(math.pi * count / steps)) / 2
            change += turn * normalise(model.gradient(dlogits))
            radius *= xp.where(flipped, 1 - step, 1 + step)
            xp.minimum(radius, model.network.features**0.5, out=radius)  # reaches all pixels
            size = length(change)
            change *= radius / (size + (size == 0))
            change = xp.clip(state.images + change, 0, 1) - state.images
        state.active[...] = xp.isinf(shortest[..., 0])
        state.iterations[...] = steps
        _shorten(model, state, best)

    return MinimalResult(**vars(attack_in_chunks(model, images, labels, attack, own_class=True)))


def _shorten(model: PixelModel, state: State, change: Array) -> None:
    """Go back to the image along changes (..., B, I) as far as the class stays another."""
    xp = model.xp
    near, far = (make((*state.active.shape, 1), change.dtype) for make in (xp.zeros, xp.ones))
    xp.add(state.images, change, out=state.adversarials)
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        x = state.images + middle * change
        flipped = (model.forward(x).argmax(axis=-1) != state.target)[..., None]
        near, far = xp.where(flipped, near, middle), xp.where(flipped, middle, far)
        xp.copyto(state.adversarials, x, where=flipped)
