import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.covariance import EmpiricalCovariance
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from lpc_scratch.metrics import detection
from lpc_scratch.metrics.collapse import class_means


@pytest.fixture
def clusters(rng):
    """Labels and latent (300, 4) of three classes with one uneven covariance."""
    labels = rng.integers(0, 3, size=300)
    mixing = np.diag([1, 0.1, 3, 1]) @ (np.eye(4) + np.tri(4))
    return labels, 5 * rng.normal(size=(3, 4))[labels] + rng.normal(size=(300, 4)) @ mixing


def test_four_hand_worked_scores():
    positive, negative = [3.0, 1.0], [2.0, 1.0]
    # the four pairs are won, won, lost and tied
    assert detection.auroc(positive, negative) == (1 + 1 + 0 + 1 / 2) / 4
    # at score 3 one of one is positive, from 1 on two of four
    assert detection.aupr(positive, negative) == (1 + 2 / 4) / 2
    assert detection.fpr_at_tpr(positive, negative, tpr=0.5) == 0
    assert detection.fpr_at_tpr(positive, negative, tpr=0.51) == 1


@pytest.mark.parametrize("decimals", [0, 1, 8])  # from many ties to none
@pytest.mark.parametrize("counts", [(200, 300), (60, 7), (1, 40)])
def test_measures_are_those_of_scikit_learn(decimals, counts, rng):
    positive = np.round(rng.normal(1, 1, size=counts[0]), decimals)
    negative = np.round(rng.normal(0, 1, size=counts[1]), decimals)
    scores = np.concatenate([positive, negative])
    known = np.repeat([1, 0], counts)
    assert detection.auroc(positive, negative) == pytest.approx(roc_auc_score(known, scores))
    precision = average_precision_score(known, scores)
    assert detection.aupr(positive, negative) == pytest.approx(precision)
    false_rates, true_rates, _ = roc_curve(known, scores, drop_intermediate=False)
    for tpr in (0.07, 0.5, 0.95, 1):
        expected = false_rates[np.argmax(true_rates >= tpr)]
        assert detection.fpr_at_tpr(positive, negative, tpr) == pytest.approx(expected)


def test_separated_scores_are_perfect_and_equal_ones_are_chance(rng):
    high, low = rng.uniform(1, 2, size=50), rng.uniform(0, 1, size=30)
    assert detection.auroc(high, low) == detection.aupr(high, low) == 1
    assert detection.auroc(low, high) == detection.fpr_at_tpr(high, low) == 0
    same = np.full(50, 0.3), np.full(30, 0.3)
    assert detection.auroc(*same) == 0.5
    assert detection.aupr(*same) == pytest.approx(50 / 80)
    assert detection.fpr_at_tpr(*same) == 1
    alike = rng.normal(size=(2, 5000))
    assert detection.auroc(*alike) == pytest.approx(0.5, abs=0.02)
    assert detection.fpr_at_tpr(*alike) == pytest.approx(0.95, abs=0.02)


def test_energy_is_that_of_scipy(rng):
    logits = 3 * rng.normal(size=(50, 6))
    for temperature in (0.5, 1, 20):
        expected = temperature * logsumexp(logits / temperature, axis=1)
        np.testing.assert_allclose(detection.energy(logits, temperature), expected)
    np.testing.assert_allclose(detection.energy(logits, 1e-4), logits.max(axis=1), rtol=1e-3)


def test_energy_of_equal_logits():
    np.testing.assert_allclose(detection.energy(np.full((1, 8), 1000.0)), 1000 + np.log(8))


def test_mahalanobis_distance_to_two_hand_worked_classes():
    # around (0, 0) and (10, 0), variance 4 along x and 1 along y
    latent = np.array([[2, 1], [2, -1], [-2, 1], [-2, -1]])
    fitted = detection.Mahalanobis.fit(
        np.vstack([latent, np.add(latent, [10, 0])]), [0] * 4 + [1] * 4
    )
    np.testing.assert_allclose(fitted.means, [[0, 0], [10, 0]])
    found = fitted.score([[4, 0], [0, 3], [12, 1]])
    np.testing.assert_allclose(found, [-(4**2) / 4, -(3**2), -(2**2 / 4 + 1)])


