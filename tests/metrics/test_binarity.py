from itertools import combinations
from statistics import NormalDist

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances
from sklearn.mixture import GaussianMixture

from lpc_scratch.metrics import binarity

# 2000 evenly spaced quantiles: a standard normal sample without chance
NORMAL = np.array([NormalDist().inv_cdf((k + 0.5) / 2000) for k in range(2000)])


def two_peaks(sigma_low, sigma_high):
    """Peaks at -2 and 2, as one coordinate (4000, 1)."""
    return np.concatenate([-2 + sigma_low * NORMAL, 2 + sigma_high * NORMAL])[:, None]


def test_a_gaussian_scores_its_entropy():
    fit = binarity.fit_mixtures(5 + 3 * NORMAL[:, None])
    assert fit.gmm_score == pytest.approx(-1.4189, abs=5e-3)
    assert fit.peak_distance < 3


def test_two_known_peaks_are_found():
    fit = binarity.fit_mixtures(two_peaks(0.25, 0.5))
    std = np.sqrt(4 + (0.25**2 + 0.5**2) / 2)
    np.testing.assert_allclose(fit.means[0], [-2 / std, 2 / std], rtol=1e-2)
    np.testing.assert_allclose(fit.sigmas[0], [0.25 / std, 0.5 / std], rtol=1e-2)
    np.testing.assert_allclose(fit.weights[0], [0.5, 0.5], rtol=1e-2)
    assert fit.gmm_sigma == pytest.approx(0.375 / std, rel=1e-2)
    assert fit.peak_distance == pytest.approx(4 / 0.375, rel=1e-2)


def test_the_fit_matches_scikit_learn_started_by_its_own_search():
    latent = np.hstack([two_peaks(0.8, 0.3), two_peaks(0.1, 0.1)])
    latent = np.vstack([latent, latent[:1000]])  # unequal weights
    fit = binarity.fit_mixtures(latent)
    for d, x in enumerate((latent - latent.mean(axis=0)).T):
        oracle = GaussianMixture(2, tol=1e-6, random_state=0).fit((x / x.std())[:, None])
        order = np.argsort(oracle.means_[:, 0])
        np.testing.assert_allclose(fit.means[d], oracle.means_[order, 0], rtol=1e-2)
        sigmas = np.sqrt(oracle.covariances_[order, 0, 0])
        np.testing.assert_allclose(fit.sigmas[d], sigmas, rtol=1e-2)
        assert fit.score[d] == pytest.approx(oracle.lower_bound_, abs=1e-3)


def test_the_fit_is_that_of_scikit_learn_from_the_same_two_parts(rng):
    latent = np.hstack([two_peaks(0.8, 0.3), rng.exponential(size=(4000, 1))])
    fit = binarity.fit_mixtures(latent)
    for d, x in enumerate((latent - latent.mean(axis=0)).T / latent.std(axis=0)[:, None]):
        x.sort()
        cut = int(np.argmin([x[:k].var() * k + x[k:].var() * (4000 - k) for k in range(1, 4000)]))
        parts = x[: cut + 1], x[cut + 1 :]
        oracle = GaussianMixture(
            2,
            covariance_type="diag",
            reg_covar=1e-9,
            weights_init=[len(part) / 4000 for part in parts],
            means_init=[[part.mean()] for part in parts],
            precisions_init=np.array([[1 / part.var()] for part in parts]),
        ).fit(x[:, None])
        np.testing.assert_allclose(fit.means[d], oracle.means_[:, 0], rtol=1e-6)
        np.testing.assert_allclose(fit.sigmas[d] ** 2, oracle.covariances_[:, 0], rtol=1e-6)
        np.testing.assert_allclose(fit.weights[d], oracle.weights_, rtol=1e-6)
        assert fit.score[d] == pytest.approx(oracle.lower_bound_, rel=1e-9)


def test_the_peak_distance_of_collapsed_coordinates_stays_honest():
    assert binarity.fit_mixtures(two_peaks(4e-3, 4e-3)).peak_distance == pytest.approx(
        1e3, rel=1e-2
    )
    two_points = np.array([[1.0], [1.0], [1.0], [-1.0]])
    assert binarity.fit_mixtures(two_points).peak_distance > 6e4


