from typing import get_args

import numpy as np
import pytest

from lpc_scratch.nn.backbones import mlp
from lpc_scratch.nn.gradcheck import GradientError, assert_gradient
from lpc_scratch.nn.layers import ACTIVATIONS, Activation, Dropout, Linear, walk
from lpc_scratch.nn.losses import LOSSES
from lpc_scratch.nn.network import Architecture, Network, make_latent_layer
from lpc_scratch.nn.penalties import PENALTIES

ARCHITECTURES = get_args(Architecture)


def make(architecture="binary", backend=None, seeds=0, dtype=np.float64, **settings):
    """A perceptron for 6 features and 5 classes, with 4 latent dimensions."""
    place = ((len(seeds),) if isinstance(seeds, list) else (), dtype, backend)
    settings = {"hidden": (9, 8), "activation": "relu", "dropout": 0.0} | settings
    width = (settings["hidden"] or [6])[-1]
    latent_layer = make_latent_layer(architecture, width, 4, *place)
    classifier = Linear(width if architecture == "none" else 4, 5, *place)
    return Network(mlp(6, *settings.values(), *place), latent_layer, classifier, 6, seeds)


def total_loss(network, x, labels, loss="softmax", penalty="exp", gamma=2.0, penalized=True):
    """Loss of each stacked network, and the gradients of the two terms."""
    logits = network.forward(x)
    cross_entropy, dlogits = LOSSES[loss](logits, labels)
    value, dpenalty = PENALTIES[penalty](network.latent, gamma) if penalized else (0.0, None)
    return cross_entropy + value, dlogits, dpenalty


@pytest.mark.parametrize("seeds", [0, [0, 1, 2]])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("architecture", "activation", "penalty"),
    [(architecture, "relu", "exp") for architecture in ARCHITECTURES]
    + [("binary", activation, "exp") for activation in ACTIVATIONS if activation != "relu"]
    + [("binary", "relu", penalty) for penalty in PENALTIES if penalty != "exp"],
)
def test_network_gradients_match_central_differences(
    backend, rng, architecture, activation, penalty, loss, seeds
):
    network = make(architecture, backend, seeds, activation=activation)
    stack = np.shape(seeds)
    x = backend.to_device(rng.normal(size=(*stack, 7, 6)))
    labels = backend.to_device(rng.integers(5, size=(*stack, 7)))

    def value(_):
        return total_loss(network, x, labels, loss, penalty)[0]

    _, dlogits, dpenalty = total_loss(network, x, labels, loss, penalty)
    dx = network.backward(dlogits, dpenalty, input_gradient=True).copy()
    gradients = network.gradients.copy()
    assert_gradient(value, network.parameters, gradients, name="dparameters")
    assert_gradient(value, x, dx, name="dx")


@pytest.mark.parametrize("seeds", [0, [0, 1, 2]])
@pytest.mark.parametrize("common", [False, True])
@pytest.mark.parametrize(
    ("architecture", "activation", "hidden"),
    [(architecture, "relu", (9, 8)) for architecture in ARCHITECTURES]
    + [("linear", activation, (9, 8)) for activation in ACTIVATIONS]
    + [("nonlinear", "relu", ())],
)
def test_input_gradients_of_several_functions_of_one_forward_match_central_differences(
    backend, rng, architecture, activation, hidden, common, seeds
):
    network = make(architecture, backend, seeds, activation=activation, hidden=hidden)
    x = backend.to_device(rng.normal(size=(*(() if common else np.shape(seeds)), 7, 6)))
    network.forward(x)
    upstreams = [backend.to_device(rng.normal(size=(*np.shape(seeds), 7, 5))) for _ in range(3)]
    gradients = [network.input_gradient(dlogits).copy() for dlogits in upstreams]
    for dlogits, dx in zip(upstreams, gradients, strict=True):
        if common and np.shape(seeds):
            dx = dx.sum(axis=0)  # all members see the same x
        assert_gradient(network.forward, x, dx, dlogits, name="dx")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_input_gradient_is_that_of_backward_to_the_bit_and_touches_no_parameter_gradient(
    rng, architecture
):
    network, x, dlogits = make(architecture), rng.normal(size=(7, 6)), rng.normal(size=(7, 5))
    network.forward(x)
    expected = network.backward(dlogits, input_gradient=True).copy()
    network.gradients[...] = before = rng.normal(size=network.gradients.shape)
    given = dlogits.copy()
    assert np.array_equal(network.input_gradient(dlogits), expected)
    assert np.array_equal(network.gradients, before)
    assert np.array_equal(dlogits, given)


