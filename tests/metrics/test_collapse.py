import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from lpc_scratch.metrics import collapse

# class 0 scatters along the diagonal around (1, 1), class 1 along x around (5, 1)
TINY = np.array([[0.0, 0.0], [2.0, 2.0], [4.0, 1.0], [6.0, 1.0]])
TINY_LABELS = np.array([0, 0, 1, 1])


@pytest.fixture
def blobs(rng):
    """Four unequally large classes in six dimensions, in mixed order."""
    labels = rng.permutation(np.repeat([2, 3, 5, 7], [30, 40, 50, 60]))
    return rng.normal(size=(8, 6))[labels] + rng.normal(size=(180, 6)), labels


@pytest.fixture
def simplex(rng):
    """Ten vertices of a simplex, turned and scaled in twelve dimensions."""
    rotation = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    return 3 * (np.eye(10) - 1 / 10) @ rotation[:10]


def test_an_exact_simplex_has_no_distance_from_one(simplex):
    assert collapse.equinorm(simplex) == pytest.approx(0, abs=1e-12)
    assert collapse.equiangularity(simplex) == pytest.approx(0, abs=1e-12)
    assert collapse.max_angle(simplex) == pytest.approx(0, abs=1e-12)
    assert collapse.etf_distance(simplex) == pytest.approx(0, abs=1e-12)
    assert collapse.self_duality(simplex, 5 * simplex.T) == pytest.approx(0, abs=1e-12)


def test_second_property_of_a_hand_worked_triangle():
    M = np.array([[3.0, 0.0], [0.0, 4.0], [-3.0, -4.0]])  # norms 3, 4, 5
    cosines = np.array([0, -3 / 5, -4 / 5])
    assert collapse.equinorm(M) == pytest.approx(np.sqrt(2 / 3) / 4)
    assert collapse.equiangularity(M) == pytest.approx(cosines.std())
    assert collapse.max_angle(M) == pytest.approx((0.5 + 0.1 + 0.3) / 3)


def test_etf_distance_of_classes_on_a_line():
    # G/||G||_F = [[1, 0, -1], [0, 0, 0], [-1, 0, 1]]/2 and (I - 11ᵀ/3)/√2 both have norm 1, and
    # their inner product is (2 · 2/3 + 2 · 1/3)/(2√2) = 1/√2
    line = np.array([[-1.0], [0.0], [1.0]])
    assert collapse.etf_distance(line) == pytest.approx(np.sqrt(2 - np.sqrt(2)))


def test_self_duality_is_largest_for_the_opposite_classifier(simplex):
    assert collapse.self_duality(simplex, -simplex.T) == pytest.approx(4)


def test_class_means_are_sorted_by_label_and_centered_without_weights():
    latent = np.array([[1.0, 2.0], [5.0, 0.0], [3.0, 4.0]])
    labels = [7, -1, 7]
    np.testing.assert_allclose(collapse.class_means(latent, labels), [[5, 0], [2, 3]])
    M = collapse.centered_class_means(latent, labels)
    np.testing.assert_allclose(M, [[1.5, -1.5], [-1.5, 1.5]])


def test_hand_worked_scatter():
    # Σ_W = [[1, 1/2], [1/2, 1/2]], Σ_B = [[4, 0], [0, 0]]: trace(Σ_W Σ_B⁺) / 2 = (1/4) / 2
    assert collapse.within_class_variability(TINY, TINY_LABELS) == pytest.approx(1 / 8)
    # v = 2 and 1, squared distance 16
    assert collapse.cdnv(TINY, TINY_LABELS) == pytest.approx(3 / 32)
    assert collapse.within_class_scatter_trace(TINY, TINY_LABELS) == pytest.approx(3 / 2)
    assert collapse.variability_quotient(TINY, TINY_LABELS) == pytest.approx(3 / 8)
    means = collapse.class_means(TINY, TINY_LABELS)
    assert collapse.mean_class_distance(means) == pytest.approx(4)


def test_within_class_variability_matches_the_pseudo_inverse(blobs):
    latent, labels = blobs
    M = collapse.centered_class_means(latent, labels)
    sigma_w = np.mean([np.cov(latent[labels == c].T, ddof=0) for c in np.unique(labels)], axis=0)
    expected = np.trace(sigma_w @ np.linalg.pinv(M.T @ M / 4, rcond=1e-10)) / 4
    assert collapse.within_class_variability(latent, labels) == pytest.approx(expected)
    quotient = np.trace(sigma_w) / np.trace(M.T @ M / 4)
    assert collapse.variability_quotient(latent, labels) == pytest.approx(quotient)


