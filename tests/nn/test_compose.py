"""Layers that hold layers: nothing in them is forgotten, and nothing is overwritten too early."""

import dataclasses

import numpy as np
import pytest

from lpc_scratch import load_run
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError
from lpc_scratch.exports.arrays import write_npz
from lpc_scratch.nn.backbones import BACKBONES, mlp
from lpc_scratch.nn.gradcheck import assert_gradient, assert_layer_gradients
from lpc_scratch.nn.layers import (
    ACTIVATIONS,
    Dropout,
    Layer,
    Linear,
    ReLU,
    Residual,
    Sequential,
    walk,
)
from lpc_scratch.nn.losses import softmax_cross_entropy
from lpc_scratch.nn.network import Network, make_latent_layer
from lpc_scratch.nn.penalties import PENALTIES
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.training import load_configured_dataset, train
from lpc_scratch.training.trainer import Trainer

SMALL = TrainConfig(hidden=(12, 12), latent_dim=4, gamma=0.1, learning_rate=5e-3, epochs=2)


class Centre(Layer):
    """Subtract a running mean, which training changes without a gradient."""

    state_names = ("mean",)

    def __init__(self, width, stack, dtype, backend):
        super().__init__(backend)
        self.mean = self.backend.xp.zeros((*stack, 1, width), dtype)

    def forward(self, x, training=False):
        if training:
            self.mean *= 0.9
            self.mean += 0.1 * x.mean(axis=-2, keepdims=True)
        return x - self.mean

    def backward(self, dy):
        return dy

    def predict(self, x):
        return x - self.mean


def residual_mlp(features, hidden, activation, dropout, stack, dtype, backend, branch=()):
    """Return a perceptron with a residual block after each activation but the first."""
    first, *rest = hidden
    place = (stack, dtype, backend)
    layers = {"0": Linear(features, first, *place), "0.active": ACTIVATIONS[activation](backend)}
    for index, width in enumerate(rest, start=1):
        block = [Linear(first, width, *place), ACTIVATIONS[activation](backend)]
        block += [Dropout(dropout, backend)] if dropout else []
        block += [Linear(width, first, *place), *(make(first, *place) for make in branch)]
        layers[str(index)] = Residual(Sequential(block))
        layers[f"{index}.active"] = ACTIVATIONS[activation](backend)
    return Sequential(layers)


@pytest.fixture
def residual(monkeypatch):
    monkeypatch.setitem(BACKBONES, "mlp", residual_mlp)


@pytest.fixture
def centred(monkeypatch):
    def build(*arguments):
        return residual_mlp(*arguments, branch=(Centre,))

    monkeypatch.setitem(BACKBONES, "mlp", build)


def randomized(layer, rng):
    """Give every parameter a random value, and return the layer."""
    for _, child in [("", layer), *walk(layer)]:
        for name in child.parameter_names:
            parameter = getattr(child, name)
            parameter[...] = child.backend.to_device(rng.normal(size=parameter.shape))
    return layer


BRANCHES = {
    "activation alone": lambda act: [act],
    "activation first": lambda act: [act, Linear(5, 5, dtype=float)],
    "activation last": lambda act: [Linear(5, 5, dtype=float), act],
    "activation between": lambda act: [
        Linear(5, 7, dtype=float),
        act,
        Linear(7, 5, dtype=float),
    ],
    "nested": lambda act: [Sequential([Linear(5, 5, dtype=float)]), Sequential([act])],
}


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_of_residual_branches_match_central_differences(rng, branch, name):
    block = Residual(Sequential(BRANCHES[branch](ACTIVATIONS[name]())))
    for layer in (block, Sequential([Linear(5, 5, dtype=float), ACTIVATIONS[name](), block])):
        assert_layer_gradients(randomized(layer, rng), rng.normal(size=(6, 5)))


