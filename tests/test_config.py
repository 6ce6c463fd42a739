from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from data_utils import DATASETS
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError
from lpc_scratch.nn.optim import LEARNING_RATES
from lpc_scratch.runs.config_file import dump_config, load_config

CONFIGS = Path(__file__).parents[1] / "configs"


def test_digits_file_equals_the_defaults():
    assert load_config(CONFIGS / "digits.yaml", TrainConfig) == TrainConfig().with_learning_rates()


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_configuration_is_valid(path):
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings = yaml.safe_load(dump_config(load_config(path, TrainConfig)))
    assert {name: settings[name] for name in written} == written
    assert settings["dataset"] in DATASETS


def test_configuration_survives_a_round_trip_through_yaml(tmp_path):
    config = TrainConfig(
        data_dir="some/folder", hidden=[32], seeds=[1, 2**53 + 1], gamma="1e-4", epsilon=1e-12
    )
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(config))
    assert load_config(path, TrainConfig) == config
    assert config.gamma == 1e-4  # YAML calls 1e-4 text
    assert config.data_dir == Path("some/folder")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"gamma": -1}, "gamma must be at least 0, not -1"),
        ({"gamma": float("nan")}, "gamma must be a finite number, not nan"),
        ({"gamma": float("inf")}, "gamma must be a finite number, not inf"),
        ({"gamma": "much"}, "gamma must be a finite number, not 'much'"),
        ({"gamma": 0, "gamma_schedule": "geometric"}, "gamma must be above 0"),
        ({"gamma_factor": 1}, "gamma_factor must be above 1"),
        ({"learning_rate": 0}, "learning_rate must be above 0"),
        ({"classifier_learning_rate": 0.1}, "classifier_learning_rate 0.1 is that of no optimizer"),
        (
            {"classifier_learning_rate": 0.1, "classifier_optimizer": "none"},
            "classifier_learning_rate 0.1 is that of no optimizer",
        ),
        (
            {"classifier_code": "c.npy", "classifier_initialization": "simplex"},
            "classifier_code c.npy and classifier_initialization simplex are two beginnings",
        ),
        ({"classifier_optimizer": "adagrad"}, "unknown classifier_optimizer 'adagrad': choose one"),
        ({"penalty_power": 0.5}, "penalty_power must be at least 1"),
        ({"descent_power": 1}, "descent_power must be above 1"),
        ({"latent_dim": 0}, "latent_dim must be at least 1, not 0"),
        ({"latent_dim": 2.5}, "latent_dim must be a whole number, not 2.5"),
        ({"latent_dim": 10**20}, "latent_dim must be at most 1000000"),
        ({"hidden": [8, 0]}, r"hidden widths must be 1 to 1000000, not \[8, 0\]"),
        ({"epsilon": 1e-60}, "epsilon 1e-60 is 0 in float32: raise it"),
        ({"epsilon": 1e300}, r"epsilon 1e\+300 is inf in float32: lower it"),
        ({"hidden": [8, True]}, "hidden must be a whole number, not True"),
        ({"hidden": [], "architecture": "none"}, "needs at least one hidden layer"),
        ({"architecture": "lpc"}, "unknown architecture 'lpc': choose one of binary, linear"),
        ({"dropout": 1}, "dropout must be from 0 to below 1"),
        ({"backbone": "resnet", "dropout": 0.1}, "dropout 0.1 is between hidden layers: use"),
        ({"channels": []}, r"channels must be 1 to 1000000, not \[\]"),
        ({"blocks": 0}, "blocks must be at least 1, not 0"),
        ({"stem_stride": 0}, "stem_stride must be at least 1, not 0"),
        ({"crop": -1}, "crop must be at least 0, not -1"),
        ({"batch_norm": 1}, "batch_norm cannot be 1, a int"),
        ({"beta2": 1}, "beta2 must be from 0 to below 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"epochs": -1}, "epochs must be at least 0"),
        ({"seeds": []}, "seeds is empty: name one or more"),
        ({"seeds": [2, -1]}, "^seed must be at least 0, not -1$"),
        ({"seeds": [2, None]}, "^seed must be a whole number, not None$"),
        ({"gammas": ["much"]}, "^gamma must be a finite number, not 'much'$"),
        ({"seeds": [1, 2, 1]}, "seeds must differ"),
        ({"seeds": [1, 1], "gammas": [3, 3]}, r"\[1, 1\] with gammas \[3.0, 3.0\] has one twice"),
        ({"seeds": [1, 2], "gammas": [3]}, "gammas must be as many as seeds, not 1 for 2"),
        ({"seeds": [1, 2], "gammas": [3, -1]}, r"gammas must be at least 0, not \[3.0, -1.0\]"),
        ({"gamma": 10, "gamma_schedule": "geometric", "gamma_max": 1}, "at most gamma_max"),
        ({"dataset": 5}, "dataset cannot be 5, a int"),
    ],
)
def test_bad_value_is_refused_in_one_sentence(setting, message):
    with pytest.raises(ConfigError, match=message) as refusal:
        TrainConfig(**setting)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gama: 10", "unknown key 'gama': did you mean 'gamma'?"),
        ("colour: red", "unknown key 'colour': choose from dataset"),
        ("gamma: -3", "config.yaml: gamma must be at least 0"),
        ("gamma: [", "is not YAML"),
        ("just text", "must hold lines of the form"),
        ("!!python/object/apply:os.getcwd []", "is not YAML"),
        ("1: 2", "unknown key '1'"),
    ],
)
def test_bad_file_is_refused_by_name_in_one_sentence(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as refusal:
        load_config(path, TrainConfig)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "missing.yaml", TrainConfig)


