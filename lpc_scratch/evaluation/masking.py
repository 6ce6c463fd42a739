"""Signs of gradient masking: does a network withstand attacks, or do attacks fail on it?

An attack that follows gradients says nothing of a network whose gradients mislead it. Each sign is
a number that is small on a network that is attacked as well as can be, and a threshold above which
it warns. They follow Pintor et al. 2022, "Indicators of attack failure", arXiv 2106.09947
(unavailable gradients, failures of transfer and of attacks without bound), and Carlini et al. 2019,
"On evaluating adversarial robustness", arXiv 1902.06705 (attacks without gradients or from other
networks that do better, large budgets). Signs of attacks that give up early, or lose what they
have found, are missing: those here do neither.

A sign that fires is no proof, and none that fires is none: the worst case over all attacks remains
an upper bound of the accuracy under attack.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lpc_scratch.attacks import Margins, MinimalResult, PixelModel, apgd, pgd
from lpc_scratch.attacks.result import average_over
from lpc_scratch.backend import Array
from lpc_scratch.evaluation.distances import Slopes, overstatement
from lpc_scratch.evaluation.measurement import FIRED, Measurement
from lpc_scratch.evaluation.worst_case import (
    NORMS,
    SQUARE,
    TRANSFER,
    AttackedSample,
    AttackSettings,
)

UNBOUNDED = 0.5
"""An Linf epsilon in pixel units within which every image can become the same grey."""

MARGINS = (1, 10)
"""Median margins at which the cross-entropy has a gradient on every image."""

LOST = 1e-12
"""A gradient shorter than this is 0 to attacks that divide by its length, as most do."""


@dataclass(frozen=True)
class Sign:
    """A number that is small unless gradients are masked.

    Attributes
    ----------
    name, measure : what it is called, and what the number is
    threshold : above it the sign fires
    meaning : how the number is found, a clause without its full stop
    """

    name: str
    measure: str
    threshold: float
    meaning: str

    def judge(self, values: Array) -> Iterator[Measurement]:
        """Yield the numbers (E,), with the threshold as their level, and whether they fire."""
        fired = np.where(np.isnan(values), np.nan, values > self.threshold)
        for measure, shown in ((self.measure, values), (FIRED, fired)):
            yield Measurement("masking", self.name, measure, shown, self.threshold, self.meaning)


NO_GRADIENT = Sign(
    "no gradient of the loss",
    "share of right answers",
    0.05,
    f"the cross-entropy's gradient is shorter than {LOST:g} nats a pixel unit, so that the attacks "
    "of others stand still; those here climb the log-odds, which keep theirs",
)
FLAT_MARGIN = Sign(
    "flat margin",
    "share of right answers",
    0.05,
    "the margin over its slope is longer than the diagonal of the cube of all images: to first "
    "order no image has another class",
)
QUERIES = Sign(
    "queries beat gradients",
    "share of all images",
    0.01,
    "broken by squares at random, at any of the Linf budgets, and by none of the attacks that "
    "follow gradients",
)
OF_OTHERS = Sign(
    "transfer beats gradients",
    "share of all images",
    0.01,
    "broken, at any of the Linf budgets, by what fgsm made of them on another network of the "
    "run, and by none of the attacks that follow gradients of this one; a dash for a run of one",
)
TARGETS = Sign(
    "targets beat none",
    "share of all images",
    0.03,
    "broken by APGD or DDN towards a class, at any of the budgets, and by neither PGD nor APGD "
    "away from the true one",
)
NO_BOUND = Sign(
    "right without bound",
    "accuracy",
    0.05,
    f"under PGD at Linf {UNBOUNDED:g}, where every image can become the same grey",
)
SCALE = Sign(
    "scale of the logits",
    "accuracy lost",
    0.05,
    "APGD up the plain cross-entropy, at the largest Linf budget: the accuracy that it leaves with "
    "logits as they are, over the lower one of those with logits whose median margin is "
    f"{' or '.join(map(str, MARGINS))}, which answer the same",
)
DEEPFOOL = Sign(
    "DeepFool overstates",
    "factor",
    1.3,
    "its rho over that of the shortest perturbations that any attack found of the same images",
)


def signs_of_masking(
    sample: AttackedSample, first_order: MinimalResult, slopes: Slopes, settings: AttackSettings
) -> Iterator[Measurement]:
    """Judge all signs of networks whose sample has been attacked, by DeepFool as `first_order`."""
    images, labels, linf = sample.images, sample.labels, settings.linf
    steps, right = settings.steps, slopes.margins.margin > 0
    yield from NO_GRADIENT.judge(without_gradient(slopes.loss, right))
    yield from FLAT_MARGIN.judge(beyond_all_images(slopes.margins, images.shape[-1]))
    for sign, name in ((QUERIES, SQUARE), (OF_OTHERS, TRANSFER)):
        known = linf if name == SQUARE or sample.model.network.stack else ()
        gains = [sample.gained("linf", epsilon, name).mean(axis=-1) for epsilon in known]
        yield from sign.judge(_largest(gains, len(right)))
    by_targets = [
        beaten(
            sample.standing(norm, epsilon, f"pgd-{norm}", f"apgd-{norm}"),
            sample.standing(norm, epsilon, f"apgd-t-{norm}", f"ddn-{norm}"),
        )
        for norm in NORMS
        for epsilon in settings.epsilons(norm)
    ]
    yield from TARGETS.judge(_largest(by_targets, len(right)))
    unbounded = pgd(sample.model, images, labels, UNBOUNDED, steps=steps, seed=settings.seed)
    yield from NO_BOUND.judge(np.atleast_1d(unbounded.robust_accuracy))
    by_scale = []
    for epsilon in sorted(linf)[-1:]:
        factors = [size * unit_scale(slopes.margins) for size in MARGINS]
        left = [
            apgd(model, images, labels, epsilon, steps=steps, loss="cross-entropy").robust_accuracy
            for model in (sample.model, *(_Scaled(sample.model, factor) for factor in factors))
        ]
        by_scale.append(left[0] - np.min(left[1:], axis=0))
    yield from SCALE.judge(_largest(by_scale, len(right)))
    yield from DEEPFOOL.judge(overstatement(sample, first_order))


def without_gradient(norms: Array, right: Array) -> Array:
    """Return the share (...) of right answers whose gradients, of such norms (..., N), are lost."""
    return _share(norms < LOST, right)


def beyond_all_images(margins: Margins, pixels: int) -> Array:
    """Return the share (...) of right answers that to first order no image of so many pixels turns.

    The longest way between two images in [0, 1]^I is sqrt(I).
    """
    return _share(margins.distance > np.sqrt(pixels), margins.margin > 0)


def beaten(standing: Array, after: Array) -> Array:
    """Return the share (...) of all images that stand under some attacks and fall under another.

    Parameters
    ----------
    standing, after : (..., N) bool
        Whether the network is right about the image before and after the former attacks, and
        whether it is after the other one.
    """
    return np.mean(standing & ~after, axis=-1)


def unit_scale(margins: Margins) -> Array:
    """Return the factor (E,) that gives the median margin of a network's right answers the size 1.

    Where there is none it is 1.
    """
    medians = average_over(np.median, margins.margin, margins.margin > 0)
    return 1 / np.where(np.isnan(medians), 1, medians)


class _Scaled(PixelModel):
    """A model whose logits are larger by a factor (E,), and whose answers are the same."""

    def __init__(self, model: PixelModel, factor: Array) -> None:
        vars(self).update(vars(model))
        shape, dtype = (*model.network.stack, 1, 1), model.network.dtype
        self._factor = self.backend.to_device(factor.reshape(shape).astype(dtype))

    def forward(self, images: Array) -> Array:
        return super().forward(images) * self._factor

    def gradient(self, dlogits: Array) -> Array:
        return super().gradient(dlogits * self._factor)


def _largest(shares: list[Array], members: int) -> Array:
    """Return the largest (E,) of some shares (E,), or (); nan where there are none."""
    return np.max(shares, axis=0).reshape(members) if shares else np.full(members, np.nan)


def _share(having: Array, counted: Array) -> Array:
    """Return the share (...) of counted samples (..., N) that have a property; nan of none."""
    with np.errstate(invalid="ignore"):
        return (having & counted).sum(axis=-1) / counted.sum(axis=-1)
