import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_utils import load_dataset
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import GrowingGammaWarning
from lpc_scratch.runs.config_file import load_config
from lpc_scratch.training import Recorder, train
from lpc_scratch.training.growth import grows_by_signs, rate_sums, warn_of_growing_gamma
from lpc_scratch.training.trainer import Trainer

PAPER = load_config(Path(__file__).parents[2] / "configs/lpc-l2.yaml", TrainConfig)
DIGITS = (1437, 10)
GROWING = TrainConfig(gamma_schedule="geometric", gamma_every=1)


def warned(config, samples=DIGITS[0], classes=DIGITS[1]):
    """Return the warnings of a configuration as text."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_growing_gamma(config, samples, classes)
    assert {warning.category for warning in caught} <= {GrowingGammaWarning}
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("batch_size", [50, 64, 1000])
def test_learning_rates_are_summed_over_the_steps_that_are_taken(batch_size):
    config = TrainConfig(
        "gaussians",
        batch_size=batch_size,
        epochs=4,
        learning_rate_schedule="step",
        learning_rate_every=2,
        classifier_optimizer="signum",
        classifier_learning_rate=0.1,
        warmup_epochs=2,
    )
    dataset = load_dataset("gaussians")
    steps = Trainer(config, dataset).steps_per_epoch
    expected = steps * np.array([0.05, 0.15, 0.2, 0.25])
    np.testing.assert_allclose(rate_sums(config, len(dataset.y_train)), expected)


@pytest.mark.parametrize(
    ("settings", "known"),
    [
        ({}, True),
        ({"classifier_optimizer": "lion", "optimizer": "sgd"}, True),
        ({"penalty": "exp-coordinate"}, True),
        ({"penalty": "lp"}, False),
        ({"penalty": "max"}, False),
        ({"architecture": "linear"}, False),
        ({"loss": "double-softmax"}, False),
        ({"optimizer": "sgd"}, False),
        ({"classifier_optimizer": "muon"}, False),
        ({"classifier_optimizer": "none"}, False),
        ({"initialization": "he"}, False),
        ({"classifier_initialization": "simplex"}, False),
        ({"classifier_code": Path("code.npy")}, False),
    ],
    ids=str,
)
def test_growth_is_known_of_a_random_start_under_signs_and_a_penalty_like_l2(settings, known):
    assert grows_by_signs(TrainConfig(**settings)) == known


@pytest.mark.parametrize("schedule", ["constant", "geometric"])
def test_what_can_be_followed_is_not_warned_of(schedule):
    assert warned(replace(PAPER, gamma_schedule=schedule)) == []
    assert warned(replace(GROWING, gamma=100, gamma_max=100, epochs=0)) == []
    assert warned(replace(PAPER, optimizer="sgd", gamma_every=1)) == []


@pytest.mark.parametrize(
    "faster",
    [
        {"gamma_every": 3},
        {"gamma_late_factor": 2.0},
        {"gamma_switch": 1e6},
        {"classifier_learning_rate_schedule": "cosine"},
    ],
    ids=str,
)
def test_recipe_of_the_paper_with_a_faster_gamma_or_a_falling_rate_is_warned_of(faster):
    (message,) = warned(replace(PAPER, **faster))
    assert "raise gamma more slowly, cap it with gamma_max" in message


def test_the_first_epoch_beyond_what_is_borne_is_named():
    rate, D, steps = 5e-4, 16, 22
    config = replace(GROWING, gamma=1e-3, gamma_factor=1000, gamma_switch=1e9, epochs=4)
    # gamma 1e-3, 1, 1e3, 1e6; s² = D (0.967 w² + 0.233 w + 0.019) with w = 3 steps at most, and
    # cross-entropy is 0.85 log K for a simplex at s² = 0.741 gamma/D
    w = 3 * rate * steps
    borne = D**2 * (0.9667 * w**2 + 0.2333 * w + 0.01875) / 0.741
    (message,) = warned(config)
    assert "in epoch 3 it is 1e+03" in message
    number = float(message.partition("by then is ")[2].split(",")[0])
    assert number == pytest.approx(borne, rel=0.03)  # the angles of a random code cost the rest


def test_gamma_that_is_too_large_only_at_first_is_caught_up_with():
    config = replace(GROWING, gamma=200.0, gamma_factor=1.01, epochs=120)
    assert warned(config) == []
    (message,) = warned(replace(config, epochs=10))
    assert "in epoch 10 it is" in message


def test_train_warns_before_the_first_epoch():
    config = replace(
        GROWING, dataset="gaussians", hidden=(4,), gamma=1e3, epochs=2, penalty="l2", latent_dim=4
    )

    class Stop(Recorder):
        def begin(self, trainer, result):
            raise KeyboardInterrupt

    with (
        pytest.warns(GrowingGammaWarning, match="grows faster than the classifier can"),
        pytest.raises(KeyboardInterrupt),
    ):
        train(config, recorder=Stop())
