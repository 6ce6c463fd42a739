import math

import numpy as np
import pytest

from lpc_scratch.nn.losses import softmax_cross_entropy
from lpc_scratch.nn.penalties import l2_penalty
from lpc_scratch.theory import onset
from lpc_scratch.theory.free_features import centred, optimum_of_norm
from lpc_scratch.theory.onset import largest_gamma


def start(D, K, seed):
    return np.random.default_rng(seed).uniform(-(D**-0.5), D**-0.5, (D, K))


def free_step(W, Z, gamma, iterations=40):
    """Move the points Z to the minimum for W; return cross-entropy and its gradient for W."""
    A, labels = centred(W), np.arange(W.shape[1])
    rate = len(Z) / (np.linalg.norm(A, 2) ** 2 + 2 * gamma / len(W))
    for _ in range(iterations):
        _, dlogits = softmax_cross_entropy(Z @ A.T, labels)
        Z -= rate * (dlogits @ A + l2_penalty(Z, gamma)[1])
    cross_entropy, dlogits = softmax_cross_entropy(Z @ A.T, labels)
    return cross_entropy, Z.T @ dlogits


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_at_the_largest_gamma_cross_entropy_is_half_of_that_of_a_guess(classes):
    K = D = classes
    w, labels = 0.3, np.arange(K)
    classifier = w * np.sqrt(D) * (np.eye(K) - 1 / K)  # a simplex, with rows as long as of ±w
    gamma = largest_gamma(D, K, w)
    below, above = 0.0, 100.0
    for _ in range(60):  # z = t a_k, where the loss is least
        t = (below + above) / 2
        z = t * classifier
        cross_entropy, dlogits = softmax_cross_entropy(z @ classifier, labels)
        slope = np.sum((dlogits @ classifier + l2_penalty(z, gamma)[1]) * classifier)
        below, above = (t, above) if slope < 0 else (below, t)
    assert cross_entropy == pytest.approx(np.log(K) / 2, rel=1e-9)


def test_largest_gamma_of_ten_classes_by_hand():
    assert onset.onset_constant(10) == pytest.approx(3.3786, abs=5e-5)
    assert largest_gamma(16, 10, 2200 * 5e-4) == pytest.approx(82.51, abs=0.01)  # the digits' run
    assert largest_gamma(16, 10, 0) == 0


@pytest.mark.parametrize("arguments", [(0, 10, 1), (16, 1, 1), (16, 10, -1)], ids=str)
def test_what_no_run_has_is_refused(arguments):
    with pytest.raises(ValueError, match="largest_gamma needs latent_dim >= 1, classes >= 2 and"):
        largest_gamma(*arguments)
    with pytest.raises(ValueError, match=r"code_norm needs .* and rate_sum >= 0"):
        onset.code_norm(*arguments)
    with pytest.raises(ValueError, match=r"onset_rate_sum needs .* and gamma >= 0"):
        onset.onset_rate_sum(*arguments)


@pytest.mark.parametrize("K", [2, 3, 10])
@pytest.mark.parametrize("w", [0, 0.1, 1])
def test_norm_of_the_code_is_that_of_a_start_to_which_signs_are_added(K, w):
    D = 20_000  # the mean over draws
    W = start(D, K, 0)
    A = centred(W + w * D**-0.5 * np.sign(centred(W)).T)
    assert onset.code_norm(D, K, w * D**-0.5) == pytest.approx(np.linalg.norm(A), rel=0.005)


@pytest.mark.parametrize(
    ("K", "D", "gamma"),
    [(10, 8, 100), (10, 16, 100), (10, 16, 1000), (10, 64, 1000), (4, 16, 100), (26, 64, 1000)],
)
def test_learning_of_free_features_by_sign_descent_begins_as_predicted(K, D, gamma):
    rate = onset.onset_rate_sum(D, K, gamma) / 50
    steps, kept = [], []
    for seed in range(3):
        W, Z = start(D, K, seed), np.zeros((K, D))
        signs, steps = np.sign(centred(W)), [*steps, 0]
        while True:
            cross_entropy, dW = free_step(W, Z, gamma)
            if cross_entropy < math.log(K) / 2:
                break
            W -= rate * np.sign(dW)
            steps[-1] += 1
        kept.append(np.mean(signs == np.sign(centred(W))))
    assert np.mean(steps) / 50 == pytest.approx(1, abs=0.05)
    assert np.mean(kept) > 0.97  # the code is that of the start


def test_gradient_descent_keeps_the_mean_of_the_classifier_over_classes():
    W, Z = start(16, 10, 0), np.zeros((10, 16))
    before = W.mean(axis=1)
    for _ in range(30):
        W -= 5 * free_step(W, Z, gamma=1, iterations=5)[1]
    assert np.linalg.norm(centred(W)) > 2 * np.linalg.norm(centred(start(16, 10, 0)))
    np.testing.assert_allclose(W.mean(axis=1), before, rtol=0, atol=1e-14)


def test_step_of_a_schedule_is_the_first_whose_rates_add_up():
    needed = onset.onset_rate_sum(16, 10, 100)
    assert onset.onset_step([needed / 10.5] * 20, 16, 10, 100) == 11
    assert onset.onset_step([needed / 4] * 2 + [needed / 8] * 20, 16, 10, 100) in (6, 7)
    assert onset.onset_step([needed / 10] * 9, 16, 10, 100) is None
    assert onset.onset_step([1e-3], 16, 10, 1e-3) == 0  # the start is large enough


@pytest.mark.parametrize(("K", "D"), [(2, 3), (10, 16), (10, 64)])
def test_gamma_of_the_onset_is_the_inverse_of_its_sum_of_rates(K, D):
    sums = np.array([0.02, 0.5, 3.0])
    gammas = onset.onset_gamma(D, K, sums)
    assert [onset.onset_rate_sum(D, K, g) for g in gammas] == pytest.approx(sums)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.85])
def test_another_share_is_where_a_simplex_has_that_part_of_a_guess(share):
    K, D, gamma = 10, 16, 50.0
    norm = math.sqrt(K * onset.onset_constant(K, share) * gamma / D)
    found = optimum_of_norm(norm, gamma, K, D, "l2").cross_entropy
    assert found == pytest.approx(share * math.log(K))
