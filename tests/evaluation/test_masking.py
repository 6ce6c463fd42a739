"""Signs of gradient masking fire for networks that mislead attacks, and for no others."""

from types import SimpleNamespace

import numpy as np
import pytest

from lpc_scratch.attacks import Margins, PixelModel, fgsm
from lpc_scratch.config import TrainConfig
from lpc_scratch.evaluation.masking import (
    TARGETS,
    beaten,
    beyond_all_images,
    unit_scale,
    without_gradient,
)
from lpc_scratch.evaluation.measurement import FIRED
from lpc_scratch.evaluation.robustness import evaluate_robustness
from lpc_scratch.evaluation.subject import load_subjects
from lpc_scratch.evaluation.worst_case import AttackSettings, transferred
from lpc_scratch.nn.backbones import mlp
from lpc_scratch.nn.layers import Linear
from lpc_scratch.nn.network import Network, make_latent_layer
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.training import train

QUICK = AttackSettings(steps=20, queries=60)
LINF = AttackSettings(linf=(0.05,), l2=(), steps=20, queries=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a run of two networks that have learned the digits."""
    path = tmp_path_factory.mktemp("runs") / "run"
    config = TrainConfig(
        hidden=(64,),
        latent_dim=8,
        architecture="linear",
        epochs=8,
        learning_rate=5e-3,
        seeds=(0, 1),
    )
    train(config, recorder=RunFolder(path))
    return path


@pytest.fixture
def subject(folder):
    """Return the run, loaded anew, with 60 test images."""
    return load_subjects([folder], 60, 0, "cpu")[0]


def fired(subject, settings=QUICK):
    """Return the names of the signs that fire, for each network."""
    found = [
        m for m in evaluate_robustness(subject, settings) if getattr(m, "measure", "") == FIRED
    ]
    assert {m.suite for m in found} == {"masking"}
    assert len({m.test for m in found}) == len(found) == 8
    return [{m.test for m in found if m.values[e] == 1} for e in range(len(found[0].values))]


def test_no_sign_fires_for_networks_that_hide_nothing(subject):
    assert fired(subject) == [set(), set()]


def test_logits_that_are_far_too_large_are_found_out(subject):
    classifier = subject.run.network.classifier
    classifier.W *= 1e4
    classifier.b *= 1e4
    assert fired(subject, LINF) == [{"no gradient of the loss", "scale of the logits"}] * 2


def test_gradients_that_are_dead_are_found_out(rng):
    subject = steps_of_a_stairway(rng)
    (signs,) = fired(subject, LINF)
    assert signs == {
        "no gradient of the loss",
        "flat margin",
        "queries beat gradients",
        "right without bound",
    }


def steps_of_a_stairway(rng):
    """Return images of 4 x 4 and a network of two classes that is flat but for a narrow step.

    Its logits are h - 0.5 and 0.5 - h with h = min(max(1000 u, 0), 1), u linear in the pixels.
    """
    place = ((), np.float32, None)
    backbone = mlp(16, (2, 1), "relu", 0.0, *place)
    latent_layer = make_latent_layer("none", 1, 1, *place)
    network = Network(backbone, latent_layer, Linear(1, 2, *place), 16)
    first, second, last = (layer for layer in network.leaves() if isinstance(layer, Linear))
    first.W[:] = 1000 * np.tile([0.25, -0.25, 0.25, 0.25], 4)[:, None]  # columns, as stripes are
    first.b[:], second.W[:], second.b[:] = [[0, -1]], [[1], [-1]], 0
    last.W[:], last.b[:] = [[1, -1]], [[-0.5, 0.5]]
    data = {"image_shape": (4, 4), "scale": 2 / 255, "shift": -1.0, "white": None}
    run = SimpleNamespace(network=network, feature_mean=None, feature_deviation=None, **data)
    x = rng.integers(77, 179, (60, 16))
    labels = network.predict(np.float32(x / 127.5 - 1)).argmax(axis=-1)
    return SimpleNamespace(run=run, x=x, y=labels)


def test_signs_fire_above_their_threshold_alone():
    number, warning = TARGETS.judge(np.array([0.0299, 0.03, 0.0301, np.nan]))
    assert np.array_equal(warning.values, [0, 0, 1, np.nan], equal_nan=True)
    assert (number.level, warning.measure, warning.test) == (0.03, FIRED, number.test)


def test_shares_are_those_of_a_count_by_hand():
    right = np.array([[True, True, True, False], [False] * 4])
    norms = np.array([[0, 1e-13, 1e-11, 0], [0, 0, 0, 0]])
    assert without_gradient(norms, right) == pytest.approx([2 / 3, np.nan], nan_ok=True)
    margins = Margins(np.array([[8.0, 1, 2, -1]]), np.array([[1.0, 0, 1, 0]]))
    assert beyond_all_images(margins, 49) == pytest.approx([2 / 3])
    assert beyond_all_images(margins, 81) == pytest.approx([1 / 3])
    assert unit_scale(margins) == pytest.approx([1 / 2])
    assert beaten(np.array([[True, True, False]]), np.array([[True, False, False]])) == [1 / 3]


def test_every_network_is_shown_what_broke_the_others(subject):
    model = PixelModel.from_run(subject.run)
    images = model.pixels(subject.x)
    result = fgsm(model, images, subject.y, 0.1)
    found = transferred(model, subject.y, result)
    seen = model.logits(result.adversarials[::-1]).argmax(axis=-1)  # each on the other network
    assert np.array_equal(found.flipped, (seen != subject.y) | ~result.correct)
    assert found.flipped[result.correct].any()
    again = model.logits(found.adversarials).argmax(axis=-1) != subject.y
    assert np.array_equal(found.flipped, again)
