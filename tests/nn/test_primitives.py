"""What layers name as their primitives, by which a run tells whether a device has their kernels."""

import numpy as np
import pytest

from lpc_scratch.backend import get_backend
from lpc_scratch.nn.backbones import cnn, mlp, of_rows, resnet
from lpc_scratch.nn.layers import walk
from lpc_scratch.nn.seeding import generator

BACKBONES = {
    "mlp": lambda: mlp(64, (5, 5), "silu", 0.1),
    "cnn": lambda: of_rows(cnn(1, (2, 3), activation="tanh", batch_norm=False), (8, 8, 1), 1, True),
    "resnet": lambda: of_rows(resnet(1, (2, 3)), (8, 8, 1)),
}


class Noting:
    """Primitives that note who is called."""

    def __init__(self):
        self.called = set()

    def __getattr__(self, name):
        self.called.add(name)
        return getattr(get_backend().ops, name)


@pytest.mark.parametrize("make", BACKBONES.values(), ids=BACKBONES)
def test_step_calls_no_primitive_that_the_layer_does_not_name(rng, make):
    backbone = make()
    layers = [layer for _, layer in walk(backbone)]
    for index, layer in enumerate(layers):
        layer.ops = Noting()
        layer.initialize("he", [rng])
        layer.generators = [generator(0, layer.purpose, layer=index)]
    y = backbone.forward(rng.normal(size=(4, 64)).astype("f"), training=True)
    backbone.backward(np.ones_like(y))
    assert any(layer.ops.called for layer in layers)
    for layer in layers:
        assert layer.ops.called <= set(layer.primitives), layer
