"""Auto-PGD: projected gradient descent that chooses the length of its steps itself."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.attacks.ball import Norm, project, steepest
from lpc_scratch.attacks.climbs import Climb, Loss, check_ascent, from_starts
from lpc_scratch.attacks.loop import State, attack_in_chunks, until_flipped
from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.result import AttackResult
from lpc_scratch.backend import Array

_MOMENTUM = 0.25  # share of the last move that is added to the next one
_RISING = 0.75  # share of steps that must rise between checkpoints, or else the length is halved


def apgd(
    model: PixelModel,
    images: ArrayLike,
    labels: ArrayLike,
    epsilon: float,
    norm: Norm = "linf",
    steps: int = 100,
    restarts: int = 1,
    loss: Loss = "both",
    targets: int = 0,
    seed: int | np.random.Generator = 0,
) -> AttackResult:
    """Projected gradient descent with momentum, whose steps of 2 ε are halved as it stalls.

    At checkpoints, ever closer together, the length of a sample's step is halved if what it climbs
    rose in less than three of four steps, or if neither the length nor the best point has changed
    since the last checkpoint; it then goes on from its best point. Source: Croce and Hein 2020,
    "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free
    attacks", arXiv 2003.01690, algorithm 1. The first start is the image itself, so that for linf
    the first step is FGSM; every further one is uniform in the ball.

    Parameters
    ----------
    model, images, labels, epsilon, norm, restarts, loss, targets, seed
        As in `pgd`, whose errors are raised here too.
    steps : int
        Steps after each start, for each loss or target.

    Returns
    -------
    AttackResult
        A sample that is not flipped is at the best point of its last climb.
    """
    epsilon = check_ascent(epsilon, norm, steps, restarts, loss, targets)
    ascent = (norm, epsilon, restarts, loss, targets)

    def attack(state: State, generator: np.random.Generator) -> None:
        for climb, _ in from_starts(model, state, generator, *ascent):
            step = _AutoStep(model, state, climb, norm, epsilon, steps)
            until_flipped(model, state, step, steps)
            model.xp.copyto(state.adversarials, step.best, where=state.active[..., None])

    return attack_in_chunks(model, images, labels, attack, seed)


class _AutoStep:
    """The steps of one climb of a chunk, and the best points (..., B, I) that they have met."""

    def __init__(
        self, model: PixelModel, state: State, climb: Climb, norm: Norm, epsilon: float, steps: int
    ) -> None:
        xp, shape = model.xp, (*state.active.shape, 1)
        self._model, self._images, self._climb = model, state.images, climb
        self._norm, self._epsilon = norm, epsilon
        self._checkpoints = checkpoints(steps)
        self._count = 0
        self.best, self._previous = state.adversarials.copy(), state.adversarials.copy()
        self._best_gradient = xp.zeros_like(self.best)
        self._value = xp.full(shape, np.inf, self.best.dtype)  # at the previous point
        self._best_value = xp.full_like(self._value, -np.inf)
        self._best_before = self._best_value.copy()  # at the last checkpoint
        self._length = xp.full_like(self._value, 2 * epsilon)
        self._rises = xp.zeros(shape, np.int64)  # since the last checkpoint
        self._halved = xp.ones(shape, bool)  # at the last checkpoint

    def __call__(self, x: Array, logits: Array, target: Array, rows: Array) -> Array:
        """Go on from points x (..., R, I); see `loop.Step`."""
        xp, at = self._model.xp, (..., rows, slice(None))
        value, dlogits = self._climb(logits, target, rows)
        value, gradient = value[..., None], self._model.gradient(dlogits)
        self._rises[at] += value > self._value[at]
        self._value[at] = value
        better = value > self._best_value[at]
        for kept, new in (
            (self._best_value, value),
            (self.best, x),
            (self._best_gradient, gradient),
        ):
            kept[at] = xp.where(better, new, kept[at])
        if self._count in self._checkpoints:
            stalled = self._stalled(at, self._checkpoints[self._count])
            self._length[at] *= 1 - 0.5 * stalled
            x = xp.where(stalled, self.best[at], x)
            gradient = xp.where(stalled, self._best_gradient[at], gradient)
        images, last = self._images[at], x - self._previous[at]
        self._previous[at] = x
        move = self._length[at] * steepest(self._norm, gradient)
        moved = project(self._norm, self._epsilon, x + move, images)
        if self._count:
            moved = x + (1 - _MOMENTUM) * (moved - x) + _MOMENTUM * last
            moved = project(self._norm, self._epsilon, moved, images)
        self._count += 1
        return moved

    def _stalled(self, at: Any, interval: int) -> Array:
        """Return which rows get on too slowly, (..., R, 1), and begin the next interval."""
        best = self._best_value[at]
        stuck = ~self._halved[at] & (best == self._best_before[at])
        stalled = stuck | (self._rises[at] < _RISING * interval)
        self._halved[at], self._best_before[at], self._rises[at] = stalled, best, 0
        return stalled


def checkpoints(steps: int) -> dict[int, int]:
    """Return after which steps the length is looked at, and how many these are since the last.

    The first comes after 22 % of the steps; each interval is shorter by 3 % than the one before it,
    down to 6 %.
    """
    found, percent, interval, last = {}, 22, 22, 0
    while percent < 100:
        here = -(-percent * steps // 100)
        if here > last:
            found[here], last = here - last, here
        interval = max(interval - 3, 6)
        percent += interval
    return found
