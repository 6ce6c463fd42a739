"""The gradients of convolution are its adjoints, on shapes that Hypothesis draws."""

import numpy as np
import pytest

from lpc_scratch.backend.image_reference import output_size
from lpc_scratch.backend.reference import Reference
from lpc_scratch.nn.layers import Conv2d

hypothesis = pytest.importorskip("hypothesis", reason="Hypothesis draws the shapes")
given, st = hypothesis.given, hypothesis.strategies

SIZES, WINDOWS, STEPS, PADS = (st.integers(*ends) for ends in ((1, 9), (1, 4), (1, 3), (0, 3)))
CHANNELS = st.sampled_from([1, 2, 3, 8, 9])


@st.composite
def convolutions(draw):
    """Return the shape of images, a kernel's, strides and padding that fit together."""
    window = draw(st.one_of(st.just((3, 3)), st.tuples(WINDOWS, WINDOWS)))
    padding = draw(st.tuples(*[st.tuples(PADS, PADS)] * 2))
    stride = draw(st.one_of(st.just((1, 1)), st.tuples(STEPS, STEPS)))
    size = draw(st.tuples(SIZES, SIZES))
    hypothesis.assume(min(output_size(size, window, stride, padding)) > 0)
    members, batch = draw(st.sampled_from([(), (2,)])), draw(st.integers(1, 3))
    return (*members, batch, *size, draw(CHANNELS)), draw(CHANNELS), window, stride, padding


@hypothesis.settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[
        hypothesis.HealthCheck.function_scoped_fixture,
        hypothesis.HealthCheck.too_slow,
    ],
)
@given(case=convolutions())
def test_gradients_are_the_adjoints_of_convolution(backend, case):
    shape, filters, *geometry = case
    rng = np.random.default_rng(0)
    layer = Conv2d(shape[-1], filters, *geometry, False, shape[:-4], np.float64, backend)
    layer.W[...] = W = backend.to_device(rng.normal(size=layer.W.shape))
    x = backend.to_device(rng.normal(size=shape))
    y = layer.forward(x)
    g = backend.to_device(rng.normal(size=y.shape))
    dx = layer.backward(g)

    xp, reference = backend.xp, Reference(backend.xp)
    product = float(xp.sum(y * g))
    bound = 1e-12 * float(xp.linalg.norm(y.ravel()) * xp.linalg.norm(g.ravel()))
    assert abs(product - float(xp.sum(x * dx))) <= bound
    assert abs(product - float(xp.sum(W * layer.dW))) <= bound
    for found, expected in (
        (y, reference.conv2d(x, W, None, *geometry)),
        (dx, reference.conv2d_input_gradient(g, W, shape[-3:], *geometry)),
        (layer.dW, reference.conv2d_weight_gradient(x, g, *geometry)),
    ):
        assert float(abs(found - expected).max()) <= 1e-12 * float(abs(expected).max())
