import math

import numpy as np
import pytest
from scipy.optimize import minimize

from lpc_scratch.nn.losses import softmax_cross_entropy
from lpc_scratch.nn.penalties import PENALTIES
from lpc_scratch.theory.free_features import (
    FreeOptimum,
    centred,
    fading_epsilon,
    optimum,
    optimum_of_norm,
)
from lpc_scratch.theory.simplex_codes import simplex_code

CASES = [("l2", 2), ("exp", 2), ("exp-sample", 2), ("exp-coordinate", 2)]
CASES += [("lp", 1.25), ("lp", 4), ("lp", 8), ("max", 2)]
SIMPLEX = 0.5 * centred(simplex_code(10, 18).T)


def random_code(seed=0, size=0.5, classes=10, latent_dim=16):
    """Return a classifier as sign descent leaves it: signs of a uniform start, and the start."""
    start = centred(np.random.default_rng(seed).uniform(-0.25, 0.25, (latent_dim, classes)))
    return centred((start + size * np.sign(start)).T)


def penalty(Z, name, power):
    if name == "lp":
        return np.mean(np.abs(Z) ** power), power * np.abs(Z) ** (power - 1) * np.sign(Z) / Z.size
    return PENALTIES[name](Z)


def exact(A, gamma, name, power):
    """Minimise cross-entropy plus penalty over Z (K, D), convex, and return Z and cross-entropy."""
    K, labels = len(A), np.arange(len(A))

    def cross_entropy(Z):
        value, dlogits = softmax_cross_entropy(Z @ A.T, labels)
        return float(value), dlogits @ A

    def split(x):  # of max: z_k = t_k y_k with |y_ki| <= 1
        return x[:K, None], x[K:].reshape(A.shape)

    def loss(x):
        if name == "max":
            t, y = split(x)
            value, dZ = cross_entropy(t * y)
            dt = (dZ * y).sum(axis=1) + 2 * gamma * t[:, 0] / K
            return value + gamma * np.mean(t**2), np.append(dt, t * dZ)
        value, dZ = cross_entropy(x.reshape(A.shape))
        pushed, dP = penalty(x.reshape(A.shape), name, power)
        return value + gamma * float(pushed), (dZ + gamma * dP).ravel()

    start, bounds = 0.01 * A.ravel(), None
    if name == "max":
        start = np.append(np.full(K, 0.1), np.sign(A))
        bounds = [(0, None)] * K + [(-1, 1)] * A.size
    options = {"maxiter": 5000, "maxfun": 9000, "ftol": 1e-14, "gtol": 1e-8}
    x = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    Z = np.multiply(*split(x)) if name == "max" else x.reshape(A.shape)
    return Z, cross_entropy(Z)[0]


def norm(Z):
    return np.sqrt(np.mean(np.sum(Z**2, axis=1)))


@pytest.mark.parametrize("gamma", [1, 100])
@pytest.mark.parametrize(("name", "power"), CASES)
def test_binary_simplex_has_exactly_the_predicted_points(name, power, gamma):
    Z, cross_entropy = exact(SIMPLEX, gamma, name, power)
    predicted = optimum(SIMPLEX, gamma, name, power)
    assert predicted.norm == pytest.approx(norm(Z), rel=1e-5)
    assert predicted.cross_entropy == pytest.approx(cross_entropy, rel=1e-5)
    p = math.exp(-cross_entropy)
    assert predicted.error == pytest.approx(1 - p + (1 - p) / 9, rel=1e-5)
    assert np.ptp(np.abs(Z)) < 1e-4 * np.abs(Z).max()


@pytest.mark.parametrize("gamma", [1, 10, 100])
@pytest.mark.parametrize(("name", "power"), CASES)
def test_random_code_has_points_of_the_predicted_norm_to_8_percent(name, power, gamma):
    A = random_code(size=1)
    Z, cross_entropy = exact(A, gamma, name, power)
    predicted = optimum(A, gamma, name, power)
    assert predicted.norm == pytest.approx(norm(Z), rel=0.08)
    assert predicted.cross_entropy < cross_entropy


