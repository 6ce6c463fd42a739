import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from lpc_scratch.metrics import calibration

LOG3 = np.log(3)
# probabilities (3/4, 1/4) and (1/2, 1/2)
TINY, TINY_LABELS = np.array([[LOG3, 0.0], [1.0, 1.0]]), np.array([0, 1])


@pytest.fixture
def honest(rng):
    """Logits of 20,000 samples and labels that are drawn with exactly their probabilities."""
    logits = 2 * rng.normal(size=(20_000, 5))
    gumbel = rng.gumbel(size=logits.shape)  # the largest of s + Gumbel noise is k in softmax(s)_k
    return logits, (logits + gumbel).argmax(axis=1)


def test_hand_worked_probabilities_and_losses():
    p = calibration.softmax_probabilities(TINY)
    np.testing.assert_allclose(p, [[3 / 4, 1 / 4], [1 / 2, 1 / 2]])
    likelihood = calibration.negative_log_likelihood(TINY, TINY_LABELS)
    assert likelihood == pytest.approx((np.log(4 / 3) + np.log(2)) / 2)
    assert calibration.brier_score(p, TINY_LABELS) == pytest.approx((2 / 16 + 2 / 4) / 2)


def test_losses_are_those_of_scikit_learn(honest):
    logits, labels = honest
    p = calibration.softmax_probabilities(logits)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert calibration.negative_log_likelihood(logits, labels) == pytest.approx(log_loss(labels, p))
    two = p[:, :2] / p[:, :2].sum(axis=1, keepdims=True)
    expected = 2 * brier_score_loss(labels == 1, two[:, 1])  # of one class alone
    assert calibration.brier_score(two, (labels == 1).astype(int)) == pytest.approx(expected)


def test_losses_range_from_certainty_to_error():
    certain = np.eye(3)[[0, 0]]
    assert calibration.brier_score(certain, [0, 0]) == 0
    assert calibration.brier_score(certain, [1, 2]) == 2
    assert calibration.negative_log_likelihood(np.zeros((2, 3)), [0, 2]) == pytest.approx(LOG3)


def test_large_logits_neither_overflow_nor_lose_their_digits():
    logits = [[1e4, 0.0, 0.0], [1060.0, 1000.0, 1000.0]]
    np.testing.assert_allclose(calibration.softmax_probabilities(logits)[0], [1, 0, 0])
    assert calibration.negative_log_likelihood(logits, [1, 0]) == pytest.approx(1e4 / 2)
    expected = [0, -2 * np.exp(-60)]
    found = calibration.max_log_probability(logits)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    loss = calibration.negative_log_likelihood(logits[1:], [0])
    assert loss == pytest.approx(2 * np.exp(-60), rel=1e-12, abs=0)


def test_bins_are_closed_on_the_right():
    top = np.array([0.5, 0.6, 0.6, 0.7, 1.0])
    labels = [0, 0, 1, 0, 0]
    diagram = calibration.reliability(np.stack([top, 1 - top], axis=1), labels, bins=10)
    np.testing.assert_array_equal(diagram.count, [0, 0, 0, 0, 1, 2, 1, 0, 0, 1])
    np.testing.assert_allclose(diagram.edges, np.linspace(0, 1, 11))
    nan = np.nan
    confidence = [nan, nan, nan, nan, 0.5, 0.6, 0.7, nan, nan, 1]
    accuracy = [nan, nan, nan, nan, 1, 0.5, 1, nan, nan, 1]
    np.testing.assert_allclose(diagram.confidence, confidence)
    np.testing.assert_allclose(diagram.accuracy, accuracy)
    assert calibration.reliability([[7 / 9, 2 / 9]], [0], bins=9).count[6] == 1
    error = calibration.expected_calibration_error(np.stack([top, 1 - top], 1), labels, bins=10)
    assert error == pytest.approx((0.5 + 2 * 0.1 + 0.3 + 0) / 5)


def test_hand_worked_classwise_error():
    p = np.array([[0.8, 0.2], [0.9, 0.1], [0.3, 0.7], [0.0, 1.0]])
    # class 0 in two bins: 0.3 and 0 of nobody, 0.8 and 0.9 of one; of class 1 the same gaps
    found = calibration.classwise_calibration_error(p, [0, 1, 1, 1], bins=2)
    assert found == pytest.approx((0.3 + 0.7) / 4)


def test_hand_worked_adaptive_error():
    top = np.array([0.9, 0.6, 0.8, 0.7, 1.0])
    labels = [0, 0, 1, 1, 0]  # in order: 0.6 right, 0.7 and 0.8 wrong, 0.9 and 1 right
    found = calibration.adaptive_calibration_error(np.stack([top, 1 - top], 1), labels, bins=2)
    assert found == pytest.approx((abs(0.6 + 0.7 + 0.8 - 1) + abs(0.9 + 1 - 2)) / 5)