@pytest.mark.parametrize(
    ("settings", "rates"),
    [
        ({}, (LEARNING_RATES["adam"],) * 2),
        ({"optimizer": "sgd"}, (LEARNING_RATES["sgd"],) * 2),
        ({"optimizer": "sgd", "learning_rate": 0.3}, (0.3, 0.3)),
        ({"optimizer": "sgd", "learning_rate": 0.3, "classifier_optimizer": "sgd"}, (0.3, 0.3)),
        ({"classifier_optimizer": "sgd", "learning_rate": 0.3}, (0.3, LEARNING_RATES["sgd"])),
        ({"classifier_optimizer": "adam", "classifier_learning_rate": 0.1}, (5e-4, 0.1)),
        ({"classifier_optimizer": "none"}, (5e-4, 0.0)),
    ],
    ids=str,
)
def test_every_optimizer_has_a_learning_rate_of_its_own(settings, rates):
    config = TrainConfig(**settings)
    assert (config.initial_learning_rate, config.initial_classifier_learning_rate) == rates
    assert config.with_learning_rates().learning_rate == rates[0]


def test_schedules_follow_their_settings():
    config = TrainConfig(
        learning_rate=0.1,
        learning_rate_schedule="step",
        learning_rate_every=4,
        warmup_epochs=2,
        gamma=1.0,
        gamma_schedule="geometric",
        gamma_every=2,
        gamma_max=3.0,
    )
    rates = [config.learning_rate_at(epoch) for epoch in range(5)]
    assert rates == pytest.approx([0.05, 0.1, 0.1, 0.1, 0.05])
    assert [config.gammas_at(epoch) for epoch in range(5)] == [(1,), (1,), (2,), (2,), (3,)]
    assert config.learning_rates_at(1) == pytest.approx(0.1)
    own = replace(config, classifier_learning_rate_schedule="constant")
    assert own.learning_rates_at(8) == pytest.approx((0.025, 0.1))
    cosine = TrainConfig(learning_rate=0.1, learning_rate_schedule="cosine", epochs=10)
    assert cosine.learning_rate_at(5) == pytest.approx(0.05)
    assert TrainConfig(seeds=(1, 2)).gammas_at(99) == (10, 10)
