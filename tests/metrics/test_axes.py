import numpy as np
import pytest
from scipy.stats import moment

from lpc_scratch.metrics import axes

H2 = np.array([[1, 1], [1, -1]])
CODES = np.kron(np.kron(H2, H2), H2)[:, 1:]  # eight codes of seven bits


def test_kurtosis_of_codes_sparse_means_and_known_distributions():
    assert axes.entry_kurtosis(0.3 * CODES) == 1
    assert axes.entry_kurtosis(np.eye(4)[:1]) == 4  # one entry of four is not 0
    assert axes.entry_kurtosis(np.linspace(-1, 1, 10_001)[:, None]) == pytest.approx(1.8, abs=1e-3)
    assert np.isnan(axes.entry_kurtosis(np.zeros((3, 2))))


@pytest.mark.parametrize("scale", [1, 1e-120, 1e120])
def test_kurtosis_is_that_of_moments_about_zero(scale, rng):
    x = 1 + rng.normal(size=(10, 16))
    expected = moment(x, 4, axis=None, center=0) / moment(x, 2, axis=None, center=0) ** 2
    assert axes.entry_kurtosis(scale * x) == pytest.approx(expected)


def test_kurtosis_in_random_bases_averages_to_that_of_points_on_spheres(rng):
    means = rng.normal(size=(10, 1)) * CODES[rng.integers(8, size=10)]
    squares = (means**2).sum(axis=1)
    # a point on a sphere in D dimensions has the mean fourth power 3 |x|⁴ / (D (D + 2))
    expected = 3 * 7 / (7 + 2) * np.mean(squares**2) / np.mean(squares) ** 2
    values = [axes.rotated_kurtosis(means, seed) for seed in range(2000)]
    assert np.mean(values) == pytest.approx(expected, rel=0.02)
    assert values[3] == axes.rotated_kurtosis(means, seed=3) != values[4]


def test_kurtosis_finds_the_basis_in_which_a_code_is_binary():
    turned = CODES @ axes.random_axes(7, seed=0).T
    assert axes.rotated_kurtosis(turned, seed=0) == pytest.approx(1)
    assert axes.entry_kurtosis(turned) > 1.8


@pytest.mark.parametrize(("dims", "taken"), [(1, 1), (5, 5), (300, axes.MAX_AXES)])
def testrandom_axes_are_orthonormal_and_not_too_many(dims, taken):
    Q = axes.random_axes(dims, seed=0)
    assert Q.shape == (dims, taken)
    np.testing.assert_allclose(Q.T @ Q, np.eye(taken), atol=1e-12)


def test_share_of_the_initial_code_is_counted_in_bits():
    W = np.array([[3.0, 1.0, -1.0], [0.0, 5.0, 1.0]])  # less its mean: + 0 -, - + -
    means = np.array([[1.0, -1.0], [-1.0, -1.0]])
    share = axes.initial_code_share(means, np.array([0, 2]), W)
    assert share == 1
    assert axes.initial_code_share(-means, np.array([0, 2]), W) == 0
    assert axes.initial_code_share(means, np.array([0, 1]), W) == 3 / 4  # 0 is no positive sign
    shifted = W + np.array([[10.0], [-10.0]])  # the same softmax
    assert axes.initial_code_share(means, np.array([0, 2]), shifted) == share


@pytest.mark.parametrize("shape", [(3, 3), (2, 2)])
def test_an_initial_classifier_of_another_shape_is_refused(shape):
    message = r"initial_classifier must have shape \(2, K\), with a column for .* classes 0\.\.2"
    with pytest.raises(ValueError, match=message):
        axes.initial_code_share(np.ones((2, 2)), np.array([0, 2]), np.ones(shape))
