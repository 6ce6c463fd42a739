"""FGSM and PGD: up the gradient of a loss, within a distance epsilon of the image.

For the cross-entropy both raise the log-odds against the true class. That is the same loss in
another unit: its gradient has the same direction, also where that of the cross-entropy is lost in
rounding.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.attacks.loop import State, Step, attack_in_chunks, until_flipped
from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.objectives import Objective, log_odds, margin
from lpc_scratch.attacks.result import AttackResult
from lpc_scratch.attacks.settings import FAR, check_count, check_number
from lpc_scratch.backend import Array, backend_of
from lpc_scratch.errors import ConfigError

Norm = Literal["linf", "l2"]
Loss = Literal["cross-entropy", "margin", "both"]


def _lag(logits: Array, labels: Array) -> tuple[Array, Array]:
    """How far the true class is behind the best other one: the negative of its margin."""
    value, gradient = margin(logits, labels)
    return -value, -gradient


_CLIMBED: dict[Loss, tuple[Objective, ...]] = {
    "cross-entropy": (log_odds,),
    "margin": (_lag,),
    "both": (log_odds, _lag),
}


def fgsm(model: PixelModel, images: ArrayLike, labels: ArrayLike, epsilon: float) -> AttackResult:
    """Fast gradient sign method: x + ε sign(dL/dx), clipped to [0, 1].

    Source: Goodfellow, Shlens and Szegedy 2015, "Explaining and harnessing adversarial examples",
    arXiv 1412.6572. Images that are misclassified from the start stay as they are. Arguments and
    errors are those of `pgd`.
    """
    check_number("epsilon", epsilon, zero=True)
    epsilon = min(epsilon, FAR)

    def attack(state: State, _: np.random.Generator) -> None:
        leap = _ascent(model, state, log_odds, "linf", epsilon, length=epsilon)
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
    loss : {"both", "cross-entropy", "margin"}
        What is climbed from each start: the cross-entropy, as in the paper; the lead of the best
        other class, max_{k≠y} s_k - s_y (Carlini and Wagner 2017, arXiv 1608.04644); or first the
        one and then the other. FGSM is outdone by construction unless it is "margin".
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
    check_number("epsilon", epsilon, zero=True)
    if norm not in get_args(Norm):
        raise ConfigError(f"norm must be linf or l2, not {norm!r}")
    if loss not in get_args(Loss):
        raise ConfigError(f"loss must be cross-entropy, margin or both, not {loss!r}")
    check_count("steps", steps)
    check_count("restarts", restarts)
    if step_size is not None:
        check_number("step_size", step_size)
    epsilon = min(epsilon, FAR)
    length = min(step_size or 2.5 * epsilon / steps, FAR)

    def attack(state: State, generator: np.random.Generator) -> None:
        for restart in range(restarts):
            start = state.images
            if restart:
                noise = _in_ball(norm, epsilon, start.shape[-2:], generator).astype(start.dtype)
                start = _project(norm, epsilon, start + model.backend.to_device(noise), start)
            for objective in _CLIMBED[loss]:
                model.xp.copyto(state.adversarials, start, where=state.active[..., None])
                if not restart:
                    leap = _ascent(model, state, objective, norm, epsilon, length=epsilon)
                    until_flipped(model, state, leap, 1)
                climb = _ascent(model, state, objective, norm, epsilon, length)
                until_flipped(model, state, climb, steps)

    return attack_in_chunks(model, images, labels, attack, seed)


def _ascent(
    model: PixelModel, state: State, objective: Objective, norm: Norm, epsilon: float, length: float
) -> Step:
    """Return the step that goes so far up the objective, within the ball about a chunk's images."""

    def step(x: Array, logits: Array, target: Array, rows: Array) -> Array:
        _, dlogits = objective(logits, target)
        gradient = model.gradient(dlogits)
        direction = model.xp.sign(gradient) if norm == "linf" else _normalise(gradient)
        return _project(norm, epsilon, x + length * direction, state.images[..., rows, :])

    return step


def _project(norm: Norm, epsilon: float, x: Array, images: Array) -> Array:
    """Bring x into the ball about the images, and then into [0, 1], which does not leave it."""
    xp = backend_of(x).xp
    if norm == "linf":
        x = xp.clip(x, images - epsilon, images + epsilon)
    else:
        change = x - images
        length = _length(change)
        x = images + change * xp.minimum(1, epsilon / (length + (length == 0)))
    return xp.clip(x, 0, 1)


def _normalise(gradient: Array) -> Array:
    """Divide by the Euclidean length (..., B, 1); a gradient of 0 stays 0."""
    xp = backend_of(gradient).xp
    largest = xp.abs(gradient).max(axis=-1, keepdims=True)
    gradient = gradient / (largest + (largest == 0))  # the square of a tiny number would be 0
    length = _length(gradient)
    return gradient / (length + (length == 0))


def _length(x: Array) -> Array:
    xp = backend_of(x).xp
    return xp.sqrt(xp.sum(x * x, axis=-1, keepdims=True))


def _in_ball(
    norm: Norm, epsilon: float, shape: tuple[int, ...], generator: np.random.Generator
) -> Array:
    """Return points (B, I) uniform in the ball, on the host."""
    if norm == "linf":
        return generator.uniform(-epsilon, epsilon, shape)
    direction = generator.normal(size=shape)
    radius = epsilon * generator.uniform(size=(shape[0], 1)) ** (1 / shape[1])
    return direction * (radius / _length(direction))