def test_within_class_variability_of_collapsed_float32_points(simplex):
    # every class: simplex vertex ± delta along each of 12 axes, so that Σ_W = delta²/12 I and
    # Σ_B has 9 eigenvalues 3²/10: NC1 = 9 · delta²/12 · 10/9 / 10
    delta = 1e-3
    steps = delta * np.vstack([np.eye(12), -np.eye(12)])
    latent = (simplex[:, None] + steps).reshape(-1, 12).astype(np.float32)
    value = collapse.within_class_variability(latent, np.repeat(np.arange(10), 24))
    assert value == pytest.approx(delta**2 / 12, rel=1e-3)


@pytest.mark.parametrize(
    "metric", [collapse.within_class_variability, collapse.variability_quotient, collapse.cdnv]
)
def test_relative_scatter_ignores_shift_rotation_and_scale(metric, blobs, rng):
    latent, labels = blobs
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert metric(1e-3 * latent @ rotation + 1e3, labels) == pytest.approx(metric(latent, labels))


def test_classes_on_one_line_are_measured_along_that_line_only():
    latent = np.array([[0, 9], [0, -9], [1, 9], [1, -9], [2, 9], [2, -9]], dtype=float)
    rotation = np.array([[0.6, 0.8], [-0.8, 0.6]])
    value = collapse.within_class_variability(latent @ rotation, [0, 0, 1, 1, 2, 2])
    assert value == pytest.approx(0)


def test_coinciding_class_means_give_infinite_scatter_and_one_point_gives_nan():
    around_zero, labels = np.array([[1.0], [-1.0], [2.0], [-2.0]]), [0, 0, 1, 1]
    assert collapse.within_class_variability(around_zero, labels) == np.inf
    assert collapse.variability_quotient(around_zero, labels) == np.inf
    assert collapse.cdnv(around_zero, labels) == np.inf
    one_point = np.full((4, 3), 0.1)
    assert np.isnan(collapse.within_class_variability(one_point, labels))
    assert np.isnan(collapse.variability_quotient(one_point, labels))
    assert np.isnan(collapse.cdnv(one_point, labels))


def test_zero_vectors_have_no_shape():
    zeros = np.zeros((3, 2))
    for metric in (
        collapse.equinorm,
        collapse.equiangularity,
        collapse.max_angle,
        collapse.etf_distance,
        collapse.classifier_mean_share,
    ):
        assert np.isnan(metric(zeros))
    assert np.isnan(collapse.self_duality(zeros, zeros.T))


def test_share_of_the_mean_in_a_classifier(rng):
    assert collapse.classifier_mean_share([[1, 1, 1], [-2, -2, -2]]) == pytest.approx(1)
    assert collapse.classifier_mean_share([[1, 0, -1]]) == 0
    W = rng.normal(size=(4000, 10))
    assert collapse.classifier_mean_share(W) == pytest.approx(1 / 10, rel=0.05)
    A = W - W.mean(axis=1, keepdims=True)  # orthogonal to the rest of W
    expected = 1 - np.linalg.norm(A) ** 2 / np.linalg.norm(W) ** 2
    assert collapse.classifier_mean_share(1e-3 * W) == pytest.approx(expected)


def test_disagreement_counts_predictions_that_are_not_the_nearest_mean():
    # means (1, 1) and (5, 1); the nearest classes are 0, 0, 1, 1
    share = collapse.nearest_class_mean_disagreement(TINY, TINY_LABELS, [0, 1, 1, 1])
    assert share == pytest.approx(1 / 4)


def test_disagreement_matches_nearest_centroid_of_scikit_learn(blobs):
    latent, labels = blobs
    nearest = NearestCentroid().fit(latent, labels).predict(latent)
    assert np.any(nearest != labels)
    assert collapse.nearest_class_mean_disagreement(latent, labels, nearest) == 0


@pytest.mark.parametrize(
    ("latent", "labels", "message"),
    [
        ([1.0, 2.0], [0, 1], "latent must be 2-D"),
        (np.zeros((0, 2)), np.zeros(0, int), "latent needs at least 1 row"),
        ([[np.nan], [0.0]], [0, 1], "latent must be finite"),
        ([[1.0], [2.0]], [0, 1, 2], r"labels must have shape \(2,\)"),
        ([[1.0], [2.0]], [0.0, 1.0], "labels must be integers"),
        ([[1.0], [2.0]], [3, 3], "labels must hold at least 2 classes"),
    ],
)
def test_malformed_input_is_named(latent, labels, message):
    with pytest.raises(ValueError, match=message):
        collapse.within_class_variability(latent, labels)


def test_a_classifier_of_another_shape_is_refused(simplex):
    with pytest.raises(ValueError, match="classifier_weight must have the shape"):
        collapse.self_duality(simplex, simplex)
