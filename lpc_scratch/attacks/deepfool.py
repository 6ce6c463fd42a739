"""DeepFool: how far an image is from the nearest other class, to first order again and again."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.attacks.loop import State, attack_in_chunks, until_flipped
from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.objectives import one_hot
from lpc_scratch.attacks.result import AttackResult
from lpc_scratch.attacks.settings import FAR, check_count, check_number
from lpc_scratch.backend import Array


@dataclass(frozen=True)
class DeepFoolSummary:
    """Robustness of each network, of shape (...); nan where no sample counts.

    Attributes
    ----------
    samples : how many samples were attacked
    flipped_share : share of them that were flipped; the others are in none of what follows
    rho, median_rho : mean and median of ||r|| / ||x||, perturbation relative to image; without
        images that are all black
    mean_norm, median_norm : mean and median of ||r||, in pixel units
    """

    samples: Array
    flipped_share: Array
    rho: Array
    median_rho: Array
    mean_norm: Array
    median_norm: Array


@dataclass(frozen=True, eq=False)
class DeepFoolResult(AttackResult):
    """What DeepFool found: `perturbations` r, and whether the prediction was `flipped` by them."""

    def summary(self, correct_only: bool = False) -> DeepFoolSummary:
        """Return the robustness ρ of Moosavi-Dezfooli et al. 2016, and what goes with it.

        Parameters
        ----------
        correct_only : bool
            Leave out the samples that the network is wrong about before the attack.
        """
        norms = self.norms()
        lengths = np.linalg.norm(self.images.astype(np.float64), axis=-1)
        counted = self.correct if correct_only else np.ones_like(self.correct)
        flipped = counted & self.flipped
        samples = counted.sum(axis=-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = norms / lengths
            share = flipped.sum(axis=-1) / samples
        seen = flipped & (lengths > 0)
        return DeepFoolSummary(
            samples,
            share,
            *(_over(np.mean, ratios, seen), _over(np.median, ratios, seen)),
            *(_over(np.mean, norms, flipped), _over(np.median, norms, flipped)),
        )


def deepfool(
    model: PixelModel,
    images: ArrayLike,
    labels: ArrayLike | None = None,
    overshoot: float = 0.02,
    max_iterations: int = 50,
    clip: bool = True,
) -> DeepFoolResult:
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

    return DeepFoolResult(**vars(attack_in_chunks(model, images, labels, attack, own_class=True)))


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


def _over(average: Any, values: Array, counted: Array) -> Array:
    """Return an average over the counted samples of each network, (..., N) to (...)."""
    rows, masks = (array.reshape(-1, values.shape[-1]) for array in (values, counted))
    averages = [
        average(row[mask]) if mask.any() else np.nan for row, mask in zip(rows, masks, strict=True)
    ]
    return np.array(averages).reshape(values.shape[:-1])
