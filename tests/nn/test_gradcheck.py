import math

import numpy as np
import pytest

from lpc_scratch.nn.gradcheck import GradientError, assert_gradient, assert_layer_gradients
from lpc_scratch.nn.layers import Linear, Tanh

W = np.array([[0.6, -1.3], [0.9, 0.4]])


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


FUNCTIONS = {  # of x (2, 2), each with its gradient
    "x^3": (lambda x: np.sum(x**3), lambda x: 3 * x**2),
    "x^3, not summed": (lambda x: x**3, lambda x: 3 * x**2),
    "quadratic": (lambda x: np.sum((x @ W) ** 2), lambda x: 2 * x @ W @ W.T),
    "sin": (lambda x: np.sum(np.sin(x)), np.cos),
    "1000 + sin": (lambda x: 1000 + np.sum(np.sin(x)), np.cos),
    "log": (lambda x: np.sum(np.log(np.abs(x))), lambda x: 1 / x),
    "relu": (lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0)),
    "cross-entropy": (
        lambda x: -np.mean(np.log(np.diag(softmax(x)))),
        lambda x: (softmax(x) - np.eye(2)) / 2,
    ),
}
SCALES = {
    "1": 1.0,
    "1e-8": 1e-8,
    "1e6": 1e6,
    "one 1e6": np.array([[1.0, 1e6], [1.0, 1.0]]),
    "one 1e-8": np.array([[1.0, 1e-8], [1.0, 1.0]]),
    "1e-8 to 1e6": np.array([[1e-8, 1e-3], [1.0, 1e6]]),
}


def corrupted(right):
    """Yield gradients that are wrong overall, or in one element."""
    yield from (1.001 * right, -right, right / 2, right.T)
    for flat in range(right.size):
        for factor in (1.001, 0.0):
            wrong = right.copy()
            wrong.flat[flat] *= factor
            yield wrong


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_gradients_pass_and_corrupted_ones_are_rejected(name, scale):
    function, gradient = FUNCTIONS[name]
    x = SCALES[scale] * np.array([[0.7, -1.2], [-0.4, 1.6]])
    size, right = np.sum(np.abs(function(x))), gradient(x)
    assert_gradient(function, x, right)
    for wrong in corrupted(right):
        # Beside a function of this size, no difference shows a smaller error.
        if np.any(np.abs(wrong - right) > np.maximum(5e-4 * np.abs(right), 1e-12 * size)):
            with pytest.raises(GradientError):
                assert_gradient(function, x, wrong)


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9])
def test_no_step_over_a_kink_is_believed(x, distance):
    x = np.copysign(distance, x)
    for function in (lambda x: np.maximum(x, 0), lambda x: np.sum(1 + np.maximum(x, 0))):
        assert_gradient(function, x, np.heaviside(x, 0.5))
        with pytest.raises(GradientError):
            assert_gradient(function, x, np.full_like(x, 0.5))  # the slope from afar


def test_error_in_an_element_that_is_tiny_beside_others_is_rejected():
    x, weights = np.ones(3), np.array([1.0, 1e-8, 1e5])
    assert_gradient(lambda x: weights * x**2, x, 2 * weights)
    with pytest.raises(GradientError, match=r"1 of 6 .*\n.* element \(1,\)"):
        assert_gradient(lambda x: weights * x**2, x, 2 * weights * [1, 1.001, 1])


def test_error_that_rounding_hides_from_a_short_step_is_rejected(x):
    def large(x):
        return 1e10 + np.sum(np.sin(x))

    assert_gradient(large, x, np.cos(x))
    wrong = np.cos(x)
    wrong[2, 1] = 0
    with pytest.raises(GradientError, match=r"element \(2, 1\)"):
        assert_gradient(large, x, wrong)


def test_gradient_of_zero_passes_where_terms_only_cancel(x):
    assert_gradient(softmax, x, np.zeros_like(x))
    with pytest.raises(GradientError):
        assert_gradient(softmax, x, np.full_like(x, 1e-9))


