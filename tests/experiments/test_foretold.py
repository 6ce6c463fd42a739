import pytest

from lpc_scratch.config import TrainConfig
from lpc_scratch.experiments.foretold import FORETOLD, foretell

MNIST = TrainConfig(
    hidden=(512, 512, 512),
    latent_dim=64,
    gamma=100.0,
    learning_rate=1e-4,
    learning_rate_schedule="step",
    batch_size=128,
    epochs=30,
)
"""The recipe of `configs/mnist.yaml`: 468 steps an epoch, learning rates of sum 0.461."""


def test_the_recipe_of_mnist_by_hand_and_close_to_what_came_of_it():
    classifier, norm, cross_entropy, largest = foretell(MNIST, 60_000, 10).values()
    # 0.9 (64 x 0.4607)²/3.379, and √(640 (0.967 w² + (1 - 1/15) w/8 + 0.9/3/64))
    assert largest == pytest.approx(231.5, rel=1e-3)
    assert classifier == pytest.approx(12.99, rel=1e-3)
    # measured in `results/mnist-gamma`
    assert (classifier, norm, cross_entropy) == pytest.approx((13.77, 0.567, 0.489), rel=0.06)


@pytest.mark.parametrize(
    "unknown",
    [
        {"samples": 0},
        {"epochs": 0},
        {"optimizer": "sgd"},
        {"architecture": "none"},
        {"penalty": "max"},
    ],
    ids=str,
)
def test_nothing_is_foretold_of_what_theory_does_not_know(unknown):
    samples = unknown.pop("samples", 1437)
    assert foretell(TrainConfig(**unknown), samples, 10) == dict.fromkeys(FORETOLD)


def test_without_a_penalty_there_is_no_norm_and_a_growing_gamma_is_the_last():
    found = foretell(TrainConfig(gamma=0), 1437, 10)
    assert found["largest_gamma"] == pytest.approx(82.51, abs=0.01)
    assert found["settings_norm"] is found["settings_cross_entropy"] is None
    growing = TrainConfig(gamma=1, gamma_schedule="geometric", gamma_every=99, gamma_factor=100)
    assert foretell(growing, 1437, 10) == foretell(TrainConfig(gamma=100), 1437, 10)


def test_the_exponential_of_a_coordinate_is_that_of_all_for_a_code():
    known = [foretell(TrainConfig(penalty=p), 1437, 10) for p in ("exp", "exp-coordinate")]
    assert known[0] == known[1]
