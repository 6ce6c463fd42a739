"""DDN: the shortest way to another class, its direction and its length found one by one."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.attacks.ball import Norm, length, project, steepest
from lpc_scratch.attacks.climbs import Climb, check_climbs, climbs
from lpc_scratch.attacks.loop import State, attack_in_chunks
from lpc_scratch.attacks.minimal import MinimalResult
from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.settings import check_choice, check_count, check_number
from lpc_scratch.backend import Array
from lpc_scratch.errors import ConfigError

_FIRST = {"l2": 1.0, "linf": 0.1}
"""The largest radius to begin with. It is a hundredth or more: what is nearer is soon reached."""


def ddn(
    model: PixelModel,
    images: ArrayLike,
    labels: ArrayLike | None = None,
    steps: int = 100,
    step: float = 0.1,
    norm: Norm = "l2",
    targets: int = 9,
) -> MinimalResult:
    """Perturb every image, by as little as can be found, until its class is another.

    Every image has a radius, which becomes smaller by a share when the class has changed, and
    larger when it has not; then a step towards another class, brought back into the ball of that
    radius. So a sample follows the boundary about its image, and
    its gradients are taken where they matter. The shortest perturbation is kept. Source: Rony,
    Hafemann, Oliveira, Ben Ayed, Sabourin and Granger 2019, "Decoupling direction and norm for
    efficient gradient-based L2 adversarial attacks and defenses", arXiv 1811.09600. As in its
    successor for all norms (Pintor, Roli, Brendel and Biggio 2021, arXiv 2102.12827) the share
    falls with the steps, both along a cosine and to a hundredth; steps are relative to the radius.

    Parameters
    ----------
    model, images, labels
        As in `deepfool`, whose errors are raised here too.
    steps : int
        Steps, of which none is spared; so many towards each target.
    step : float
        Share by which the radius changes at first, above 0 and below 1. The first steps are as long
        as the radius.
    norm : {"l2", "linf"}
        Which norm of the perturbation is made small.
    targets : int
        The way is sought towards each of so many other classes in turn, as in `pgd`. Where it is 0,
        up the log-odds, the class that is nearest may be missed for one that is steeper.
    """
    check_count("steps", steps)
    check_number("step", step)
    if step >= 1:
        raise ConfigError(f"step must be a share of the radius, below 1, not {step!r}")
    check_choice("norm", norm, Norm)
    check_climbs("log-odds", targets)

    def attack(state: State, _: Any) -> None:
        shortest = model.xp.full((*state.active.shape, 1), np.inf, state.images.dtype)
        for climb in climbs(model, state, "log-odds", targets):
            _search(model, state, climb, norm, steps, step, shortest)
            state.iterations[...] += steps
        state.active[...] = model.xp.isinf(shortest[..., 0])

    return MinimalResult(**vars(attack_in_chunks(model, images, labels, attack, own_class=True)))


def _search(
    model: PixelModel,
    state: State,
    climb: Climb,
    norm: Norm,
    steps: int,
    step: float,
    shortest: Array,
) -> None:
    """Keep what is closer than `shortest` (..., B, 1) in it and in the state's adversarials."""
    xp, images = model.xp, state.images
    x, rows = xp.empty_like(state.adversarials), xp.arange(images.shape[-2])
    x[...] = images
    radius = _first_radius(model, state, climb, norm, rows)
    for count in range(steps):
        logits = model.forward(x)
        flipped = (logits.argmax(axis=-1) != state.target)[..., None]
        change = x - images
        size = length(change) if norm == "l2" else xp.abs(change).max(axis=-1, keepdims=True)
        closer = flipped & (size < shortest)
        xp.copyto(state.adversarials, x, where=closer)
        xp.copyto(shortest, size, where=closer)
        _, dlogits = climb(logits, state.target, rows)
        share = 0.01 + 0.99 * (1 + math.cos(math.pi * count / steps)) / 2
        radius *= xp.where(flipped, 1 - share * step, 1 + share * step)
        # The farthest pixel, or corner, is within 1, or the root of the number of pixels.
        xp.minimum(radius, model.network.features**0.5, out=radius)
        moved = x + share * radius * steepest(norm, model.gradient(dlogits))
        x = project(norm, radius, moved, images)


@np.errstate(over="ignore")  # a class that is infinitely far
def _first_radius(model: PixelModel, state: State, climb: Climb, norm: Norm, rows: Array) -> Array:
    """Return how far it is to the other class to first order, (..., B, 1), within limits."""
    xp, shape = model.xp, state.adversarials.shape
    logits = model.forward(xp.broadcast_to(state.images, shape))
    value, dlogits = climb(logits, state.target, rows)
    gradient = model.gradient(dlogits)
    # The dual norm is how much a step of length 1 raises the value.
    slope = length(gradient) if norm == "l2" else xp.abs(gradient).sum(axis=-1, keepdims=True)
    way = xp.abs(value)[..., None] / xp.maximum(slope, np.finfo(gradient.dtype).tiny)
    return xp.clip(way, _FIRST[norm] / 100, _FIRST[norm])
