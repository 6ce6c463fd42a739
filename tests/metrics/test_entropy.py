import numpy as np
import pytest

from lpc_scratch.metrics import latent_entropy


@pytest.fixture
def clusters(rng):
    """Ten centres at distance 1 from the origin, one for each of 300 samples, and unit noise."""
    centers = rng.normal(size=(10, 4))
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    return centers[np.arange(300) % 10], rng.normal(size=(300, 4))


def test_three_points_on_a_line():
    line = [[0.0], [1.0], [3.0]]
    # the nearest are 1, 1 and 2 away, the second nearest 3, 2 and 3; ψ(3) - ψ(1) = 1 + 1/2, and
    # the ball of radius 1 has length 2
    assert latent_entropy(line, neighbors=1) == pytest.approx(1.5 + np.log(2) + np.log(2) / 3)
    assert latent_entropy(line, neighbors=2) == pytest.approx(0.5 + np.log(2) + np.log(18) / 3)


@pytest.mark.parametrize("dims", [1, 2, 5])
def test_a_gaussian_has_the_entropy_of_its_covariance(dims, rng):
    mixing = np.eye(dims) + np.tri(dims) / 2
    latent = rng.normal(size=(2000, dims)) @ mixing
    expected = dims / 2 * np.log(2 * np.pi * np.e) + np.log(abs(np.linalg.det(mixing)))
    assert latent_entropy(latent) == pytest.approx(expected, abs=0.1)


def test_a_uniform_cube_has_the_logarithm_of_its_volume(rng):
    assert latent_entropy(rng.uniform(0, 3, size=(2000, 2))) == pytest.approx(np.log(9), abs=0.1)


def test_scaling_adds_its_logarithm_in_every_dimension(rng):
    latent = rng.normal(size=(200, 3))
    expected = latent_entropy(latent) + 3 * np.log(1e-5)
    assert latent_entropy(1e-5 * latent) == pytest.approx(expected, rel=1e-12)


def test_a_shift_changes_nothing(rng):
    latent = rng.normal(size=(200, 3))
    assert latent_entropy(latent + 1e6) == pytest.approx(latent_entropy(latent), abs=1e-8)


@pytest.mark.parametrize("spread", [1e-3, 1e-5, 1e-9])
@pytest.mark.parametrize("shift", [0, 10])
def test_tight_clusters_keep_their_distances(spread, shift, clusters):
    centers, noise = clusters
    # the same clusters a hundred spreads apart: no neighbour lies in another cluster
    loose = latent_entropy(100 * centers + noise)
    tight = latent_entropy(shift + centers + spread * noise)
    assert tight == pytest.approx(loose + 4 * np.log(spread), abs=1e-5)


def test_coinciding_neighbours_have_no_entropy(rng):
    latent = 1e3 + np.repeat(rng.normal(size=(50, 4)), 3, axis=0)  # every point occurs three times
    assert latent_entropy(latent, neighbors=2) == -np.inf
    assert np.isfinite(latent_entropy(latent, neighbors=3))
    assert latent_entropy(np.full((5, 2), 0.1)) == -np.inf


def test_large_latents_are_thinned_by_the_seed(rng):
    latent = rng.normal(size=(500, 2))
    first, again, other = (latent_entropy(latent, seed=seed, max_samples=100) for seed in (1, 1, 2))
    assert first == again != other


def test_impossible_requests_are_refused():
    with pytest.raises(ValueError, match="neighbors must be at least 1"):
        latent_entropy(np.eye(3), neighbors=0)
    with pytest.raises(ValueError, match="neighbors=3 needs at least 4 samples, not 3"):
        latent_entropy(np.eye(3))
    with pytest.raises(ValueError, match="not 2"):
        latent_entropy(np.eye(8), max_samples=2)
    with pytest.raises(ValueError, match="latent must be finite"):
        latent_entropy([[np.nan]] * 4)
