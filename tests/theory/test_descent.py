import math

import numpy as np
import pytest

from lpc_scratch.metrics.axes import entry_kurtosis
from lpc_scratch.nn.optim import OPTIMIZERS
from lpc_scratch.theory.descent import grown_points


def kurtosis(*place, **settings):
    return np.mean([entry_kurtosis(z) for z in grown_points(*place, **settings)])


def test_signs_write_a_binary_code_and_gradient_descent_keeps_the_start():
    start = grown_points(10, 16, 0.0, descent=2.0)
    assert grown_points(10, 16, 1.1, descent=2.0) == pytest.approx(start)
    codes = grown_points(10, 16, 100.0, descent=math.inf)
    # a large code is ±1 less the mean of its column, whose kurtosis is known
    assert kurtosis(10, 16, 100.0) == pytest.approx(1.13, abs=0.03)
    assert np.mean((codes > 0) == (start > 0)) > 0.95


def test_the_code_is_the_plainer_the_larger_the_power_of_the_norm():
    powers = [1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 8.0, math.inf]
    found = [kurtosis(10, 16, 1.1, descent=power) for power in powers]
    assert found == sorted(found, reverse=True)
    assert found[0] > 5 > 2.2 > found[2] > 1.8 > 1.3 > found[4]


def test_spectral_descent_makes_singular_values_equal():
    z = grown_points(10, 16, 200.0, descent="spectral", starts=3)
    values = np.linalg.svd(z, compute_uv=False)
    assert values[:, 8] == pytest.approx(values[:, 0], rel=0.05)
    assert (values[:, 9] < 1e-9 * values[:, 0]).all()


@pytest.mark.parametrize("power", [3.0, 4.0, 8.0, math.inf])
def test_a_penalty_above_2_makes_the_code_with_gradient_descent(power):
    assert kurtosis(10, 16, 1.1, descent=2.0, penalty_power=power) < 1.2


def test_points_under_the_max_penalty_are_those_of_free_features():
    (A,) = grown_points(4, 8, 0.0, descent=2.0, starts=1)  # the start, up to a scale
    (z,) = grown_points(4, 8, 0.0, descent=2.0, penalty_power=math.inf, starts=1)
    size = np.abs(z)
    assert size == pytest.approx(size[:, :1] + 0 * size)  # one for each class
    assert size[:, 0] / size[0, 0] == pytest.approx(np.abs(A).sum(axis=1) / np.abs(A[0]).sum())


def test_a_large_epsilon_turns_adam_into_gradient_descent():
    shares = [1e-9, 0.1, 1.0, 1e3]
    found = [kurtosis(10, 16, 1.1, epsilon_share=lambda _, share=s: share) for s in shares]
    assert found[0] == pytest.approx(kurtosis(10, 16, 1.1), rel=1e-3)
    assert found[1:] == sorted(found[1:])
    assert found[-1] == pytest.approx(kurtosis(10, 16, 0.0), rel=0.01)


@pytest.mark.parametrize(
    ("name", "descent"), [("signum", math.inf), ("normalized", 2.0), ("muon", "spectral")]
)
def test_the_optimisers_take_the_same_way(name, descent):
    """The classifier of free points, which follow it at once: dF/dW is -A, up to a scale."""
    K, D, steps, rate = 10, 16, 400, 0.0025
    rng = np.random.default_rng(0)
    W = rng.uniform(-(D**-0.5), D**-0.5, (1, K, D)).transpose(0, 2, 1).copy()
    gradient = np.zeros(W.size)
    kind = OPTIMIZERS[name]
    shapes = ([(D, K)],) if kind.by_tensor else ()
    optimizer = kind(W.reshape(-1), gradient, *shapes, momentum=0.0)
    for _ in range(steps):
        A = W - W.mean(axis=2, keepdims=True)
        gradient[...] = -A.reshape(-1)
        optimizer.step(rate)
    A = (W - W.mean(axis=2, keepdims=True))[0].T
    (expected,) = grown_points(K, D, steps * rate, descent, starts=1)
    cosine = np.sum(A * expected) / np.linalg.norm(A) / np.linalg.norm(expected)
    assert cosine > 0.999


@pytest.mark.parametrize(
    ("place", "settings"),
    [
        ((1, 16, 1.0), {}),
        ((10, 0, 1.0), {}),
        ((10, 16, -1.0), {}),
        ((10, 16, 1.0), {"descent": 1.0}),
        ((10, 16, 1.0), {"penalty_power": 1.0}),
    ],
)
def test_numbers_out_of_range_are_refused(place, settings):
    with pytest.raises(ValueError, match=r"needs|powers"):
        grown_points(*place, **settings)
