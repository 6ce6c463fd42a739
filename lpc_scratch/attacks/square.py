"""Square Attack: random squares, kept where they help; it asks the network for logits alone."""

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.attacks.loop import State, active_rows, attack_in_chunks
from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.objectives import margin
from lpc_scratch.attacks.result import AttackResult
from lpc_scratch.attacks.settings import FAR, check_count, check_number
from lpc_scratch.backend import Array
from lpc_scratch.errors import ConfigError

_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Iterations, of 10,000, after which the squares' area is halved."""


def square_attack(
    model: PixelModel,
    images: ArrayLike,
    labels: ArrayLike,
    epsilon: float,
    iterations: int = 1000,
    area: float = 0.8,
    seed: int | np.random.Generator = 0,
) -> AttackResult:
    """Search for adversarials by random squares of ±ε, without any gradient.

    It begins with vertical stripes, one pixel wide, of ±ε. Every iteration proposes a square at a
    random place, of ±ε in every channel, and keeps it where it makes the margin
    s_y - max_{k≠y} s_k smaller. The squares shrink. Source: Andriushchenko, Croce, Flammarion and
    Hein 2020, "Square Attack: a query-efficient black-box adversarial attack via random search",
    arXiv 1912.00049, for linf. Where it flips clearly more than PGD does, the gradients mislead.

    Parameters
    ----------
    model, images, labels, epsilon
        As in `pgd`, whose errors are raised here too.
    iterations : int
        Squares that are tried. The squares shrink in proportion.
    area : float
        Share of the image that the first squares cover, above 0 and at most 1.
    seed : int or Generator
        Decides stripes and squares; all members are shown the same.

    Returns
    -------
    AttackResult
        `iterations` counts the stripes and the squares that the network was asked about.
    """
    check_number("epsilon", epsilon, zero=True)
    check_count("iterations", iterations)
    check_number("area", area)
    if area > 1:
        raise ConfigError(f"area must be a share of the image, at most 1, not {area!r}")

    def attack(state: State, generator: np.random.Generator) -> None:
        xp = model.xp
        reach = min(epsilon, FAR)
        bounds = [xp.clip(state.images + change, 0, 1) for change in (-reach, reach)]
        margins = xp.full(state.active.shape, np.inf, state.images.dtype)
        shape = (state.images.shape[-2], *(*model.image_shape, 1)[:3])  # grey images have C = 1
        for iteration in range(iterations + 1):
            if iteration:
                drawn = _squares(shape, _side(shape, area, iteration / iterations), generator)
            else:
                drawn = _stripes(shape, generator)
            if not _propose(model, state, bounds, margins, drawn):
                return

    return attack_in_chunks(model, images, labels, attack, seed)


def _propose(
    model: PixelModel, state: State, bounds: list[Array], margins: Array, drawn: tuple[Array, Array]
) -> bool:
    """Ask about one change of every active sample and keep it where it helps.

    `bounds` are the images -ε and +ε, `margins` (..., B) the best ones so far; `drawn` says which
    pixels change, by their positions (B, S), and whether to +ε, (B, S) bool: host arrays.
    Returns False where there is nothing left to do.
    """
    active = active_rows(model, state)
    if not active.size:
        return False
    xp, rows = model.xp, model.backend.to_device(active)
    pixels, up = (model.backend.to_device(array[active]) for array in drawn)
    x, at = state.adversarials[..., rows, :], (..., xp.arange(len(active))[:, None], pixels)
    lowest, highest = (bound[..., rows[:, None], pixels] for bound in bounds)
    before = x[at]
    same = (before == xp.where(up, highest, lowest)).all(axis=-1, keepdims=True)
    painted = xp.where(up ^ same, highest, lowest)  # what is there is tried with the other sign
    x[at] = painted
    target = state.target[..., rows]
    logits = model.forward(x)
    value, _ = margin(logits, target)
    asked, best = state.active[..., rows], margins[..., rows]
    flipped = asked & (logits.argmax(axis=-1) != target)
    kept = asked & (flipped | (value < best))
    after = xp.where(kept[..., None], painted, before)
    state.adversarials[..., rows[:, None], pixels] = after
    margins[..., rows] = xp.where(kept, value, best)
    state.active[..., rows] = asked & ~flipped
    state.iterations[..., rows] += asked
    return True


def _stripes(shape: tuple[int, ...], generator: np.random.Generator) -> tuple[Array, Array]:
    """Draw vertical stripes for images (B, H, W, C): all pixels, and a sign for each column."""
    count, height, width, channels = shape
    up = np.repeat(_signs((count, 1, width * channels), generator), height, axis=1)
    up = up.reshape(count, -1)
    return np.broadcast_to(np.arange(up.shape[-1]), up.shape), up


def _squares(
    shape: tuple[int, ...], side: int, generator: np.random.Generator
) -> tuple[Array, Array]:
    """Draw a square for every image (B, H, W, C): its pixels, and a sign for each channel."""
    count, height, width, channels = shape
    top = generator.integers(height - side + 1, size=(count, 1, 1, 1))
    left = generator.integers(width - side + 1, size=(count, 1, 1, 1))
    row, column, channel = np.ogrid[:side, :side, :channels]
    pixels = ((top + row) * width + left + column) * channels + channel
    up = np.broadcast_to(_signs((count, 1, 1, channels), generator), pixels.shape)
    return pixels.reshape(count, -1), up.reshape(count, -1)


def _signs(shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    return generator.integers(2, size=shape) == 1


def _side(shape: tuple[int, ...], area: float, progress: float) -> int:
    """Return the side of the squares in pixels, after that share of the iterations."""
    _, height, width, _ = shape
    halvings = int(np.searchsorted(_HALVINGS, 10_000 * progress))
    side = round((area / 2**halvings * height * width) ** 0.5)
    return max(1, min(side, height, width))
