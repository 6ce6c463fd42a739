"""What PGD and its kin climb: losses of the true class, or the way to one other class at a time."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from lpc_scratch.attacks.loop import State
from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.objectives import Objective, cross_entropy, lag, lead, log_odds, one_hot
from lpc_scratch.attacks.settings import check_choice, check_count
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
