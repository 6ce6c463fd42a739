"""The loops of all attacks: over chunks of images, and over steps until a sample is flipped."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.result import AttackResult
from lpc_scratch.attacks.settings import check_count
from lpc_scratch.backend import Array


class State(NamedTuple):
    """A chunk of B images under attack; arrays of the device."""

    images: Array  # (B, I) or (..., B, I): the images before
    adversarials: Array  # (..., B, I): what has become of them
    target: Array  # (..., B) int: the class to get away from
    correct: Array  # (..., B) bool: whether the network was right about the image before
    active: Array  # (..., B) bool: whether the sample is still to be flipped
    iterations: Array  # (..., B) int: steps that it has taken


Step = Callable[[Array, Array, Array, Array], Array]
"""One step of rows (R,) of a chunk: (images (..., R, I) as they are, their logits (..., R, K), the
classes (..., R) to get away from, the rows) to new images (..., R, I)."""


def attack_in_chunks(
    model: PixelModel,
    images: ArrayLike,
    labels: ArrayLike | None,
    attack: Callable[[State, np.random.Generator], None],
    seed: int | np.random.Generator = 0,
    own_class: bool = False,
) -> AttackResult:
    """Run an attack on one chunk of images after the other.

    Without labels the network is taken to be right. `attack` changes `adversarials`, `active` and
    `iterations` of a chunk's state in place, and draws from the generator what all members get.
    The class to get away from is the label, and an image that is misclassified from the start is
    not active; with `own_class` it is the class that the network sees.

    Raises ConfigError for a seed that is none, and ValueError for images or labels that cannot be.
    """
    xp, to_host = model.xp, model.backend.to_host
    images = model.checked_images(images)
    labels = None if labels is None else model.checked_labels(labels, images)
    slices = model.chunks(images)
    parts = []
    if not isinstance(seed, np.random.Generator):
        check_count("seed", seed, least=0)
    generators = np.random.default_rng(seed).spawn(len(slices))
    for rows, generator in zip(slices, generators, strict=True):
        before = images[..., rows, :]
        adversarials = xp.empty((*model.network.stack, *before.shape[-2:]), before.dtype)
        adversarials[...] = before
        seen = model.forward(adversarials).argmax(axis=-1)
        truth = seen if labels is None else labels[..., rows]
        correct = seen == truth
        target = seen if own_class else truth
        state = State(
            images=before,
            adversarials=adversarials,
            target=target,
            correct=correct,
            active=seen == target,
            iterations=xp.zeros(seen.shape, np.int64),
        )
        attack(state, generator)
        parts.append([*map(to_host, (adversarials, correct, ~state.active, state.iterations))])
    after, *others = zip(*parts, strict=True)
    joined = [np.concatenate(arrays, axis=-1) for arrays in others]
    return AttackResult(to_host(images), np.concatenate(after, axis=-2), *joined)


def until_flipped(model: PixelModel, state: State, step: Step, iterations: int) -> None:
    """Move every active sample, at most so many times, until the network changes its mind.

    What is flipped stays where it is. Rows in which no member has an active sample are left out.
    """
    for count in range(iterations + 1):
        rows = model.backend.to_device(active_rows(model, state))
        if not rows.size:
            return
        x, target = state.adversarials[..., rows, :], state.target[..., rows]
        logits = model.forward(x)
        active = state.active[..., rows] & (logits.argmax(axis=-1) == target)
        state.active[..., rows] = active
        if count == iterations:
            return
        model.xp.copyto(x, step(x, logits, target, rows), where=active[..., None])
        state.adversarials[..., rows, :] = x
        state.iterations[..., rows] += active


def active_rows(model: PixelModel, state: State) -> Array:
    """Return the positions (R,), on the host, of rows in which any member has an active sample."""
    active = model.backend.to_host(state.active).reshape(-1, state.active.shape[-1])
    return np.flatnonzero(active.any(axis=0))