def test_what_no_step_can_resolve_is_rejected_with_its_uncertainty(x):
    with pytest.raises(GradientError, match=r"numeric \S+ ± \d"):
        assert_gradient(lambda x: 1e14 + np.sum(np.sin(x)), x, np.cos(x))


def test_steps_out_of_the_domain_are_passed_over():
    x = np.array([1e-8, 1.0, 3.0])

    def log(x):
        return sum(math.log(element) for element in x)

    assert_gradient(log, x, 1 / x)
    with pytest.raises(GradientError, match=r"relative error 0\.000999"):
        assert_gradient(log, x, 1.001 / x)


def test_smooth_function_is_called_twice_a_comparison(x):
    calls = []
    assert_gradient(lambda x: calls.append(1) or np.tanh(x), x, 1 - np.tanh(x) ** 2)
    assert len(calls) == 1 + 2 * 15


def test_arrays_of_the_device_are_checked_there(x, cupy_stand_in):
    device = cupy_stand_in.to_device(x)
    assert_gradient(cube, device, 3 * device**2)
    with pytest.raises(GradientError):
        assert_gradient(cube, device, 3.003 * device**2)
    assert np.array_equal(cupy_stand_in.to_host(device), x)


def cube(x):
    return x**3


@pytest.fixture
def x(rng):
    return rng.normal(size=(4, 3))


def test_right_gradient_passes_and_x_is_restored(x):
    before = x.copy()
    assert_gradient(cube, x, 3 * x**2)
    assert np.array_equal(x, before)


def test_gradient_off_by_a_thousandth_is_rejected(x):
    with pytest.raises(GradientError):
        assert_gradient(cube, x, 1.001 * 3 * x**2)


def test_single_element_off_by_a_thousandth_is_rejected_by_the_directions(rng):
    x = rng.normal(size=(40, 30))  # too many for every element to be tried
    wrong = 3 * x**2
    wrong[7, 11] *= 1.001
    with pytest.raises(GradientError, match="random direction"):
        assert_gradient(cube, x, wrong)


def test_report_shows_direction_both_numbers_and_the_relative_error(x):
    with pytest.raises(GradientError) as failure:
        assert_gradient(cube, x, 2 * 3 * x**2, name="dcube")
    report = str(failure.value)
    assert "dcube along the random direction [" in report
    assert "dcube along element (" in report
    assert "analytic" in report
    assert "numeric" in report
    assert "relative error 0.5" in report


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_rejected(x, bad):
    with np.errstate(invalid="ignore"), pytest.raises(GradientError):
        assert_gradient(cube, x, np.full_like(x, bad))
    with np.errstate(invalid="ignore"), pytest.raises(GradientError):
        assert_gradient(lambda x: bad * x.sum(), x, np.zeros_like(x))


def test_x_is_restored_when_the_function_fails(x):
    before = x.copy()

    def fail(x):
        raise RuntimeError("no value")

    with pytest.raises(RuntimeError, match="no value"):
        assert_gradient(fail, x, x)
    assert np.array_equal(x, before)


class WrongBias(Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.db *= 1.001
        return dx


class WrongSlope(Tanh):
    def backward(self, dy):
        return 1.001 * super().backward(dy)


def test_layer_with_a_wrong_gradient_is_rejected_and_named(x, rng):
    layer = WrongBias(3, 2, dtype=np.float64)
    layer.W[...] = rng.normal(size=(3, 2))
    with pytest.raises(GradientError, match="db along"):
        assert_layer_gradients(layer, x)
    with pytest.raises(GradientError, match="dx along"):
        assert_layer_gradients(WrongSlope(), x)


def test_float32_mismatched_shapes_and_empty_arrays_are_refused(x):
    with pytest.raises(ValueError, match="gradient: the gradient check needs float64, not float32"):
        assert_gradient(cube, x.astype(np.float32), x)
    with pytest.raises(ValueError, match=r"shape \(3,\) and x has shape \(4, 3\)"):
        assert_gradient(cube, x, x[0])
    with pytest.raises(ValueError, match=r"gradient: x of shape \(0, 3\) has no elements"):
        assert_gradient(cube, x[:0], x[:0])
