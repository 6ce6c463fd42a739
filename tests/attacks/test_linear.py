"""Linear classifiers, whose distances are known: the margin over the dual norm of its slope."""

import numpy as np
import pytest

from lpc_scratch.attacks import apgd, ddn, pgd, square_attack

BOUNDED = {
    "pgd": pgd,
    "targeted pgd": lambda *given, norm: pgd(*given, norm=norm, targets=3),
    "apgd": apgd,
    "apgd of the margin": lambda *given, norm: apgd(*given, norm=norm, loss="margin"),
    "targeted apgd": lambda *given, norm: apgd(*given, norm=norm, targets=3),
}


@pytest.mark.parametrize("attack", BOUNDED)
@pytest.mark.parametrize(("norm", "dual"), [("l2", 2), ("linf", 1)])
@pytest.mark.parametrize("classes", [2, 4])
def test_attack_flips_from_the_distance_on_and_never_below(
    attack, make_model, smallest_epsilons, images, norm, dual, classes
):
    model = make_model(hidden=(), classes=classes)
    labels, distances = smallest_epsilons(model, images, dual)
    assert 0 < distances.min() < distances.max() < 0.3  # so that no pixel is clipped
    for chosen in range(0, 24, 4):
        given, distance = (images[chosen : chosen + 1], labels[chosen]), distances[chosen]
        for factor in (0.999, 1.001):
            found = BOUNDED[attack](model, given[0], given[1:], factor * distance, norm=norm)
            assert found.flipped.all() == (factor > 1)


def test_square_attack_flips_from_the_distance_on(make_model, smallest_epsilons, images):
    model = make_model(hidden=(), classes=2)
    labels, distances = smallest_epsilons(model, images, 1)
    for chosen in range(0, 24, 8):
        for factor in (0.999, 1.001):
            given = (model, images[chosen : chosen + 1], labels[chosen : chosen + 1])
            found = square_attack(*given, factor * distances[chosen], 1500)
            assert found.flipped.all() == (factor > 1)


@pytest.mark.parametrize(("norm", "dual"), [("l2", 2), ("linf", 1)])
@pytest.mark.parametrize(("classes", "settings"), [(4, {}), (2, {"targets": 0, "steps": 200})])
@pytest.mark.parametrize("seeds", [0, [0, 1]])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ddn_finds_the_distance(
    make_model, smallest_epsilons, images, norm, dual, classes, settings, seeds, dtype
):
    model = make_model(seeds, hidden=(), dtype=dtype, classes=classes)
    _, distances = smallest_epsilons(model, images, dual)
    found = ddn(model, images, norm=norm, **settings)
    assert found.flipped.all()
    assert found.norms(norm) == pytest.approx(distances, rel=1e-3)
    assert (found.norms(norm) > distances * (1 - 1e-5)).all()


@pytest.mark.parametrize("attack", [pgd, apgd])
@pytest.mark.parametrize("targets", [1, 2, 3, 9])
def test_targets_are_the_most_likely_wrong_classes_one_after_the_other(
    attack, make_model, images, targets
):
    model = make_model([0, 1], hidden=())
    ranking = np.argsort(-model.logits(images), axis=-1)
    labels, last = ranking[..., 0], ranking[..., min(targets, 3)]
    found = attack(model, images, labels, 1e-5, targets=targets)  # flips none
    W = (next(model.network.leaves()).W @ model.network.classifier.W).mT
    way = np.take_along_axis(W, last[..., None], -2) - np.take_along_axis(W, labels[..., None], -2)
    assert not found.flipped.any()
    assert found.perturbations == pytest.approx(1e-5 * np.sign(way))
