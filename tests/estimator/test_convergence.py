import pytest

from lpc_scratch.config import TrainConfig
from lpc_scratch.estimator.convergence import LEAST_STEPS, MARGIN, bearable_gamma, settle
from lpc_scratch.metrics import largest_gamma

BOTH = ("epochs", "gamma")


@pytest.mark.parametrize(
    ("settings", "samples", "epochs", "rates"),
    [
        ({}, 10, 1000, 0.5),
        ({}, 64, 1000, 0.5),
        ({}, 127, 1000, 0.5),
        ({}, 150, 500, 0.5),
        ({}, 1000, 100, 0.75),
        ({"latent_dim": 2}, 6400, 100, 5.0),
        ({"batch_size": 7, "latent_dim": 8}, 75, 100, 0.5),
        ({"learning_rate": 1e-4, "optimizer": "adamw"}, 150, 500, 0.1),
        # half of the first rate in the first epoch, 1 in the next two, then 1/2, 1/4, …
        (
            {"learning_rate_schedule": "step", "learning_rate_every": 3, "warmup_epochs": 2},
            64,
            1000,
            (0.5 + 1 + 1 + 3) * 5e-4,
        ),
        ({"learning_rate_schedule": "cosine"}, 64, 1000, (1000 + 1) / 2 * 5e-4),
    ],
    ids=str,
)
def test_epochs_make_enough_steps_and_gamma_is_what_their_rates_bear(
    settings, samples, epochs, rates
):
    config = TrainConfig(**settings)
    settled = settle(config, BOTH, samples, classes=3)
    assert settled.epochs == epochs
    bearable = largest_gamma(config.latent_dim, 3, rates)
    assert bearable_gamma(settled, samples, classes=3) == pytest.approx(bearable)
    assert settled.gamma == pytest.approx(min(10, bearable / MARGIN))


@pytest.mark.parametrize(
    ("settings", "samples"),
    [
        ({}, 1437),  # the digits, on which these are known to work
        ({"latent_dim": 64}, 10**6),
        ({"optimizer": "sgd", "latent_dim": 1}, 10**5),
        ({"gamma_schedule": "geometric", "latent_dim": 1}, 10**5),
    ],
    ids=str,
)
def test_settings_of_a_run_stay_where_they_work_or_nothing_is_known(settings, samples):
    config = TrainConfig(**settings)
    assert settle(config, BOTH, samples, classes=10) == config


def test_only_what_is_left_to_the_data_changes():
    config = TrainConfig(latent_dim=2, epochs=20)
    assert settle(config, (), 64, classes=3) == config
    assert settle(config, ("gamma",), 64, classes=3).epochs == 20
    settled = settle(config, ("epochs",), 64, classes=3)
    assert (settled.epochs, settled.gamma) == (LEAST_STEPS, 10)