def test_input_gradient_goes_through_the_dropout_of_its_forward(rng):
    network, x = make(dropout=0.5), rng.normal(size=(7, 6))
    network.start_epoch(1)
    dlogits = network.forward(x, training=True).copy()
    expected = network.backward(dlogits, input_gradient=True).copy()
    assert np.array_equal(network.input_gradient(dlogits), expected)
    network.forward(x)
    assert not np.array_equal(network.input_gradient(dlogits), expected)


def test_network_check_rejects_a_forgotten_penalty(rng):
    network, x, labels = make(), rng.normal(size=(7, 6)), rng.integers(5, size=7)
    _, dlogits, _ = total_loss(network, x, labels)
    network.backward(dlogits)
    with pytest.raises(GradientError):
        assert_gradient(
            lambda _: total_loss(network, x, labels)[0],
            network.parameters,
            network.gradients.copy(),
        )


def test_dropout_network_gradients_match_central_differences(backend, rng):
    network = make(backend=backend, seeds=[3, 4], dropout=0.5, hidden=(9, 9, 9))
    x = backend.to_device(rng.normal(size=(2, 7, 6)))
    labels = backend.to_device(rng.integers(5, size=(2, 7)))

    def step(_=None):
        network.start_epoch(1)  # the same masks at every call
        return LOSSES["softmax"](network.forward(x, training=True), labels)

    network.backward(step()[1])
    gradients = network.gradients.copy()
    assert_gradient(lambda _: step()[0], network.parameters, gradients)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_stacked_networks_equal_the_same_seeds_alone_to_the_bit(rng, architecture):
    seeds = [5, 0, 7]
    settings = {"dtype": np.float32, "dropout": 0.3, "hidden": (33, 17), "activation": "silu"}
    stack = make(architecture, seeds=seeds, **settings)
    x = rng.normal(size=(3, 31, 6)).astype(np.float32)
    labels = rng.integers(5, size=(3, 31))

    def step(network, x, labels):
        network.start_epoch(2)
        logits = network.forward(x, training=True)
        loss, dlogits = LOSSES["softmax"](logits, labels)
        penalty, dpenalty = PENALTIES["exp"](network.latent, 10.0)
        network.backward(dlogits, dpenalty)
        return loss, penalty

    losses = step(stack, x, labels)
    for member, seed in enumerate(seeds):
        alone = make(architecture, seeds=seed, **settings)
        for stacked, single in zip(losses, step(alone, x[member], labels[member]), strict=True):
            assert stacked[member] == single
        stacked_parameters = stack.named_parameters()
        for name, parameter in alone.named_parameters().items():
            assert np.array_equal(stacked_parameters[name][member], parameter)
        for stacked_layer, layer in zip(stack.leaves(), alone.leaves(), strict=True):
            for name in layer.parameter_names:
                stacked_gradient = getattr(stacked_layer, f"d{name}")[member]
                assert np.array_equal(stacked_gradient, getattr(layer, f"d{name}"))
        assert np.array_equal(stack.predict(x[0])[member], alone.predict(x[0]))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_predict_equals_forward_and_leaves_training_undisturbed(rng, architecture):
    network, x, labels = make(architecture), rng.normal(size=(7, 6)), rng.integers(5, size=7)
    _, dlogits, dpenalty = total_loss(network, x, labels)
    logits, latent = network.forward(x).copy(), network.latent.copy()
    network.backward(dlogits, dpenalty)
    expected = network.gradients.copy()
    assert np.array_equal(network.predict(x), logits)
    assert np.array_equal(network.embed(x), latent)
    network.forward(x)
    network.predict(rng.normal(size=(7, 6)))
    network.backward(dlogits, dpenalty)
    assert np.array_equal(network.gradients, expected)