def test_classwise_error_is_that_of_scikit_learns_curves(honest):
    logits, labels = honest
    p = calibration.softmax_probabilities(3 * logits)
    errors = []
    for label in range(5):
        shares, means = calibration_curve(labels == label, p[:, label], n_bins=10)
        counts, _ = np.histogram(p[:, label], 10, (0, 1))
        errors.append(np.sum(counts * np.abs(shares - means)) / len(p))
    found = calibration.classwise_calibration_error(p, labels, bins=10)
    assert found == pytest.approx(np.mean(errors))


def test_adaptive_error_is_that_of_scikit_learns_quantiles(honest):
    logits, labels = honest
    p = calibration.softmax_probabilities(3 * logits)
    right, confidence = p.argmax(axis=1) == labels, p.max(axis=1)
    shares, means = calibration_curve(right, confidence, n_bins=10, strategy="quantile")
    found = calibration.adaptive_calibration_error(p, labels, bins=10)
    assert found == pytest.approx(np.mean(np.abs(shares - means)), rel=1e-3)


def test_adaptive_error_is_that_of_pytorch_ood(honest):
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("pytorch_ood.metrics")
    logits, labels = honest
    p = calibration.softmax_probabilities(3 * logits)
    right, confidence = p.argmax(axis=1) == labels, p.max(axis=1)
    theirs = metrics.calibration_error(
        torch.tensor(confidence), torch.tensor(right), p="1", beta=2000
    )
    assert calibration.adaptive_calibration_error(p, labels, bins=10) == pytest.approx(theirs)


def test_a_certain_network_that_is_wrong_at_times_is_wrong_in_all_three_errors():
    p, labels = np.eye(10)[np.zeros(100, dtype=int)], np.repeat([0, 1], [90, 10])
    assert calibration.expected_calibration_error(p, labels) == pytest.approx(0.1)
    assert calibration.classwise_calibration_error(p, labels) == pytest.approx(0.02)
    assert calibration.adaptive_calibration_error(p, labels, bins=1) == pytest.approx(0.1)
    assert calibration.adaptive_calibration_error(p[:2], [0, 0], bins=15) == 0


def test_an_honest_network_is_calibrated_and_an_overconfident_one_is_not(honest):
    logits, labels = honest
    errors = []
    for scale in (1, 3):
        p = calibration.softmax_probabilities(scale * logits)
        errors.append(calibration.expected_calibration_error(p, labels))
        accuracy = np.mean(p.argmax(axis=1) == labels)
        assert accuracy == np.mean(logits.argmax(axis=1) == labels)
    assert errors[0] < 0.015
    assert errors[1] > 0.1


def test_one_bin_compares_mean_confidence_with_accuracy(honest):
    logits, labels = honest
    p = calibration.softmax_probabilities(logits * 2)
    gap = abs(p.max(axis=1).mean() - np.mean(p.argmax(axis=1) == labels))
    assert calibration.expected_calibration_error(p, labels, bins=1) == pytest.approx(gap)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_the_temperature_of_a_scaled_honest_network_is_found(temperature, honest):
    logits, labels = honest
    found = calibration.fit_temperature(temperature * logits, labels)
    assert found == pytest.approx(temperature, rel=0.03)
    oracle = minimize_scalar(
        lambda t: calibration.negative_log_likelihood(temperature * logits / t, labels),
        bounds=(temperature / 2, 2 * temperature),
        method="bounded",
        options={"xatol": 1e-7},
    )
    assert found == pytest.approx(oracle.x, rel=1e-5)


def test_temperatures_without_an_optimum_end_at_a_bound():
    smallest, largest = calibration.TEMPERATURE_BOUNDS
    for gap in (1e-2, 1.0, 1e4):  # separated: always right
        separated = gap * np.eye(3)
        assert calibration.fit_temperature(separated, [0, 1, 2]) == pytest.approx(smallest)
        assert calibration.fit_temperature(separated, [1, 2, 0]) == pytest.approx(largest)
    assert calibration.fit_temperature(np.full((3, 4), 0.1), [0, 1, 2]) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: calibration.softmax_probabilities([[1.0], [2.0]]), "at least 2 classes, not 1"),
        (lambda: calibration.softmax_probabilities([[np.inf, 0]]), "logits must be finite"),
        (lambda: calibration.brier_score([[0.5, 0.4]], [0]), "row 0 sums to 0.9"),
        (lambda: calibration.brier_score([[1.5, -0.5]], [0]), "at least 0, not -0.5"),
        (lambda: calibration.reliability(np.eye(2), [0, 1], bins=0), "bins must be at least 1"),
        (lambda: calibration.classwise_calibration_error(np.eye(2), [0, 1], 0), "bins must be"),
        (lambda: calibration.adaptive_calibration_error(np.eye(2), [0, 1], 0), "bins must be"),
        (
            lambda: calibration.negative_log_likelihood(np.eye(2), [0, 2]),
            r"labels must be in 0\.\.",
        ),
        (lambda: calibration.fit_temperature(np.eye(2), [0]), r"labels must have shape \(2,\)"),
        (lambda: calibration.fit_temperature(np.eye(2), [0.0, 1.0]), "labels must be integers"),
    ],
)
def test_malformed_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
