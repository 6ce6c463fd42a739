import numpy as np
import pytest

from lpc_scratch.nn.backbones import cnn, mlp, of_rows
from lpc_scratch.nn.fusion import AffineReLU, fused
from lpc_scratch.nn.gradcheck import assert_layer_gradients
from lpc_scratch.nn.layers import Linear, ReLU, Sequential, walk
from lpc_scratch.nn.layers.rotated import RotatedLinear
from lpc_scratch.nn.network import Network, make_latent_layer


@pytest.mark.parametrize("rows", [7, 300])  # 300: more than a kernel of a GPU sums up as it goes
@pytest.mark.parametrize("stack", [(), (3,)])
def test_gradients_match_central_differences(backend, rng, stack, rows):
    linear = Linear(5, 4, stack, np.float64, backend)
    for parameter in (linear.W, linear.b):
        parameter[...] = backend.to_device(rng.normal(size=parameter.shape))
    layer = AffineReLU(linear, ReLU(backend))
    assert_layer_gradients(layer, backend.to_device(rng.normal(size=(*stack, rows, 5))))


def step(network, x, dlogits, dpenalty):
    """Return what a step of training makes of an input: logits and all gradients."""
    network.gradients[...] = np.nan
    network.start_epoch(3)
    logits = network.forward(x, training=True).copy()
    network.backward(dlogits, dpenalty)
    return logits, network.gradients.copy()


@pytest.mark.parametrize("seeds", [0, [0, 1, 2]])
@pytest.mark.parametrize("architecture", ["binary", "nonlinear", "none"])
def test_joined_network_takes_the_same_step_to_the_bit(backend, rng, architecture, seeds):
    stack, place = np.shape(seeds), (np.shape(seeds), np.float32, backend)
    latent_layer = make_latent_layer(architecture, 8, 4, *place)
    classifier = Linear(8 if architecture == "none" else 4, 5, *place)
    backbone = mlp(6, (9, 8), "relu", 0.4, *place)
    network = Network(backbone, latent_layer, classifier, 6, seeds)
    upstream = [network.latent_dim, network.classes, 6]
    arrays = [rng.normal(size=(*stack, 7, width)).astype("f") for width in upstream]
    dpenalty, dlogits, x = map(backend.to_device, arrays)
    joined = fused(network)
    assert [*joined.named_parameters()] == [*network.named_parameters()]
    assert [*map(type, joined.leaves())] == [*map(type, network.leaves())]  # so dropout's seeds
    expected, found = (step(each, x, dlogits, dpenalty) for each in (network, joined))
    for one, other in zip(expected, found, strict=True):
        assert np.array_equal(backend.to_host(one), backend.to_host(other))
    dx = network.input_gradient(dlogits).copy()
    assert (joined.input_gradient(dlogits) == dx).all()


def test_every_relu_behind_a_linear_layer_is_joined_and_no_other():
    class Own(ReLU):
        """A ReLU that may do something else."""

    rotated = RotatedLinear(np.eye(4), 4, 4)
    layers = [Linear(6, 4), ReLU(), ReLU(), rotated, ReLU(), Linear(4, 4), Own()]
    network = Network(Sequential(layers), Sequential([Linear(4, 4), ReLU()]), Linear(4, 3), 6)
    joined = [name for name, layer in walk(fused(network)) if isinstance(layer, AffineReLU)]
    assert joined == ["hidden.0", "latent.0"]

    images = of_rows(cnn(1, (2, 3)), (4, 4, 1))
    network = Network(images, Linear(3, 2), Linear(2, 3), 16)
    assert not any(isinstance(layer, AffineReLU) for _, layer in walk(fused(network)))