@pytest.mark.parametrize("seeds", [0, [0, 1]])
@pytest.mark.parametrize(
    "form",
    [
        lambda x: x.tolist(),
        lambda x: x.astype(np.uint8),
        lambda x: x.astype(np.float64),
        lambda x: x.astype(">f4"),
        lambda x: np.asfortranarray(x),
    ],
)
def test_predict_takes_anything_like_an_array(rng, seeds, form):
    network = make(seeds=seeds, dtype=np.float32)
    x = rng.integers(256, size=(7, 6)).astype(np.float32)
    for evaluate in (network.predict, network.embed):
        assert evaluate(form(x)).dtype == np.float32
        assert evaluate(form(x)) == pytest.approx(evaluate(x), rel=1e-5)


@pytest.mark.parametrize("seeds", [0, [0, 1]])
def test_single_input_is_predicted_as_in_a_batch_of_one(rng, seeds):
    network, x = make(seeds=seeds), rng.normal(size=6)
    assert network.predict(x).shape == (*network.stack, 5)
    assert np.array_equal(network.predict(x), network.predict(x[None])[..., 0, :])
    assert np.array_equal(network.embed(x), network.embed(x[None])[..., 0, :])


def test_every_member_of_a_stack_may_be_shown_its_own_inputs(rng):
    network, x = make(seeds=[0, 1]), rng.normal(size=(2, 7, 6))
    expected = np.stack([network.predict(x[0])[0], network.predict(x[1])[1]])
    assert np.array_equal(network.predict(x), expected)


@pytest.mark.parametrize("stand_in", ["cupy_stand_in", "cuda_stand_in"])
@pytest.mark.parametrize("seeds", [0, [0, 1]])
def test_network_on_a_device_takes_arrays_of_the_host_and_of_the_device(
    request, rng, stand_in, seeds
):
    backend = request.getfixturevalue(stand_in)
    x = rng.integers(256, size=(7, 6))
    expected = make(seeds=seeds, dtype=np.float32).predict(x)
    network = make(seeds=seeds, dtype=np.float32, backend=backend)
    for given in (x, x.tolist(), x.astype(np.float32), backend.to_device(x)):
        logits = network.predict(given)
        assert type(logits) is backend.xp.ndarray
        assert backend.to_host(logits) == pytest.approx(expected, rel=1e-4)
    assert backend.to_host(network.predict(x[0])) == pytest.approx(expected[..., 0, :], rel=1e-4)


def test_inputs_of_the_right_kind_are_not_copied(rng):
    network, x = make(dtype=np.float32), rng.normal(size=(7, 6)).astype(np.float32)
    seen = []
    next(network.leaves()).predict = lambda x: seen.append(x) or np.zeros((7, 9), np.float32)
    network.predict(x)
    assert seen[0] is x


@pytest.mark.parametrize("seeds", [0, [0, 1]])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((7, 5)), r"must have shape \(N, 6\), and have \(7, 5\)"),
        (np.zeros(7), r"must have shape \(N, 6\), and have \(7,\)"),
        (3.0, r"must have shape \(N, 6\), and have \(\)"),
        (np.zeros((7, 6), complex), "must be real numbers, and are complex128"),
        ([["1"] * 6], "must be real numbers, and are <U1"),
        (None, "must be real numbers, and are object"),
    ],
)
def test_inputs_that_cannot_be_are_refused_by_shape_or_dtype(seeds, x, message):
    for evaluate in (make(seeds=seeds).predict, make(seeds=seeds).embed):
        with pytest.raises(ValueError, match=message):
            evaluate(x)


def test_inputs_for_another_number_of_members_are_refused():
    with pytest.raises(
        ValueError, match=r"inputs of 2 networks must have .* \(2, N, 6\), and have \(3, 7, 6\)"
    ):
        make(seeds=[0, 1]).predict(np.zeros((3, 7, 6)))


def test_parameters_have_the_names_and_shapes_of_a_checkpoint():
    shapes = {name: p.shape for name, p in make(seeds=[0, 1]).named_parameters().items()}
    assert shapes == {
        "hidden.0.W": (2, 6, 9),
        "hidden.0.b": (2, 1, 9),
        "hidden.1.W": (2, 9, 8),
        "hidden.1.b": (2, 1, 8),
        "latent.W": (2, 8, 4),
        "latent.b": (2, 1, 4),
        "classifier.W": (2, 4, 5),
        "classifier.b": (2, 1, 5),
    }
    assert "latent.W" not in make("none").named_parameters()
    assert make("none").named_parameters()["classifier.W"].shape == (8, 5)