def test_activations_work_in_place_only_between_layers_that_hand_over():
    first, between, last = ReLU(), ReLU(), ReLU()
    outer, inner, after_dropout = ReLU(), ReLU(), ReLU()
    branch = Sequential([first, Linear(5, 5), between, Linear(5, 5), last])
    Sequential([Linear(5, 5), outer, Residual(branch), inner, Dropout(0.5), Linear(5, 5)])
    Sequential([Linear(5, 5), Dropout(0.5), after_dropout])
    flags = {
        name: (layer.overwrites_x, layer.overwrites_dy)
        for name, layer in vars().items()
        if isinstance(layer, ReLU)
    }
    assert flags == {
        "first": (False, True),
        "between": (True, True),
        "last": (True, False),
        "outer": (True, True),
        "inner": (True, True),
        "after_dropout": (True, False),
    }


@pytest.mark.parametrize("seeds", [0, (0, 1, 2)])
def test_gradients_of_a_residual_perceptron_with_dropout_match_central_differences(rng, seeds):
    stack = () if seeds == 0 else (3,)
    place = (stack, np.float64, None)
    backbone = residual_mlp(6, (9, 8, 7), "silu", 0.3, *place)
    latent_layer = make_latent_layer("binary", 9, 4, *place)
    network = Network(backbone, latent_layer, Linear(4, 5, *place), 6, seeds)
    x, labels = rng.normal(size=(*stack, 11, 6)), rng.integers(5, size=(*stack, 11))

    def loss():
        network.start_epoch(0)  # the same masks every time
        value, dlogits = softmax_cross_entropy(network.forward(x, training=True), labels)
        penalty, dpenalty = PENALTIES["exp"](network.latent, 2.0)
        return value + penalty, dlogits, dpenalty

    _, dlogits, dpenalty = loss()
    dx = network.backward(dlogits, dpenalty, input_gradient=True).copy()
    gradients = network.gradients.copy()
    assert_gradient(lambda _: loss()[0], network.parameters, gradients)
    assert_gradient(lambda _: loss()[0], x, dx)


def test_input_gradient_of_nested_layers_touches_no_other(rng):
    layer = randomized(residual_mlp(6, (9, 8), "tanh", 0, (), float, None), rng)
    layer.forward(rng.normal(size=(7, 6)))
    dy = rng.normal(size=(7, 9))
    expected = layer.backward(dy).copy()
    gradients = [
        getattr(child, f"d{name}") for _, child in walk(layer) for name in child.parameter_names
    ]
    for gradient in gradients:
        gradient[...] = 3
    assert np.array_equal(layer.backward_input(dy), expected)
    assert all((gradient == 3).all() for gradient in gradients)


@pytest.mark.usefixtures("residual")
def test_nested_parameters_are_named_initialised_and_trained():
    trainer = Trainer(SMALL, load_configured_dataset(SMALL))
    named = trainer.network.named_parameters()
    assert list(named)[:6] == [
        *("hidden.0.W", "hidden.0.b", "hidden.1.branch.0.W", "hidden.1.branch.0.b"),
        *("hidden.1.branch.2.W", "hidden.1.branch.2.b"),
    ]
    before = {name: parameter.copy() for name, parameter in named.items()}
    assert all(np.any(parameter) for parameter in before.values())
    trainer.run_epoch(0)
    assert all(np.mean(named[name] != old) > 0.8 for name, old in before.items())


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
@pytest.mark.usefixtures("centred")
def test_state_is_kept_loaded_resumed_and_exported_as_parameters_are(tmp_path, seeds):
    config = dataclasses.replace(SMALL, seeds=seeds)
    whole = train(dataclasses.replace(config, epochs=4)).network
    train(config, recorder=RunFolder(tmp_path))
    loaded = load_run(tmp_path)
    state = loaded.network.named_state()
    assert list(state) == ["hidden.1.branch.3.mean"]
    assert all(np.any(array) for array in state.values())
    data = loaded.load_dataset()
    resumed = train(
        dataclasses.replace(config, epochs=4), recorder=RunFolder(tmp_path, resume=True)
    ).network
    for name, array in (whole.named_parameters() | whole.named_state()).items():
        found = (resumed.named_parameters() | resumed.named_state())[name]
        assert np.array_equal(found, array), name
    assert np.array_equal(load_run(tmp_path).logits(data.x_test), whole.predict(data.x_test))
    write_npz(tmp_path / "model.npz", load_run(tmp_path), 0)
    exported = np.load(tmp_path / "model.npz")["hidden.1.branch.3.mean"]
    assert np.array_equal(
        exported, whole.named_state()["hidden.1.branch.3.mean"].reshape(-1, 1, 12)[0]
    )


