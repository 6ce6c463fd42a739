import numpy as np
import pytest

from lpc_scratch.nn.gradcheck import GradientError, assert_gradient, assert_layer_gradients
from lpc_scratch.nn.layers import Linear, Tanh


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


def test_float32_and_mismatched_shapes_are_refused(x):
    with pytest.raises(ValueError, match="gradient: the gradient check needs float64, not float32"):
        assert_gradient(cube, x.astype(np.float32), x)
    with pytest.raises(ValueError, match=r"shape \(3,\) and x has shape \(4, 3\)"):
        assert_gradient(cube, x, x[0])
