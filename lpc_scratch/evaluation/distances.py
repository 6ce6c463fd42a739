"""How far images are from another class, found and guaranteed, and how steep a network is there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from lpc_scratch.attacks import (
    Margins,
    MinimalResult,
    PixelModel,
    margin_gradient_norm,
    spectral_bound,
)
from lpc_scratch.attacks.result import average_over
from lpc_scratch.backend import Array
from lpc_scratch.errors import ConfigError
from lpc_scratch.evaluation.measurement import Finding, LeftOut, Measurement
from lpc_scratch.evaluation.worst_case import AttackedSample

SHORTEST = "shortest l2, correct only"
CERTIFIED = "certified l2, correct only"
DEEPFOOL_SETTINGS = "all classes, overshoot 0.02, at most 50 iterations"


@dataclass(frozen=True, eq=False)
class Slopes:
    """How steep E networks are at N images, in pixel units.

    Attributes
    ----------
    margins : margins and the norms of their gradients, (E, N)
    loss : (E, N), norms of the gradient of the cross-entropy
    """

    margins: Margins
    loss: Array

    @classmethod
    def measure(cls, model: PixelModel, images: Array, labels: Array) -> Self:
        """Measure the slopes at images (N, I) with labels (N,)."""
        margins = margin_gradient_norm(model, images, labels)
        _, gradients = model.loss_gradient(images, labels)
        return cls(
            Margins(*map(np.atleast_2d, (margins.margin, margins.gradient_norm))),
            np.atleast_2d(np.linalg.norm(gradients.astype(np.float64), axis=-1)),
        )


def measure_distances(
    sample: AttackedSample, first_order: MinimalResult, shown: str
) -> Iterator[Measurement]:
    """Yield the shortest distances that any attack has found, and what DeepFool makes of them.

    `first_order` is what DeepFool found, and `shown` says what it was shown. The median counts
    images that no attack has broken as infinitely far; rho, the mean of ||r|| / ||x||, leaves them
    out. The factor is that between the two rhos of the images that DeepFool has broken.
    """
    settings = f"the shortest that any attack found of each image, {shown}"
    shortest, nearest = sample.shortest["l2"], sample.nearest().summary(correct_only=True)
    medians = average_over(np.median, shortest, sample.correct)
    for measure, values in (
        ("median norm", medians),
        ("mean norm", nearest.mean_norm),
        ("rho", nearest.rho),
        ("flipped share", nearest.flipped_share),
    ):
        yield Measurement("robustness", SHORTEST, measure, values, settings=settings)
    settings = f"rho of DeepFool over that of the shortest, on the images that it broke, {shown}"
    test = "deepfool / shortest, correct only"
    factor = overstatement(sample, first_order)
    yield Measurement("robustness", test, "factor of rho", factor, settings=settings)
    settings = f"{DEEPFOOL_SETTINGS}, {shown}"
    for test, correct_only in (("deepfool", False), ("deepfool, correct only", True)):
        summary = first_order.summary(correct_only)
        for measure, values in (
            ("rho", summary.rho),
            ("median rho", summary.median_rho),
            ("mean norm", summary.mean_norm),
            ("median norm", summary.median_norm),
            ("flipped share", summary.flipped_share),
        ):
            yield Measurement("robustness", test, measure, np.atleast_1d(values), settings=settings)


def overstatement(sample: AttackedSample, first_order: MinimalResult) -> Array:
    """Return by which factor (E,) DeepFool's rho exceeds that of the shortest found.

    Both are over the images that it has broken, of those that a network is right about; nan where
    there is none.
    """
    lengths = np.linalg.norm(sample.images.astype(np.float64), axis=-1)
    counted = sample.correct & first_order.flipped & (lengths > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = [
            np.where(counted, norms / lengths, 0).sum(axis=-1)
            for norms in (first_order.norms(), sample.shortest["l2"])
        ]
        return np.divide(*sums)


def measure_slopes(sample: AttackedSample, slopes: Slopes, shown: str) -> Iterator[Finding]:
    """Yield how steep margin and loss are, and how far that is known to reach.

    The certified radius is far below the distances that attacks find, by the factor that is the
    last row; of networks that are no perceptrons there is none.
    """
    margins, right = slopes.margins, slopes.margins.margin > 0
    settings = f"logits; the slope is the norm of the margin's gradient, {shown}"
    for measure, values in (
        ("mean slope", margins.gradient_norm.mean(axis=-1)),
        ("maximal slope", margins.gradient_norm.max(axis=-1)),
        ("mean margin", margins.margin.mean(axis=-1)),
        ("median margin / slope, correct only", average_over(np.median, margins.distance, right)),
    ):
        yield Measurement("robustness", "margin", measure, values, settings=settings)
    settings = f"norm of the cross-entropy's gradient, in nats a pixel unit, {shown}"
    for measure, values in (
        ("mean norm", slopes.loss.mean(axis=-1)),
        ("maximal norm", slopes.loss.max(axis=-1)),
    ):
        yield Measurement("robustness", "loss gradient", measure, values, settings=settings)
    try:
        radii = np.atleast_2d(spectral_bound(sample.model, sample.images, sample.labels))
    except ConfigError as error:
        yield LeftOut("robustness", CERTIFIED, str(error))
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        factors = sample.shortest["l2"] / radii
    settings = f"the margin over sqrt(2) times the product of all spectral norms, {shown}"
    for measure, values in (
        ("median radius", average_over(np.median, radii, sample.correct)),
        ("median of shortest / radius", average_over(np.median, factors, sample.correct)),
    ):
        yield Measurement("robustness", CERTIFIED, measure, values, settings=settings)
