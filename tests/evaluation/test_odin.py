"""ODIN's step towards the predicted class, and its probability at a high temperature."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax

from lpc_scratch.config import TrainConfig
from lpc_scratch.evaluation.odin import EPSILON, odin_scores
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.runs.load import load_run
from lpc_scratch.training import train

CONFIG = TrainConfig(
    hidden=(16,), latent_dim=6, gamma=1, epochs=2, learning_rate=5e-3, seeds=(0, 1), dtype="float64"
)


@pytest.fixture(scope="module", params=["digits", "gaussians"])
def subject(request, tmp_path_factory):
    """A stack of two networks, 30 test samples, and a unit of epsilon in numbers as stored."""
    folder = tmp_path_factory.mktemp(request.param) / "run"
    train(replace(CONFIG, dataset=request.param), recorder=RunFolder(folder))
    run = load_run(folder)
    unit = 16 if request.param == "digits" else 1 / run.scale
    return run, run.load_dataset().x_test[:30].astype(float), unit


def test_without_a_step_it_is_the_probability_at_that_temperature(subject):
    run, x, _ = subject
    for temperature in (1.0, 1000.0):
        expected = log_softmax(run.logits(x) / temperature, axis=-1).max(axis=-1)
        found = odin_scores(run, x, 0, temperature)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_step_makes_every_network_surer_by_the_length_of_its_slope(subject):
    run, x, unit = subject
    epsilon = 1e-6  # of a difference quotient: central, and of every input on its own
    slopes = 0
    for feature in range(x.shape[1]):
        change = np.zeros(x.shape[1])
        change[feature] = 1
        ahead, behind = (
            log_softmax(run.logits(x + sign * epsilon * change * unit) / 10, axis=-1).max(axis=-1)
            for sign in (1, -1)
        )
        slopes = slopes + np.abs(ahead - behind) / (2 * epsilon)
    found = (odin_scores(run, x, epsilon, 10.0) - odin_scores(run, x, 0, 10.0)) / epsilon
    np.testing.assert_allclose(found, slopes, rtol=1e-3)
    assert (found > 0).all()


def test_pytorch_ood_gives_the_same_with_the_other_sign(subject):
    torch = pytest.importorskip("torch")
    detectors = pytest.importorskip("pytorch_ood.detector")
    run, x, _ = subject
    named = {name: torch.tensor(array) for name, array in run.network.named_parameters().items()}
    step = EPSILON * (2 if len(run.image_shape) > 1 else 1)  # pixels are standardised to [-1, 1]
    for member, ours in enumerate(odin_scores(run, x)):
        w, v, u, *biases = (
            named[f"{layer}.{kind}"][member]
            for kind in ("W", "b")
            for layer in ("hidden.0", "latent", "classifier")
        )

        def network(h, w=w, v=v, u=u, b=biases):
            return (torch.relu(h @ w + b[0]) @ v + b[1]) @ u + b[2]

        theirs = detectors.ODIN(network, eps=step).predict(torch.tensor(run.standardise(x)))
        np.testing.assert_allclose(np.exp(ours), -theirs.numpy(), rtol=1e-12)
