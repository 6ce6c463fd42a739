"""Accuracy under attack, the distance to the nearest boundary, and how steep the margin is."""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np

from lpc_scratch.attacks import (
    AttackResult,
    PixelModel,
    deepfool,
    fgsm,
    margin_gradient_norm,
    pgd,
    square_attack,
)
from lpc_scratch.backend import Array
from lpc_scratch.evaluation.measurement import Measurement
from lpc_scratch.evaluation.subject import Subject

LINF = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
L2 = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
STARTS = 2
STEP = 0.25  # of epsilon: smaller steps find fewer adversarials where logits are nearly flat
QUERIES = 300


def evaluate_robustness(
    subject: Subject, linf: tuple[float, ...], l2: tuple[float, ...], steps: int, seed: int
) -> Iterator[Measurement]:
    """Attack the sample of a subject.

    Epsilons, in pixel units, are those of the largest change of a pixel, `linf`, and of the
    Euclidean length, `l2`. PGD takes so many `steps` after each start; `seed` decides the random
    starts and squares. Raises ConfigError if the run was not trained on images, or an epsilon is
    negative or no number.
    """
    model = PixelModel.from_run(subject.run)
    images, labels = model.pixels(subject.x), subject.y
    shown = f"{len(images)} test images in [0, 1]"
    pgd_settings = (
        f"{steps} steps of epsilon * {STEP:g}, from the point of one full step and from a random "
        f"one, up the cross-entropy and then the margin, {shown}"
    )

    def attack_by_pgd(norm: Literal["linf", "l2"]) -> Callable[[float], AttackResult]:
        def attack(epsilon: float) -> AttackResult:
            length = STEP * epsilon or None
            return pgd(
                model, images, labels, epsilon, norm, steps, length, restarts=STARTS, seed=seed
            )

        return attack

    attacks: tuple[tuple[str, tuple[float, ...], Callable[[float], AttackResult], str], ...] = (
        ("fgsm", linf, lambda e: fgsm(model, images, labels, e), f"one step, {shown}"),
        ("pgd-linf", linf, attack_by_pgd("linf"), pgd_settings),
        ("pgd-l2", l2, attack_by_pgd("l2"), pgd_settings),
        (
            "square-linf",
            linf,
            lambda e: square_attack(model, images, labels, e, QUERIES, seed=seed),
            f"{QUERIES} squares, no gradient, {shown}",
        ),
    )
    for name, epsilons, attack, settings in attacks:
        for epsilon in (0.0, *epsilons):
            accuracy = np.atleast_1d(attack(epsilon).robust_accuracy)
            yield Measurement("robustness", name, "accuracy", accuracy, epsilon, settings)
    yield from _distances(model, images, labels, shown)


def _distances(
    model: PixelModel, images: Array, labels: Array, shown: str
) -> Iterator[Measurement]:
    """Yield DeepFool's distances to the boundary, and what the margin's slope says of them."""
    settings = f"all classes, overshoot 0.02, at most 50 iterations, {shown}"
    found = deepfool(model, images, labels)
    for test, correct_only in (("deepfool", False), ("deepfool, correct only", True)):
        summary = found.summary(correct_only)
        for measure, values in (
            ("rho", summary.rho),
            ("median rho", summary.median_rho),
            ("mean norm", summary.mean_norm),
            ("median norm", summary.median_norm),
            ("flipped share", summary.flipped_share),
        ):
            yield Measurement("robustness", test, measure, np.atleast_1d(values), settings=settings)
    margins = margin_gradient_norm(model, images, labels)
    slopes, heights = np.atleast_2d(margins.gradient_norm), np.atleast_2d(margins.margin)
    distances = [
        np.median(distance[height > 0]) if (height > 0).any() else np.nan
        for distance, height in zip(np.atleast_2d(margins.distance), heights, strict=True)
    ]
    settings = f"logits; the slope is the norm of the margin's gradient, {shown}"
    for measure, values in (
        ("mean slope", slopes.mean(axis=-1)),
        ("mean margin", heights.mean(axis=-1)),
        ("median margin / slope, correct only", np.array(distances)),
    ):
        yield Measurement("robustness", "margin", measure, values, settings=settings)