@pytest.mark.usefixtures("centred")
def test_each_member_of_a_stack_has_the_state_that_it_has_alone():
    config = dataclasses.replace(SMALL, hidden=(128, 128), seeds=(3, 4, 5, 6))
    stack = train(config).network  # wide enough to be trained on two threads
    for member, seed in enumerate(config.seeds):
        alone = train(dataclasses.replace(config, seeds=(seed,))).network
        for name, array in alone.named_state().items():
            assert np.array_equal(stack.named_state()[name][member], array)


@pytest.mark.usefixtures("residual")
def test_recorded_step_of_nested_layers_is_that_of_the_cpu(cuda_stand_in):
    config = dataclasses.replace(SMALL, dtype="float64", dropout=0.2)
    expected = train(config).network.parameters
    trainer = Trainer(dataclasses.replace(config, device="gpu"), load_configured_dataset(config))
    for epoch in range(2):
        trainer.run_epoch(epoch)
        trainer.network.forward(cuda_stand_in.xp.zeros((7, 64)))  # replaces all buffers
    assert np.asarray(trainer.network.parameters) == pytest.approx(expected, abs=1e-9)
    kept = {id(array) for buffers in trainer._executor._kept for array in buffers.values()}
    nested = trainer.network.backbone.children["1"]
    assert len(nested.buffers) == 2
    assert len(kept) > 10


@pytest.mark.usefixtures("centred")
def test_other_programs_do_not_get_a_network_that_they_cannot_compute(tmp_path):
    from lpc_scratch.exports.torch import write_torch

    train(SMALL, recorder=RunFolder(tmp_path))
    with pytest.raises(ConfigError, match="has the layer Centre, which other programs do not"):
        write_torch(tmp_path / "model.safetensors", load_run(tmp_path), 0)


class Forgetful(Layer):
    """Has a parameter, and does not say how it begins."""

    parameter_names = ("a",)

    def __init__(self):
        super().__init__()
        self.a, self.da = np.zeros(1, np.float32), np.zeros(1, np.float32)

    def forward(self, x, training=False):
        return x * self.a

    def backward(self, dy):
        return dy * self.a

    def predict(self, x):
        return x * self.a


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([Linear(6, 9), Linear(8, 4)], ValueError, r"from 8 to 4 cannot take \(9,\)"),
        ([Residual(Linear(6, 4))], ValueError, r"the branch of a Residual makes \(4,\) of \(6,\)"),
        ([Linear(6, 4), Forgetful()], TypeError, "Forgetful has the parameters a and no method"),
    ],
)
def test_layer_in_the_wrong_place_fails_loudly(layers, error, message):
    with pytest.raises(error, match=message):
        Network(Sequential(layers), Sequential([]), Linear(4, 3), 6)


def test_names_are_positions_or_those_that_are_given():
    block = Sequential([Linear(3, 3), ReLU(), Sequential({"": Linear(3, 3), "end": ReLU()})])
    assert [name for name, _ in walk(block)] == ["0", "1", "2", "2", "2.end"]
    names = [name for name, _ in walk(mlp(3, (4, 5), "relu", 0.1, (), float, None))]
    assert names == ["0", "0.relu", "1.dropout", "1", "1.relu"]