def test_two_values_of_known_distributions():
    assert binarity.fit_mixtures(NORMAL[:, None]).two_values == pytest.approx(
        1 - 2 / np.pi, abs=1e-3
    )
    uniform = np.linspace(0, 1, 2000)[:, None]
    assert binarity.fit_mixtures(uniform).two_values == pytest.approx(1 / 4, abs=1e-3)
    for distance in (10, 1000):
        peaks = two_peaks(4 / distance, 4 / distance)
        expected = pytest.approx(1 / (1 + distance**2 / 4), rel=1e-3)
        assert binarity.fit_mixtures(peaks).two_values == expected
    assert binarity.fit_mixtures([[5.0], [5.0], [5.0], [-1.0]]).two_values < 1e-30


def test_two_values_are_the_clusters_of_scikit_learn(rng):
    latent = np.hstack([rng.normal(size=(300, 2)), rng.exponential(size=(300, 1))])
    fit = binarity.fit_mixtures(latent)
    shares = [
        KMeans(2, n_init=5, random_state=0).fit(x[:, None]).inertia_ / (len(x) * x.var())
        for x in latent.T
    ]
    assert fit.within == pytest.approx(shares, rel=1e-6)
    assert fit.two_values == pytest.approx(np.mean(shares), rel=1e-6)


def test_constant_coordinates_are_left_out():
    x = two_peaks(0.25, 0.25)
    fit = binarity.fit_mixtures(np.hstack([x, np.zeros_like(x), np.full_like(x, 0.1)]))
    assert np.isnan(fit.score[1:]).all()
    assert fit.peak_distance == pytest.approx(binarity.fit_mixtures(x).peak_distance)
    # 0.3 - 0.2 is not exactly 0.1: rounding must not pass for variation
    nothing = binarity.fit_mixtures([[0.1, 0.0], [0.1, 0.0], [0.3 - 0.2, 0.0]])
    assert np.isnan([nothing.gmm_score, nothing.gmm_sigma, nothing.peak_distance]).all()


def test_large_latents_are_thinned_by_the_seed():
    latent = np.random.default_rng(0).normal(size=(500, 2))
    first, again, other = (
        binarity.fit_mixtures(latent, seed=seed, max_samples=100) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.score, again.score)
    assert (first.score != other.score).all()


def test_signs_and_codes_of_hand_made_data():
    latent = [[1, -1], [2, -3], [1, 2], [-1, -5], [-1, 1], [-3, 2]]
    labels = [0, 0, 0, 0, 1, 1]
    # class 0: 3 of 4 positive, 3 of 4 negative, and 2 of 4 samples are (+, -); class 1 is pure
    np.testing.assert_array_equal(
        binarity.class_codes(latent, labels), [[True, False], [False, True]]
    )
    assert binarity.sign_purity(latent, labels) == pytest.approx((0.75 + 0.75 + 1 + 1) / 4)
    assert binarity.same_code_share(latent, labels) == pytest.approx((2 / 4 + 1) / 2)


def test_a_unit_that_is_off_for_a_class_has_no_sign_there():
    latent = [[0.7], [0.3], [0.0], [0.0], [0.0]]
    labels = [0, 0, 1, 1, 1]
    np.testing.assert_array_equal(binarity.class_codes(latent, labels), [[True], [False]])
    assert binarity.same_code_share(latent, labels) == 1


def test_codes_of_all_balanced_splits_form_a_simplex():
    # one coordinate for every way to give five of ten classes a plus
    codes = np.array([[c in half for half in combinations(range(10), 5)] for c in range(10)])
    distances = binarity.hamming_distances(codes)
    np.testing.assert_allclose(distances[~np.eye(10, dtype=bool)], 5 / 9)
    np.testing.assert_allclose(distances, pairwise_distances(codes, metric="hamming"))


def test_equal_codes_are_counted_once():
    assert binarity.distinct_codes([[True, False], [True, True], [True, False]]) == 2


def test_latent_norm_is_the_mean_length():
    assert binarity.latent_norm([[3.0, 4.0], [0.0, 1.0]]) == pytest.approx(3)


def test_impossible_requests_are_refused():
    with pytest.raises(ValueError, match="max_samples must be at least 2"):
        binarity.fit_mixtures(np.ones((3, 1)), max_samples=1)
