"""The primitives of images on a CPU against plain loops, on shapes, layouts and units at random."""

from unittest.mock import patch

import numpy as np
import pytest

from lpc_scratch.backend import numpy_norm, units
from lpc_scratch.backend.numpy_ops import NumpyOps
from lpc_scratch.backend.threads import in_threads

hypothesis = pytest.importorskip("hypothesis", reason="Hypothesis draws the shapes")
given, settings, st = hypothesis.given, hypothesis.settings, hypothesis.strategies

OPS = NumpyOps()
SAME = ((1, 1), (1, 1))


class Loops:
    """Convolution a pixel at a time, in float64, and its gradients."""

    def __init__(self, window, stride, padding):
        self.window, self.stride, self.padding = window, stride, padding

    def pixels(self, padded):
        """Yield every output pixel with the slices that it sees of the padded images."""
        (kh, kw), (sh, sw) = self.window, self.stride
        for h in range((padded.shape[1] - kh) // sh + 1):
            for w in range((padded.shape[2] - kw) // sw + 1):
                yield h, w, np.s_[:, h * sh : h * sh + kh, w * sw : w * sw + kw]

    def conv2d(self, x, W, b):
        """Return y, from patches times kernels."""
        padded = np.pad(x, ((0, 0), *self.padding, (0, 0)))
        y = {(h, w): padded[see].reshape(len(x), -1) @ W + b for h, w, see in self.pixels(padded)}
        H, width = max(y)
        return np.stack(list(y.values()), 1).reshape(len(x), H + 1, width + 1, -1)

    def gradients(self, x, W, dy):
        """Return dW and dx."""
        padded = np.pad(x, ((0, 0), *self.padding, (0, 0)))
        dW, dx = np.zeros_like(W), np.zeros_like(padded)
        for h, w, see in self.pixels(padded):
            dW += padded[see].reshape(len(x), -1).T @ dy[:, h, w]
            dx[see] += (dy[:, h, w] @ W.T).reshape(dx[see].shape)
        (top, _), (left, _) = self.padding
        return dW, dx[:, top : top + x.shape[1], left : left + x.shape[2]]


LAYOUTS = {
    "contiguous": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "every second channel": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "columns first": lambda x: np.ascontiguousarray(x.swapaxes(-3, -2)).swapaxes(-3, -2),
    "read-only": lambda x: np.broadcast_to(x, x.shape),
}


@st.composite
def convolutions(draw):
    """Window, stride and padding, shapes of x and W, and how x lies in memory."""
    number = lambda first, last: draw(st.integers(first, last))  # noqa: E731
    window = draw(st.sampled_from([(3, 3), (1, 1), (3, 2), (1, 3), (4, 1), (2, 2), (5, 4)]))
    stride = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (3, 2), (1, 5), (6, 1)]))
    padding = draw(st.sampled_from([((0, 0), (0, 0)), SAME, ((2, 0), (0, 1)), ((0, 3), (4, 0))]))
    size = [number(max(k - sum(p), 1), 11) for k, p in zip(window, padding, strict=True)]
    shape = (number(1, 3), *size, number(1, 3))
    return window, stride, padding, shape, number(1, 4), draw(st.sampled_from(sorted(LAYOUTS)))


@settings(max_examples=150, deadline=None)
@given(convolutions(), st.sampled_from([60, units.NUMBERS]), st.integers(1, 3))
def test_convolution_and_its_gradients_are_those_of_loops(case, numbers, threads):
    *args, shape, outputs, layout = case
    window, rng, loops = args[0], np.random.default_rng(0), Loops(*args)
    x, W = rng.normal(size=shape), rng.normal(size=(window[0] * window[1] * shape[-1], outputs))
    b = rng.normal(size=(1, outputs))
    expected = loops.conv2d(x, W, b)
    dy = rng.normal(size=expected.shape)
    dW, dx = loops.gradients(x, W, dy)
    x, dy = LAYOUTS[layout](x), LAYOUTS[layout](dy)
    with (
        patch.object(units, "NUMBERS", numbers),
        patch.object(units, "num_threads", lambda: threads),
    ):
        np.testing.assert_allclose(OPS.conv2d(x, W, b, *args), expected, atol=1e-11)
        np.testing.assert_allclose(OPS.conv2d(x, W, None, *args) + b, expected, atol=1e-11)
        np.testing.assert_allclose(OPS.conv2d_weight_gradient(x, dy, *args), dW, atol=1e-10)
        back = OPS.conv2d_input_gradient(dy, W, shape[1:], *args)
        np.testing.assert_allclose(back, dx, atol=1e-11)


@pytest.mark.parametrize(
    ("window", "stride"), [((3, 3), (1, 1)), ((3, 3), (2, 2)), ((1, 1), (1, 1))]
)
def test_member_of_a_stack_has_the_bits_that_it_has_alone(window, stride):
    rng, padding = np.random.default_rng(0), (SAME if window == (3, 3) else ((0, 0), (0, 0)))
    x = rng.normal(size=(2, 3, 4, 9, 9, 5)).astype(np.float32)
    W = rng.normal(size=(2, 3, window[0] * window[1] * 5, 7)).astype(np.float32)
    b = rng.normal(size=(2, 3, 1, 7)).astype(np.float32)
    args = window, stride, padding
    y = OPS.conv2d(x, W, b, *args)
    dW, dx = (
        OPS.conv2d_weight_gradient(x, y, *args),
        OPS.conv2d_input_gradient(y, W, (9, 9, 5), *args),
    )
    for m in np.ndindex(2, 3):
        np.testing.assert_array_equal(y[m], OPS.conv2d(x[m], W[m], b[m], *args))
        np.testing.assert_array_equal(dW[m], OPS.conv2d_weight_gradient(x[m], y[m], *args))
        one = OPS.conv2d_input_gradient(y[m], W[m], (9, 9, 5), *args)
        np.testing.assert_array_equal(dx[m], one)
    common = OPS.conv2d(x[0, 0], W, b, *args)
    np.testing.assert_array_equal(common[1, 2], OPS.conv2d(x[0, 0], W[1, 2], b[1, 2], *args))