def test_mahalanobis_distance_is_that_of_the_pooled_covariance(clusters, rng):
    labels, latent = clusters
    means = class_means(latent, labels)
    pooled = EmpiricalCovariance(assume_centered=True).fit(latent - means[labels])
    points = 10 * rng.normal(size=(40, 4))
    expected = -np.min([pooled.mahalanobis(points - mean) for mean in means], axis=0)
    found = detection.Mahalanobis.fit(latent, labels).score(points)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_mahalanobis_distance_ignores_shifts_rotations_and_scales(clusters, rng):
    labels, latent = clusters
    change = np.linalg.qr(rng.normal(size=(4, 4)))[0] * [1e-6, 1e-4, 1e-5, 1e-5]
    expected = detection.Mahalanobis.fit(latent, labels).score(latent)
    changed = 1 + latent @ change
    found = detection.Mahalanobis.fit(changed, labels).score(changed)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_directions_without_width_are_left_out(clusters, rng):
    labels, latent = clusters
    expected = detection.Mahalanobis.fit(latent, labels).score(latent)
    # a unit that is always off, the sum of two others in float32, and both turned
    rounded = latent.astype(np.float32)
    wide = np.column_stack([rounded, np.zeros(300), rounded[:, 0] + rounded[:, 1]])
    wide = wide @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    fitted = detection.Mahalanobis.fit(wide, labels)
    assert np.linalg.matrix_rank(fitted.whitening) == 4
    np.testing.assert_allclose(fitted.score(wide), expected, rtol=1e-3)
    collapsed = detection.Mahalanobis.fit([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    np.testing.assert_array_equal(collapsed.score([[5.0, 5.0]]), 0)


def test_distances_to_the_nearest_mean_and_code():
    means = [[0.0, 0.0], [10.0, 0.0]]
    np.testing.assert_allclose(detection.distance_to_class_mean([[3, 4], [9, 0]], means), [-5, -1])
    latent = [[5.0, 4.0], [-2.0, 2.0]]
    for codes in ([[1, 1], [1, -1]], [[True, True], [True, False]]):
        found = detection.distance_to_code(latent, codes, size=2.0)
        np.testing.assert_allclose(found, [-np.hypot(3, 2), -4])


def test_collapsed_points_keep_the_digits_of_their_distance():
    mean = np.full((1, 16), 1 / 3)
    found = detection.distance_to_class_mean(mean + 1e-10, mean)
    np.testing.assert_allclose(found, -4e-10, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: detection.auroc([], [1.0]), "positive_scores must be 1-D and not empty"),
        (lambda: detection.aupr([1.0], [[1.0]]), r"negative_scores .* shape \(1, 1\)"),
        (lambda: detection.auroc([1.0], [np.nan]), "negative_scores must be finite"),
        (lambda: detection.fpr_at_tpr([1.0], [1.0], tpr=0), "tpr must be above 0"),
        (lambda: detection.energy([[1.0, 2.0]], temperature=0), "temperature must be above 0"),
        (lambda: detection.energy([[1.0], [2.0]]), "at least 2 classes"),
        (lambda: detection.Mahalanobis.fit(np.eye(2), [0, 1], cutoff=1), "cutoff must be"),
        (lambda: detection.Mahalanobis.fit(np.eye(2), [0]), r"labels must have shape \(2,\)"),
        (lambda: detection.Mahalanobis.fit(np.eye(2), [0, 1]).score([[1]]), "must have 2 columns"),
        (lambda: detection.distance_to_class_mean([[1.0]], np.eye(2)), "must have 2 columns"),
        (lambda: detection.distance_to_code(np.eye(2), np.eye(2), size=0), "size must be above 0"),
    ],
)
def test_malformed_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
