"""What PGD and its kin climb: losses of the true class, or the way to one other class at a time."""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np

from lpc_scratch.attacks.ball import Norm, random_start
from lpc_scratch.attacks.loop import State
from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.objectives import Objective, cross_entropy, lag, lead, log_odds, one_hot
from lpc_scratch.attacks.settings import FAR, check_choice, check_count, check_number
from lpc_scratch.backend import Array

Loss = Literal["log-odds", "margin", "both", "cross-entropy"]

_OBJECTIVES: dict[Loss, tuple[Objective, ...]] = {
    "log-odds": (log_odds,),
    "margin": (lag,),
    "both": (log_odds, lag),
    "cross-entropy": (cross_entropy,),
}

Climb = Callable[[Array, Array, Array], tuple[Array, Array]]
"""An objective for rows (R,) of a chunk: (logits (..., R, K), the true classes (..., R), the rows)
to values (..., R) and their gradients at the logits."""


def check_climbs(loss: Loss, targets: int) -> None:
    """Raise ConfigError for a loss that there is not, or a number of targets that cannot be."""
    check_choice("loss", loss, Loss)
    check_count("targets", targets, least=0)


def check_ascent(
    epsilon: float, norm: Norm, steps: int, restarts: int, loss: Loss, targets: int
) -> float:
    """Return epsilon, or FAR where that is nearer; ConfigError for a setting that cannot be."""
    check_number("epsilon", epsilon, zero=True)
    check_choice("norm", norm, Norm)
    check_climbs(loss, targets)
    check_count("steps", steps)
    check_count("restarts", restarts)
    return min(epsilon, FAR)


def from_starts(
    model: PixelModel,
    state: State,
    generator: np.random.Generator,
    norm: Norm,
    epsilon: float,
    restarts: int,
    loss: Loss,
    targets: int,
) -> Iterator[tuple[Climb, bool]]:
    """Yield what is climbed in turn from each start, and whether that is the image itself.

    What is still active has been brought to the start; all starts but the first are uniform in the
    ball.
    """
    climbed = climbs(model, state, loss, targets)
    for restart in range(restarts):
        start = state.images
        if restart:
            start = random_start(norm, epsilon, start, generator)
        for climb in climbed:
            model.xp.copyto(state.adversarials, start, where=state.active[..., None])
            yield climb, not restart


def climbs(model: PixelModel, state: State, loss: Loss, targets: int) -> list[Climb]:
    """Return what is climbed in turn from each start.

    Without `targets` it is the loss. With n, it is s_t - s_y for each of the n classes t that the
    network takes for the most likely wrong ones in the images as they are; all wrong ones, if there
    are no more than n.
    """
    if not targets:
        return [_without_rows(objective) for objective in _OBJECTIVES[loss]]
    logits = model.forward(model.xp.broadcast_to(state.images, state.adversarials.shape)).copy()
    logits[one_hot(state.target, model.classes)] = -np.inf
    ranking = (-logits).argsort(axis=-1)  # the true class comes last
    return [_towards(ranking[..., place]) for place in range(min(targets, model.classes - 1))]


def _without_rows(objective: Objective) -> Climb:
    return lambda logits, labels, _: objective(logits, labels)


def _towards(rivals: Array) -> Climb:
    return lambda logits, labels, rows: lead(logits, labels, rivals[..., rows])
