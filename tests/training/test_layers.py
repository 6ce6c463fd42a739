"""Layers measured while a network trains."""

import pytest

from data_utils import load_dataset
from lpc_scratch.config import TrainConfig
from lpc_scratch.metrics import measure_layers
from lpc_scratch.nn.inference import hidden_layers
from lpc_scratch.training import train
from lpc_scratch.training.layers import LayerMeasurements


def test_layers_are_measured_whenever_the_run_is():
    config = TrainConfig(hidden=(6, 5), latent_dim=3, epochs=1, architecture="none", seeds=(0, 1))
    digits = load_dataset("digits")
    x, labels = digits.x_train[:150], digits.y_train[:150]
    layers = LayerMeasurements(x, labels, member=1)
    network = train(config, digits, recorder=layers).network
    assert list(layers.found) == [0, 1]
    of_member = {name: z[1] for name, z in hidden_layers(network, x).items()}
    W = network.named_parameters()["classifier.W"][1]
    expected = measure_layers(of_member, labels, classifier_weight=W, weight_layout="columns")
    assert list(layers.found[1]) == list(expected) == ["hidden.0.relu", "hidden.1.relu", "latent"]
    for name, measured in expected.items():
        assert layers.found[1][name].values["nc1"] == pytest.approx(measured.values["nc1"])
    for name in ("nc3", "nc0"):
        assert layers.found[1]["latent"].values[name] == expected["latent"].values[name]
        assert layers.found[0]["latent"].values[name] != expected["latent"].values[name]