def test_bits_are_the_same_again_and_in_a_thread():
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 64, 16, 16, 16)).astype(np.float32)
    gradient = lambda _: OPS.conv2d_weight_gradient(x, dy, (3, 3), (1, 1), SAME)  # noqa: E731
    first = gradient(0)
    for other in (gradient(0), *in_threads(gradient, [0, 1])):
        np.testing.assert_array_equal(other, first)


def test_tiles_of_four_rows_keep_the_digits_of_float32():
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(2, 16, 16, 64)), rng.normal(size=(576, 32))
    y = OPS.conv2d(x, W, None, (3, 3), (1, 1), SAME)
    rough = OPS.conv2d(*(a.astype(np.float32) for a in (x, W)), None, (3, 3), (1, 1), SAME)
    assert np.sqrt(np.mean((rough - y) ** 2) / np.mean(y**2)) < 1e-6
    assert np.max(np.abs(rough - y)) < 1e-5 * np.max(np.abs(y))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(4, 9), st.integers(4, 9), st.integers(1, 3)),
    *(st.tuples(st.integers(1, 4), st.integers(1, 4)) for _ in range(2)),
)
def test_pooling_takes_the_first_of_the_largest_and_gives_back_to_it(shape, window, stride):
    x = np.random.default_rng(0).integers(0, 3, size=(2, *shape)).astype(float)
    sizes = [(n - k) // s + 1 for n, k, s in zip(shape[1:3], window, stride, strict=True)]
    position = np.empty((2, shape[0], *sizes, shape[-1]), np.uint8)
    y = OPS.max_pool(x, window, stride, position=position)
    seen = np.lib.stride_tricks.sliding_window_view(x, window, axis=(2, 3))
    seen = seen[:, :, :: stride[0], :: stride[1]].reshape(*y.shape, -1)
    np.testing.assert_array_equal(y, seen.max(-1))
    np.testing.assert_array_equal(position, seen.argmax(-1))
    dy = np.random.default_rng(1).normal(size=y.shape)
    dx, expected = OPS.max_pool_backward(dy, position, shape[1:], window, stride), np.zeros_like(x)
    for m, b, h, w, c in np.ndindex(y.shape):
        i, j = divmod(int(position[m, b, h, w, c]), window[1])
        expected[m, b, h * stride[0] + i, w * stride[1] + j, c] += dy[m, b, h, w, c]
    np.testing.assert_allclose(dx, expected, atol=1e-12)


@pytest.mark.parametrize("shape", [(7, 5), (4, 3, 5, 2), (1, 1, 1, 3)])
@pytest.mark.parametrize("chunk", [8, numpy_norm.CHUNK])
def test_batch_norm_is_the_formula_and_its_gradient(monkeypatch, shape, chunk):
    monkeypatch.setattr(numpy_norm, "CHUNK", chunk)
    rng, axes = np.random.default_rng(0), tuple(range(1, len(shape)))
    x, dy = rng.normal(size=(2, 2, *shape)) + 3
    vectors = (2, *(1 for _ in axes), shape[-1])
    mean, variance = OPS.batch_moments(np.asfortranarray(x), (2,))
    np.testing.assert_allclose(mean.reshape(vectors), x.mean(axes, keepdims=True), atol=1e-12)
    np.testing.assert_allclose(variance.reshape(vectors), x.var(axes, keepdims=True), atol=1e-12)
    scale, shift = rng.normal(size=(2, 2, 1, shape[-1]))
    inverse = 1 / np.sqrt(variance + 1e-5)
    hat = (x - mean.reshape(vectors)) * inverse.reshape(vectors)
    y = OPS.batch_norm(x, mean, inverse, scale, shift)
    expected = hat * scale.reshape(vectors) + shift.reshape(vectors)
    np.testing.assert_allclose(y, expected, atol=1e-12)
    dscale, dshift = np.empty((2, *scale.shape))
    dx = OPS.batch_norm_backward(dy, x, mean, inverse, scale, dscale, dshift)
    product = (dy * hat).mean(axes, keepdims=True)
    plain = dy - dy.mean(axes, keepdims=True) - hat * product
    np.testing.assert_allclose(dx, plain * (scale * inverse).reshape(vectors), atol=1e-10)
    np.testing.assert_allclose(dscale, (dy * hat).sum(axes).reshape(dscale.shape), atol=1e-11)
    np.testing.assert_allclose(dshift, dy.sum(axes).reshape(dshift.shape), atol=1e-11)


def test_moments_of_a_channel_far_from_zero_keep_their_digits():
    x = np.random.default_rng(0).normal(1000, 1, size=(64, 16, 16, 3)).astype(np.float32)
    _, variance = OPS.batch_moments(x, ())
    np.testing.assert_allclose(variance[0], x.var((0, 1, 2), dtype=float), rtol=1e-5)


def test_long_arrays_are_worked_on_to_the_same_bits():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 300_000, 2)).astype(np.float32)
    out = np.empty_like(x)
    np.testing.assert_array_equal(OPS.relu(x, out=out), np.maximum(x, 0))
    np.testing.assert_array_equal(OPS.relu_backward(x, y, out=out), x * (y > 0))
    np.testing.assert_array_equal(OPS.add(x, y, out=out), x + y)
    np.testing.assert_allclose(OPS.sum_rows(x), x.sum(0, keepdims=True, dtype=float), rtol=1e-5)