def test_no_classifier_of_a_norm_does_better_than_predicted():
    gamma, ratios = 10, []
    for seed in range(3):
        A = random_code(seed)
        Z, cross_entropy = exact(A, gamma, "l2", 2)
        bound = optimum(A, gamma, "l2")
        least = bound.cross_entropy + gamma * bound.norm**2 / 16
        ratios.append((cross_entropy + gamma * np.mean(Z**2)) / least)
    assert 1 < min(ratios) < max(ratios) < 1.1


def test_power_law_of_lp_makes_points_binary_above_2_and_sparse_below():
    A = random_code(size=0.2)
    kurtosis = {}
    for power in (1.5, 2, 4, 8):
        Z, _ = exact(A, 100, "lp", power)
        kurtosis[power] = np.mean(Z**4) / np.mean(Z**2) ** 2
        law = np.sign(A) * np.abs(A) ** (1 / (power - 1))
        assert np.sum(Z * law) / np.linalg.norm(Z) / np.linalg.norm(law) > 0.98
    assert kurtosis[1.5] > 2 > kurtosis[2] > kurtosis[4] > kurtosis[8]
    assert kurtosis[8] < 1.1


def test_points_are_a_copy_of_the_classifier_under_a_large_gamma():
    A = random_code()
    assert optimum(A, 1e6, "l2").norm == pytest.approx(norm(A) * 16 / 2e6, rel=1e-3)
    Z, _ = exact(A, 1e4, "l2", 2)
    np.testing.assert_allclose(Z, A * 16 / 2e4, rtol=0.05, atol=1e-6)


@pytest.mark.parametrize("name", ["l2", "exp", "exp-sample"])
def test_norm_of_the_classifier_is_all_that_round_penalties_need(name):
    A = random_code()
    assert optimum(A, 10, name) == optimum_of_norm(float(np.linalg.norm(A)), 10, 10, 16, name)


def test_cross_entropy_is_half_of_a_guess_where_s_squared_over_g_is_3_379():
    half = optimum_of_norm(math.sqrt(10 * 3.3786), 18, 10, 18, "l2")
    assert half.cross_entropy == pytest.approx(math.log(10) / 2, rel=1e-4)


def test_power_1_is_the_limit_from_above_with_one_coordinate_a_class():
    A = random_code()
    sparse = optimum(A, 1, "lp", 1)
    assert sparse.norm == pytest.approx(optimum(A, 1, "lp", 1.0002).norm, rel=1e-3)
    assert optimum(A, 1e3, "lp", 1) == FreeOptimum(0, pytest.approx(math.log(10)), 1)


@pytest.mark.parametrize("name", ["l2", "exp", "exp-coordinate", "lp", "max"])
def test_classifier_of_zero_guesses(name):
    guess = optimum(np.zeros((4, 3)), 1, name)
    assert guess == FreeOptimum(0, pytest.approx(math.log(4)), 1)


def test_epsilon_of_adam_fades_the_code_at_the_size_of_the_classifiers_gradient():
    Z, _ = exact(SIMPLEX, 10, "l2", 2)
    _, dlogits = softmax_cross_entropy(Z @ SIMPLEX.T, np.arange(10))
    found = fading_epsilon(optimum(SIMPLEX, 10, "l2"), 10, 18)
    np.testing.assert_allclose(np.abs(Z.T @ dlogits), found, rtol=1e-4)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"gamma": 0.0}, "gamma must be above 0, not 0.0"),
        ({"penalty": "l3"}, "penalty must be one of .*, not 'l3'"),
        ({"penalty": "lp", "power": 0.5}, "power must be at least 1, not 0.5"),
        ({"A": np.zeros((1, 3))}, "at least 2 classes, not 1"),
    ],
)
def test_what_has_no_optimum_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        optimum(**{"A": SIMPLEX, "gamma": 1.0} | changed)
    with pytest.raises(ValueError, match="penalty lp needs the whole classifier"):
        optimum_of_norm(1, 1, 10, 16, "lp")