@pytest.mark.parametrize("architecture", ["binary", "linear", "nonlinear"])
def test_network_without_hidden_layers_is_two_products(rng, architecture):
    network, x, labels = make(architecture, hidden=()), rng.normal(size=(7, 6)), np.arange(7) % 5
    p = network.named_parameters()
    latent = x @ p["latent.W"] + p["latent.b"]
    latent = np.maximum(latent, 0) if architecture == "nonlinear" else latent
    expected = latent @ p["classifier.W"] + p["classifier.b"]
    assert network.forward(x) == pytest.approx(expected, rel=1e-12)
    _, dlogits, dpenalty = total_loss(network, x, labels)
    network.backward(dlogits, dpenalty)
    gradients = network.gradients.copy()
    assert_gradient(lambda _: total_loss(network, x, labels)[0], network.parameters, gradients)


def test_dropout_stands_between_hidden_layers_only_and_differs_between_them():
    network = make(hidden=(9, 9, 9), dropout=0.5)
    layers = [layer for _, layer in walk(network.backbone)]
    kinds = [type(layer).__name__ for layer in layers]
    assert kinds == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear", "ReLU"]
    drops = [layer for layer in layers if isinstance(layer, Dropout)]

    def masks(epoch):
        network.start_epoch(epoch)
        return [drop.forward(np.ones((4, 9)), training=True).copy() for drop in drops]

    (first, second), (later, _) = masks(0), masks(1)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, later)


class Slope(Activation):
    """max(x, 0) with a slope to learn: an activation of a student's own."""

    parameter_names = ("a",)

    def __init__(self, backend):
        super().__init__(backend)
        self.a, self.da = np.zeros(1), np.zeros(1)

    def initialize(self, initializer, generators):
        self.a[...] = 0.7

    def forward(self, x, training=False):
        self.x = x
        return self.a * np.maximum(x, 0)

    def backward(self, dy):
        self.da[...] = np.sum(dy * np.maximum(self.x, 0))
        return dy * self.a * (self.x > 0)

    def predict(self, x):
        return self.a * np.maximum(x, 0)


def test_parameters_of_a_layer_of_ones_own_are_trained_and_saved(monkeypatch, rng):
    monkeypatch.setitem(ACTIVATIONS, "slope", Slope)
    network, x, labels = make(activation="slope"), rng.normal(size=(7, 6)), rng.integers(5, size=7)
    assert network.named_parameters()["hidden.0.slope.a"] == 0.7
    _, dlogits, dpenalty = total_loss(network, x, labels)
    network.backward(dlogits, dpenalty)
    gradients = network.gradients.copy()
    assert_gradient(lambda _: total_loss(network, x, labels)[0], network.parameters, gradients)


def test_input_gradient_leaves_those_of_a_layer_of_ones_own_alone(monkeypatch, rng):
    monkeypatch.setitem(ACTIVATIONS, "slope", Slope)
    network, x, dlogits = make(activation="slope"), rng.normal(size=(7, 6)), rng.normal(size=(7, 5))
    network.forward(x)
    network.gradients[...] = before = rng.normal(size=network.gradients.shape)
    dx = network.input_gradient(dlogits).copy()
    assert np.array_equal(network.gradients, before)
    assert_gradient(network.forward, x, dx, dlogits)


def test_training_leaves_the_input_alone(rng):
    network, x = make(), rng.normal(size=(7, 6))
    before = x.copy()
    network.backward(network.forward(x, training=True), input_gradient=True)
    assert np.array_equal(x, before)


@pytest.mark.parametrize(
    ("initialization", "variance"), [("pytorch", 1 / 1200), ("he", 2 / 400), ("glorot", 2 / 700)]
)
def test_initial_weights_have_their_stated_variance(initialization, variance):
    parts = mlp(400, (300,)), Linear(300, 4), Linear(4, 5)
    network = Network(*parts, 400, initialization=initialization)
    first = next(network.leaves())
    assert first.W.var() == pytest.approx(variance, rel=0.02)
    assert (initialization == "pytorch") == bool(np.any(first.b))
