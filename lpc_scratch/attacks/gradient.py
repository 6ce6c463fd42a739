"""FGSM and PGD: up the gradient of a loss, within a distance epsilon of the image.

In place of the cross-entropy they raise the log-odds against the true class. That is the same loss
in another unit: its gradient has the same direction, also where that of the cross-entropy is lost
in rounding.
"""

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.attacks.ball import Norm, project, steepest
from lpc_scratch.attacks.climbs import Climb, Loss, check_ascent, climbs, from_starts
from lpc_scratch.attacks.loop import State, Step, attack_in_chunks, until_flipped
from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.result import AttackResult
from lpc_scratch.attacks.settings import FAR, check_number
from lpc_scratch.backend import Array


def fgsm(model: PixelModel, images: ArrayLike, labels: ArrayLike, epsilon: float) -> AttackResult:
    """Fast gradient sign method: x + ε sign(dL/dx), clipped to [0, 1].

    Source: Goodfellow, Shlens and Szegedy 2015, "Explaining and harnessing adversarial examples",
    arXiv 1412.6572. Images that are misclassified from the start stay as they are. Arguments and
    errors are those of `pgd`.
    """
    check_number("epsilon", epsilon, zero=True)
    epsilon = min(epsilon, FAR)

    def attack(state: State, _: np.random.Generator) -> None:
        (climb,) = climbs(model, state, "log-odds", 0)
        leap = _ascent(model, state, climb, "linf", epsilon, length=epsilon)
        until_flipped(model, state, leap, 1)

    return attack_in_chunks(model, images, labels, attack)


def pgd(
    model: PixelModel,
    images: ArrayLike,
    labels: ArrayLike,
    epsilon: float,
    norm: Norm = "linf",
    steps: int = 40,
    step_size: float | None = None,
    restarts: int = 1,
    loss: Loss = "both",
    targets: int = 0,
    seed: int | np.random.Generator = 0,
) -> AttackResult:
    """Projected gradient descent: many small steps up the loss, each brought back into the ball.

    Source: Madry, Makelov, Schmidt, Tsipras and Vladu 2018, "Towards deep learning models
    resistant to adversarial attacks", arXiv 1706.06083. The first start is what one step of
    length ε gives, which for linf is FGSM: PGD flips all that FGSM flips. Every further start is
    uniform in the ball. A sample is left alone once it is misclassified.

    There are networks that withstand either loss and not the other, so that by default what is
    left after the one is attacked by the other.

    Parameters
    ----------
    model : PixelModel
        One network or a stack of E.
    images : array-like (N, I) or (E, N, I)
        Pixels from 0 to 1.
    labels : integer array-like (N,) or (E, N)
        True classes.
    epsilon : float
        Radius of the ball, at least 0, in pixel units; 8/255 is 0.031.
    norm : {"linf", "l2"}
        linf bounds the change of every pixel, and steps along the sign of the gradient; l2 bounds
        the Euclidean length of the perturbation, and steps along the normalised gradient.
    steps : int
        Steps after each start.
    step_size : float, optional
        Length of a step; 2.5 ε / steps by default.
    restarts : int
        Starts, the first one included.
    loss : {"both", "log-odds", "margin", "cross-entropy"}
        What is climbed from each start: the log-odds against the true class; the lead of the best
        other class, max_{k≠y} s_k - s_y (Carlini and Wagner 2017, arXiv 1608.04644); first the one
        and then the other; or the cross-entropy, which has no gradient left where a network is too
        sure. FGSM is outdone by construction by "both" and "log-odds".
    targets : int
        Above 0, what is climbed from each start is not the loss, but s_t - s_y for each of so many
        classes t in turn: those that the network takes for the most likely wrong ones, or all.
    seed : int or Generator
        Decides the random starts, which all members share.

    Returns
    -------
    AttackResult
        A sample that is not flipped is where its last step has led.

    Raises
    ------
    ConfigError
        For a setting that cannot be.
    ValueError
        For images or labels that cannot be.
    """
    epsilon = check_ascent(epsilon, norm, steps, restarts, loss, targets)
    ascent = (norm, epsilon, restarts, loss, targets)
    if step_size is not None:
        check_number("step_size", step_size)
    length = min(step_size or 2.5 * epsilon / steps, FAR)

    def attack(state: State, generator: np.random.Generator) -> None:
        for climb, first in from_starts(model, state, generator, *ascent):
            if first:
                leap = _ascent(model, state, climb, norm, epsilon, length=epsilon)
                until_flipped(model, state, leap, 1)
            until_flipped(model, state, _ascent(model, state, climb, norm, epsilon, length), steps)

    return attack_in_chunks(model, images, labels, attack, seed)


def _ascent(
    model: PixelModel, state: State, climb: Climb, norm: Norm, epsilon: float, length: float
) -> Step:
    """Return the step that goes so far up what is climbed, within the ball about the images."""

    def step(x: Array, logits: Array, target: Array, rows: Array) -> Array:
        _, dlogits = climb(logits, target, rows)
        moved = x + length * steepest(norm, model.gradient(dlogits))
        return project(norm, epsilon, moved, state.images[..., rows, :])

    return step
