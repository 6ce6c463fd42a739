import numpy as np
import pytest

from lpc_scratch.nn.gradcheck import assert_layer_gradients
from lpc_scratch.nn.layers import ACTIVATIONS, Dropout, Linear, ReLU
from lpc_scratch.nn.layers.rotated import RotatedLinear

STACKS = [(), (3,)]  # one network, and three on the member axis


def inputs(backend, rng, *shape):
    """Normal numbers at least 1e-3 away from ReLU's kink at 0."""
    x = rng.normal(size=shape)
    return backend.to_device(x + np.copysign(1e-3, x))


def linear(backend, rng, stack, fan_in=5, fan_out=4):
    layer = Linear(fan_in, fan_out, stack, dtype=np.float64, backend=backend)
    layer.W[...] = inputs(backend, rng, *layer.W.shape)
    layer.b[...] = inputs(backend, rng, *layer.b.shape)
    return layer


@pytest.mark.parametrize("stack", STACKS)
def test_linear_gradients_match_central_differences(backend, rng, stack):
    assert_layer_gradients(linear(backend, rng, stack), inputs(backend, rng, *stack, 7, 5))


@pytest.mark.parametrize("stack", STACKS)
def test_rotated_linear_gradients_match_central_differences(backend, rng, stack):
    basis = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    layer = RotatedLinear(basis, 5, 4, stack, np.float64, backend)
    layer.W[...] = inputs(backend, rng, *layer.W.shape)
    x = inputs(backend, rng, *stack, 7, 5)
    assert_layer_gradients(layer, x)
    y = backend.to_host(layer.forward(x))
    assert np.allclose(y, backend.to_host(x @ layer.weight + layer.b), rtol=0, atol=1e-12)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_gradients_match_central_differences(backend, rng, name, in_place, stack):
    layer = ACTIVATIONS[name](backend)
    layer.overwrites_x = layer.overwrites_dy = in_place
    assert_layer_gradients(layer, inputs(backend, rng, *stack, 7, 5))


class RepeatedDropout(Dropout):
    """Dropout that draws the same mask at every call, as a gradient check needs."""

    def forward(self, x, training=False):
        self.generators = [np.random.Generator(np.random.SFC64(s)) for s in range(x.ndim - 1)]
        return super().forward(x, training)


@pytest.mark.parametrize("training", [False, True])
def test_dropout_gradient_matches_central_differences(backend, rng, training):
    layer = RepeatedDropout(0.3, backend)
    assert_layer_gradients(layer, inputs(backend, rng, 2, 7, 5), training)


def test_backward_overwrites_gradients_instead_of_adding(rng, backend):
    layer, x, dy = linear(backend, rng, ()), inputs(backend, rng, 7, 5), inputs(backend, rng, 7, 4)
    layer.forward(x)
    layer.backward(dy)
    first = layer.dW.copy()
    layer.backward(dy)
    assert (layer.dW == first).all()


@pytest.mark.parametrize("stack", STACKS)
def test_backward_to_the_input_alone_equals_backward_and_touches_no_gradient(backend, rng, stack):
    x = inputs(backend, rng, *stack, 7, 4)
    for layer in (
        linear(backend, rng, stack, fan_in=4),
        *(make(backend) for make in ACTIVATIONS.values()),
    ):
        dy = layer.forward(x).copy()
        expected = layer.backward(dy).copy()
        for name in layer.parameter_names:
            getattr(layer, f"d{name}")[...] = 3
        assert (layer.backward_input(dy) == expected).all()
        assert all((getattr(layer, f"d{name}") == 3).all() for name in layer.parameter_names)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_leaves_its_input_alone_unless_it_may_work_in_place(name, rng):
    x = rng.normal(size=(7, 5)).astype(np.float32)
    before = x.copy()
    y = ACTIVATIONS[name]().forward(x)
    assert np.array_equal(x, before)
    assert y is not x
    in_place = ACTIVATIONS[name]()
    in_place.overwrites_x = True
    assert in_place.forward(x) is x
    assert np.array_equal(x, y)


def test_predict_equals_forward_and_spares_what_backward_needs(backend, rng):
    x, other = inputs(backend, rng, 7, 5), inputs(backend, rng, 7, 5)
    for layer in (
        linear(backend, rng, ()),
        *(make(backend) for make in ACTIVATIONS.values()),
    ):
        y = layer.forward(x).copy()
        dx = layer.backward(y).copy()
        assert (layer.predict(x) == y).all()
        layer.forward(x)
        layer.predict(other)
        assert (layer.backward(y) == dx).all()


def test_layers_keep_float32(rng):
    x = rng.normal(size=(7, 5)).astype(np.float32)
    dropout = Dropout(0.5)
    dropout.generators = [np.random.Generator(np.random.SFC64(0))]
    for layer in (Linear(5, 5), dropout, *(make() for make in ACTIVATIONS.values())):
        y = layer.forward(x, training=True)
        assert y.dtype == np.float32
        assert layer.backward(y).dtype == np.float32
        assert layer.predict(x).dtype == np.float32


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5])
def test_dropout_zeroes_its_share_and_keeps_the_mean(rate):
    dropout = Dropout(rate)
    dropout.generators = [np.random.Generator(np.random.SFC64(1))]
    y = dropout.forward(np.ones((1000, 200), np.float32), training=True)
    assert np.mean(y == 0) == pytest.approx(rate, abs=0.005)
    assert y.mean() == pytest.approx(1, abs=0.01)
    kept = y[y > 0]
    assert np.all(kept == kept[0])


def test_dropout_does_nothing_in_evaluation(rng):
    x = rng.normal(size=(7, 5))
    assert Dropout(0.9).forward(x) is x


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_dropout_rate_out_of_range_is_refused(rate):
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        Dropout(rate)


def test_linear_and_relu_agree_with_numbers_worked_by_hand():
    layer = Linear(2, 2, dtype=np.float64)
    layer.W[...] = [[1, -2], [3, 4]]
    layer.b[...] = [[0.5, 1]]
    relu = ReLU()
    y = relu.forward(layer.forward(np.array([[2.0, 1.0], [1.0, -1.0]])))
    assert y.tolist() == [[5.5, 1.0], [0.0, 0.0]]  # before ReLU: 5.5, 1 and -1.5, -5
    dx = layer.backward(relu.backward(np.array([[1.0, 2.0], [3.0, 4.0]])))
    assert dx.tolist() == [[-3.0, 11.0], [0.0, 0.0]]
    assert layer.dW.tolist() == [[2.0, 4.0], [1.0, 2.0]]
    assert layer.db.tolist() == [[1.0, 2.0]]
