"""DeepFool: how far an image is from the nearest other class, to first order again and again."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.attacks.loop import State, attack_in_chunks, until_flipped
from lpc_scratch.attacks.minimal import MinimalResult
from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.objectives import one_hot
from lpc_scratch.attacks.settings import FAR, check_count, check_number
from lpc_scratch.backend import Array


def deepfool(
    model: PixelModel,
    images: ArrayLike,
    labels: ArrayLike | None = None,
    overshoot: float = 0.02,
    max_iterations: int = 50,
    clip: bool = True,
) -> MinimalResult:
    """Perturb every image, by as little as it takes to first order, until its class is another.

    With s_c the logit of the class that the network sees, w_k = ds_k/dx - ds_c/dx and
    f_k = s_k - s_c, the linearised boundary of class k is at distance |f_k| / ||w_k||. Each step
    goes to the nearest one and by a share `overshoot` beyond. Source: Moosavi-Dezfooli, Fawzi and
    Frossard 2016, "DeepFool: a simple and accurate method to fool deep neural networks", arXiv
    1511.04599. All classes are looked at; perturbations contain the overshoot.

    Their length is an upper bound of the distance, and a loose one where a network is flat about
    the image and steep elsewhere: compare it with the share that `pgd` flips with l2.

    Parameters
    ----------
    model, images
        As in `pgd`, whose errors are raised here too.
    labels : integer array-like (N,) or (E, N), optional
        True classes, which decide what is `correct` in the result and nothing else. Without them
        the network is taken to be right.
    overshoot : float
        Share by which each step is too long, at least 0.
    max_iterations : int
        Steps after which a sample is given up.
    clip : bool
        Bring the image back to [0, 1] after each step. The paper does not.
    """
    check_number("overshoot", overshoot, zero=True)
    check_count("max_iterations", max_iterations)
    overshoot = min(overshoot, FAR)

    def step(x: Array, logits: Array, target: Array, rows: Array) -> Array:
        moved = x + _to_nearest_boundary(model, x, logits, target, overshoot)
        return model.xp.clip(moved, 0, 1) if clip else moved

    def attack(state: State, _: Any) -> None:
        until_flipped(model, state, step, max_iterations)

    return MinimalResult(**vars(attack_in_chunks(model, images, labels, attack, own_class=True)))


@np.errstate(over="ignore")  # a class that is infinitely far is not gone to
def _to_nearest_boundary(
    model: PixelModel, x: Array, logits: Array, own: Array, overshoot: float
) -> Array:
    """Return r (..., B, I) to the nearest linearised boundary, and a little beyond."""
    xp, classes = model.xp, model.classes
    # A step of 0, or one that is lost in rounding, would never end.
    least = 4 * np.finfo(x.dtype).eps * x.shape[-1] ** 0.5
    distance = xp.full(own.shape, np.inf, x.dtype)
    r = xp.zeros_like(x)
    for offset in range(1, classes):  # every sample looks at another class than its own
        other = (own + offset) % classes
        df = one_hot(other, classes).astype(x.dtype) - one_hot(own, classes).astype(x.dtype)
        gap = -(logits * df).sum(axis=-1)  # -f_k, at least 0
        w = model.gradient(df)
        unit = xp.abs(w).max(axis=-1)  # f_k and w_k in it, where the squares of w_k would get lost
        unit[(unit == 0) | ((unit > 1e-15) & (unit < 1e15))] = 1
        w /= unit[..., None]
        gap /= unit
        length = xp.sqrt((w * w).sum(axis=-1))
        flat = length == 0  # no way to this class
        length += flat
        to_class = gap / length
        to_class[flat] = np.inf
        nearer = to_class < distance
        way = xp.minimum((1 + overshoot) * gap / length, FAR)
        factor = (way + least) / length
        xp.copyto(r, w * factor[..., None], where=nearer[..., None])
        xp.copyto(distance, to_class, where=nearer)
    return r
