"""The suite of attacks: its worst case, its distances, and what it says of each attack."""

import numpy as np
import pytest

from lpc_scratch.attacks import MinimalResult
from lpc_scratch.config import TrainConfig
from lpc_scratch.evaluation.distances import CERTIFIED
from lpc_scratch.evaluation.measurement import LeftOut
from lpc_scratch.evaluation.robustness import evaluate_robustness
from lpc_scratch.evaluation.subject import load_subjects
from lpc_scratch.evaluation.worst_case import NORMS, AttackedSample, AttackSettings
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.training import train

SETTINGS = AttackSettings((0.05, 0.3), (0.5, 1.0), steps=5, targets=2, queries=30)
OF_NORM = {
    "linf": (
        "ddn-linf",
        "fgsm",
        "pgd-linf",
        "apgd-linf",
        "apgd-t-linf",
        "transfer-linf",
        "square-linf",
    ),
    "l2": ("pgd-l2", "apgd-l2", "apgd-t-l2", "ddn-l2", "deepfool-l2"),
}


def make_subject(folder, samples, **settings):
    config = TrainConfig(hidden=(32,), latent_dim=8, gamma=1, learning_rate=5e-3, seeds=(0, 1))
    train(TrainConfig(**vars(config) | settings), recorder=RunFolder(folder))
    return load_subjects([folder], samples, 0, "cpu")[0]


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return make_subject(tmp_path_factory.mktemp("runs") / "run", 80, epochs=8)


@pytest.fixture(scope="module")
def found(subject):
    return list(evaluate_robustness(subject, SETTINGS))


def values(measurements, test, measure="accuracy"):
    """Return the values of a test, (levels, E)."""
    found = [m.values for m in measurements if (m.test, m.measure) == (test, measure)]
    assert found, (test, measure)
    return np.stack(found)


def test_worst_case_is_never_above_an_attack_and_every_attack_has_a_row(subject, found):
    clean = np.mean(subject.logits(subject.x).argmax(-1) == subject.y, axis=-1)
    assert np.array_equal(values(found, "no attack"), [clean])
    for norm, attacks in OF_NORM.items():
        worst = values(found, f"worst case, {norm}")
        for attack in attacks:
            accuracy = values(found, attack)
            assert accuracy.shape == (2, 2)
            assert (worst <= accuracy).all(), attack
            assert (accuracy <= clean).all()
        assert (np.diff(worst, axis=0) <= 0).all()
    tests = {m.test for m in found if m.suite == "robustness" and m.level}
    worst_cases = {f"worst case, {norm}" for norm in NORMS}
    assert tests == {*OF_NORM["linf"], *OF_NORM["l2"], *worst_cases}
    assert (values(found, "pgd-linf") <= values(found, "fgsm")).all()
    assert "saw only the images that no other" in next(
        m.settings for m in found if m.test == "square-linf"
    )


def test_distances_are_the_shortest_and_deepfool_overstates_them(found):
    shortest, deepfool = "shortest l2, correct only", "deepfool, correct only"
    assert (values(found, shortest, "median norm") > 0).all()
    for measure in ("median norm", "mean norm", "rho"):
        both = values(found, shortest, measure), values(found, deepfool, measure)
        assert (both[0] <= both[1]).all(), measure
    assert values(found, deepfool, "flipped share").min() == 1  # so that both rhos are of all
    factor = values(found, deepfool, "rho") / values(found, shortest, "rho")
    test = "deepfool / shortest, correct only"
    assert values(found, test, "factor of rho") == pytest.approx(factor)
    radius = values(found, CERTIFIED, "median radius")
    assert (radius > 0).all()
    assert (radius < values(found, shortest, "median norm")).all()


def test_margins_are_those_of_the_logits(subject, found):
    logits, rows = subject.logits(subject.x), np.arange(len(subject.y))
    own = logits[:, rows, subject.y]
    logits[:, rows, subject.y] = -np.inf
    expected = np.mean(own - logits.max(axis=-1), axis=-1)
    assert values(found, "margin", "mean margin")[0] == pytest.approx(expected, rel=1e-5)
    slopes = (values(found, "margin", f"{kind} slope") for kind in ("mean", "maximal"))
    assert np.less(*slopes).all()


def test_network_that_is_no_perceptron_has_no_certified_distance(tmp_path):
    subject = make_subject(tmp_path / "run", 4, backbone="cnn", channels=(2,), epochs=0, seeds=(0,))
    found = list(evaluate_robustness(subject, AttackSettings((0.1,), (), 1, 1, 1)))
    (missing,) = (m for m in found if isinstance(m, LeftOut))
    assert (missing.suite, missing.test) == ("robustness", CERTIFIED)
    assert [m for m in found if m.test in (CERTIFIED, "transfer-linf")] == [missing]


class FirstPixel:
    """Stands in for two models that answer 1 where the first of two pixels is above 0.5 or 0.25."""

    def logits(self, images):
        first = np.broadcast_to(images, (2, *images.shape[-2:]))[..., :1]
        above = first > np.array([0.5, 0.25])[:, None, None]
        return np.concatenate([~above, above], axis=-1).astype(float)


def move(images, labels, change):
    """Move the first pixel: an attack on the stack."""
    model = FirstPixel()
    after = np.broadcast_to(images + np.array([change, 0]), (2, *images.shape))
    correct, right = (model.logits(x).argmax(axis=-1) == labels for x in (images, after))
    steps = np.ones(right.shape, int)
    return MinimalResult(images, after, correct, ~correct | ~right, steps)


def test_what_is_broken_needs_no_further_attack_and_counts_wherever_it_fits():
    images = np.array([[0.2, 0], [0.4, 0], [0.9, 0], [0.1, 0]])
    sample = AttackedSample(FirstPixel(), images, np.array([0, 0, 1, 1]))
    assert np.array_equal(sample.correct, [[1, 1, 1, 0], [1, 0, 1, 0]])
    sample.attack("first", "linf", 0.2, lambda x, y, epsilon: move(x, y, epsilon))
    assert np.array_equal(sample.standing("linf", 0.2, "first"), [[1, 0, 1, 0], [0, 0, 1, 0]])
    shown = []

    def second(x, y, _):
        shown.append((x, y))
        return move(x, y, -0.7)

    sample.attack("second", "linf", 0.2, second, left_only=True)
    assert np.array_equal(shown[0][0], images[[0, 2]])  # row 0 stands on the first network
    assert np.array_equal(sample.standing("linf", 0.2, "second"), [[1, 0, 0, 0], [0, 0, 0, 0]])
    assert np.array_equal(sample.gained("linf", 0.2, "second"), [[0, 0, 1, 0], [0, 0, 1, 0]])
    assert sample.shortest["l2"] == pytest.approx(
        np.array([[np.inf, 0.2, 0.7, 0], [0.2, 0, 0.7, 0]])
    )
    assert np.array_equal(sample.worst_case("l2", 0.5), [[1, 0, 1, 0], [0, 0, 1, 0]])
    assert np.array_equal(sample.worst_case("l2", 0.7), [[1, 0, 0, 0], [0, 0, 0, 0]])
    sample.attack_without_bound("far", "l2", (0.4,), lambda x, y: move(x, y, 0.31))
    assert np.array_equal(sample.worst_case("linf", 0.31), [[0, 0, 1, 0], [0, 0, 1, 0]])
    assert sample.closest[0, :3, 0] == pytest.approx([0.51, 0.6, 0.2])
