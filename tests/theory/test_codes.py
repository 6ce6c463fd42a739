import math

import numpy as np
import pytest

from lpc_scratch.metrics import code_geometry, etf_distance
from lpc_scratch.theory import codes


def random_codes(K, D, count, weights="uniform"):
    rng = np.random.default_rng(0)
    W = rng.normal(size=(count, K, D)) if weights == "gaussian" else rng.random((count, K, D))
    return np.sign(W - W.mean(axis=1, keepdims=True))


def test_simplex_distance_by_hand():
    assert codes.simplex_hamming(10) == pytest.approx(5 / 9)
    with pytest.raises(ValueError, match="classes must be at least 2"):
        codes.simplex_hamming(1)


@pytest.mark.parametrize(("K", "largest"), [(2, 1), (3, 2 / 3), (4, 2 / 3), (5, 0.6), (10, 5 / 9)])
def test_largest_mean_distance_is_that_of_evenly_split_coordinates(K, largest):
    by_count = [2 * m * (K - m) / (K * (K - 1)) for m in range(K + 1)]
    assert codes.largest_mean_hamming(K) == pytest.approx(max(by_count)) == pytest.approx(largest)


def test_uniform_weights_above_their_mean_are_counted_by_eulerian_numbers():
    assert codes.plus_counts(5) * 24 == pytest.approx([0, 1, 11, 11, 1, 0])
    above = (random_codes(5, 1, 40_000)[:, :, 0] > 0).sum(axis=1)
    shares = np.bincount(above, minlength=6) / 40_000
    np.testing.assert_allclose(shares, codes.plus_counts(5), atol=0.01)


@pytest.mark.parametrize("weights", ["uniform", "gaussian"])
@pytest.mark.parametrize("K", [2, 3, 4, 10])
def test_distance_of_random_codes_is_that_of_a_simulation(K, weights):
    first, second = random_codes(K, 1, 60_000, weights)[:, :2, 0].T
    assert codes.random_hamming(K, weights) == pytest.approx(np.mean(first != second), abs=0.006)


def test_random_codes_of_ten_classes_by_hand():
    assert codes.random_hamming(10) == pytest.approx(29 / 54)
    assert codes.random_hamming(10, "gaussian") == pytest.approx(0.535, abs=5e-4)
    assert codes.centred_share(10) == pytest.approx(29 / 30)
    assert codes.random_kurtosis(10) == pytest.approx(1.13, abs=0.005)


@pytest.mark.parametrize(("K", "D"), [(10, 16), (10, 64), (26, 64)], ids=str)
def test_geometry_of_random_codes_is_that_of_a_simulation(K, D):
    sample = random_codes(K, D, 300)
    A = sample - sample.mean(axis=1, keepdims=True)
    kurtosis = np.mean(A**4, axis=(1, 2)) / np.mean(A**2, axis=(1, 2)) ** 2
    distances = [code_geometry(code).mean for code in sample]
    etf = [etf_distance(a) for a in A]
    assert codes.random_kurtosis(K) == pytest.approx(kurtosis.mean(), abs=0.005)
    assert codes.random_hamming(K) == pytest.approx(np.mean(distances), abs=0.001)
    assert codes.random_hamming_deviation(K, D) == pytest.approx(np.std(distances), rel=0.15)
    assert codes.random_etf_distance(K, D) == pytest.approx(np.mean(etf), abs=0.012)
    assert np.std(etf) < 0.06


def test_gram_spread_is_the_relative_variance_of_the_eigenvalues():
    sample = random_codes(6, 20, 2000)
    A = sample - sample.mean(axis=1, keepdims=True)
    values = np.linalg.eigvalsh(A @ A.mT)[:, 1:]  # without the 0 of the mean
    spread = np.mean(values**2) / np.mean(values) ** 2 - 1
    assert codes.random_gram_spread(6, 20) == pytest.approx(spread, rel=0.03)


@pytest.mark.parametrize(("D", "pairs"), [(4, 2.1), (8, 0.1)])
def test_collisions_of_few_coordinates(D, pairs):
    sample = random_codes(10, D, 3000)
    equal = (sample[:, :, None] == sample[:, None]).all(axis=3)
    counted = (equal.sum(axis=(1, 2)) - 10).mean() / 2
    assert codes.expected_collisions(10, D) == pytest.approx(counted, abs=0.1)
    assert codes.expected_collisions(10, D, 0.535) == pytest.approx(pairs, abs=0.01)
    assert codes.expected_collisions(10, D) == pytest.approx(45 * (25 / 54) ** D)


def test_gram_spread_of_two_classes_is_none():
    assert codes.random_gram_spread(2, 3) == 0 == codes.random_etf_distance(2, 3)
    assert math.isclose(codes.random_hamming(2), 1)
