"""Batch normalisation of rows and images, in training and in evaluation."""

import numpy as np
import pytest

from lpc_scratch.nn.gradcheck import assert_layer_gradients
from lpc_scratch.nn.layers import BatchNorm

STACKS = [(), (3,)]
SHAPES = {"rows": (7, 4), "images": (2, 3, 5, 4), "one image": (1, 3, 2, 4)}


def made(backend, stack=(), channels=4, dtype=np.float64, rng=None, **settings):
    """A layer at its beginning, or with random parameters and statistics."""
    layer = BatchNorm(channels, stack, dtype, backend, **settings)
    layer.initialize("pytorch", [])
    if rng:
        for name in (*layer.parameter_names, *layer.state_names):
            array = getattr(layer, name)
            array[...] = backend.to_device(rng.uniform(0.5, 2, size=array.shape))
    return layer


def per_channel(y, stack=()):
    return y.reshape(*stack, -1, y.shape[-1])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_gradients_match_central_differences(backend, rng, shape, stack, training):
    layer = made(backend, stack, rng=rng)
    x = backend.to_device(rng.normal(3, 2, size=(*stack, *shape)))
    assert_layer_gradients(layer, x, training)


@pytest.mark.parametrize("training", [False, True])
def test_backward_to_the_input_alone_equals_backward_and_touches_no_gradient(
    backend, rng, training
):
    layer = made(backend, (3,), rng=rng)
    x, dy = (backend.to_device(a) for a in rng.normal(size=(2, 3, 2, 3, 5, 4)))
    layer.forward(x, training)
    expected = layer.backward(dy).copy()
    layer.dscale[...] = layer.dshift[...] = 3
    assert (layer.backward_input(dy) == expected).all()
    assert (layer.dscale == 3).all()
    assert (layer.dshift == 3).all()


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_training_gives_every_channel_the_mean_shift_and_the_deviation_scale(
    backend, rng, shape, stack
):
    layer = made(backend, stack, rng=rng, epsilon=1e-12)
    x = backend.to_device(rng.normal(3, 2, size=(*stack, *shape)))
    y = per_channel(backend.to_host(layer.forward(x, training=True)), stack)
    scale, shift = (backend.to_host(a)[..., 0, :] for a in (layer.scale, layer.shift))
    assert np.allclose(y.mean(axis=-2), shift, rtol=0, atol=1e-12)
    assert np.allclose(y.std(axis=-2), scale, rtol=1e-9)


@pytest.mark.parametrize("momentum", [0.1, 1.0])
def test_running_statistics_move_to_the_mean_and_the_unbiased_variance(backend, rng, momentum):
    layer = made(backend, momentum=momentum)
    mean, variance = np.zeros(4), np.ones(4)
    for _ in range(3):
        x = rng.normal(3, 2, size=(2, 2, 1, 4))
        layer.forward(backend.to_device(x), training=True)
        rows = per_channel(x)
        mean += momentum * (rows.mean(axis=0) - mean)
        variance += momentum * (rows.var(axis=0, ddof=1) - variance)
    assert np.allclose(backend.to_host(layer.running_mean), [mean], rtol=1e-12)
    assert np.allclose(backend.to_host(layer.running_variance), [variance], rtol=1e-12)


def test_evaluation_takes_the_running_statistics_and_leaves_them_alone(backend, rng):
    layer = made(backend, rng=rng)
    before = {name: getattr(layer, name).copy() for name in layer.state_names}
    x = backend.to_device(rng.normal(size=(2, 3, 5, 4)))
    deviation = backend.xp.sqrt(layer.running_variance + layer.epsilon)
    expected = (x - layer.running_mean) / deviation * layer.scale + layer.shift
    for y in (layer.forward(x), layer.predict(x)):
        assert backend.xp.allclose(y, expected, rtol=1e-12)
    layer.backward(x)
    for name, values in before.items():
        assert (getattr(layer, name) == values).all()


def test_predict_spares_what_backward_needs(backend, rng):
    layer = made(backend, rng=rng)
    x, other, dy = (backend.to_device(a) for a in rng.normal(size=(3, 2, 3, 5, 4)))
    layer.forward(x, training=True)
    expected = layer.backward(dy).copy()
    layer.predict(other)
    assert (layer.backward(dy) == expected).all()


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("shape", [(1, 4), (1, 1, 1, 4)])
def test_one_number_a_channel_is_refused_in_training_alone(backend, stack, shape):
    layer, x = made(backend, stack), backend.xp.ones((*stack, *shape))
    with pytest.raises(ValueError, match="needs two samples or pixels of a channel"):
        layer.forward(x, training=True)
    assert (layer.running_mean == 0).all()
    assert layer.forward(x).shape == x.shape


def test_members_are_normalised_as_each_is_alone_to_the_bit(backend, rng):
    x, dy = (backend.to_device(a) for a in rng.normal(size=(2, 3, 8, 4, 6, 5)).astype(np.float32))
    stack = made(backend, (3,), 5, np.float32)
    y = stack.forward(x, training=True).copy()
    dx = stack.backward(dy).copy()
    for member in range(3):
        alone = made(backend, (), 5, np.float32)
        assert (alone.forward(x[member], training=True) == y[member]).all()
        assert (alone.backward(dy[member]) == dx[member]).all()
        for name in ("dscale", "dshift", *stack.state_names):
            assert (getattr(alone, name) == getattr(stack, name)[member]).all()


def test_a_large_mean_does_not_cost_the_digits_of_the_variance(backend, rng):
    x = (1000 + rng.normal(size=(64, 32, 32, 3))).astype(np.float32)
    layer = made(backend, (), 3, np.float32, momentum=1.0)
    y = backend.to_host(layer.forward(backend.to_device(x), training=True))
    exact = per_channel(x.astype(np.float64))
    variance = backend.to_host(layer.running_variance)
    assert variance == pytest.approx(exact.var(axis=0, ddof=1)[None], rel=1e-4)
    expected = (exact - exact.mean(axis=0)) / exact.std(axis=0)
    assert np.abs(per_channel(y) - expected).max() < 1e-3


def test_constant_channels_stay_finite(backend):
    layer, x = made(backend), backend.xp.full((6, 4), 5.0)
    y = layer.forward(x, training=True)
    assert (y == 0).all()
    assert backend.xp.isfinite(layer.backward(y + 1)).all()
