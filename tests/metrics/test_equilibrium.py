import numpy as np
import pytest

from lpc_scratch.metrics import balance, margin
from lpc_scratch.nn.losses import softmax_cross_entropy
from lpc_scratch.nn.penalties import l2_penalty

# two samples of three classes with p = (1/2, 1/4, 1/4), and classes at 1, -1 and 0 on the x axis
LOGITS = np.array([[np.log(2), 0.0, 0.0], [np.log(2), 0.0, 0.0]])
LABELS = np.array([0, 2])
W = np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]])
LATENT = np.array([[3.0, 4.0], [0.0, 1.0]])
DPENALTY = np.array([[1.0, 0.0], [0.0, 2.0]])


def dcross_entropy(logits, labels):
    return softmax_cross_entropy(logits, labels)[1]


def test_margin_is_the_lead_over_the_best_other_class():
    assert margin([[5.0, 1.0, 3.0], [0.0, 2.0, 6.0]], [0, 1]) == (2 - 4) / 2


def test_hand_worked_forces():
    forces = balance(LATENT, LABELS, LOGITS, W, dcross_entropy(LOGITS, LABELS), DPENALTY)
    # along x, Σ_k (p_k - onehot_k) w_k is -1/2 - 1/4 and 1/2 - 1/4
    assert forces.pull == pytest.approx((3 / 4 + 1 / 4) / 2)
    assert forces.push == pytest.approx((2 + 4) / 2)
    assert forces.norm == pytest.approx((5 + 1) / 2)
    # 1 - p_y is 1/2 and 3/4; the furthest column is 2 and 1 away
    assert forces.norm_bound == pytest.approx((5 * 1 / 2 + 1 * 3 / 4 / 4) / 2)


def test_samples_without_a_push_are_left_out_of_the_bound():
    dlogits = dcross_entropy(LOGITS, LABELS)
    forces = balance(LATENT, LABELS, LOGITS, W, dlogits, DPENALTY * [[1], [0]])
    assert forces.push == pytest.approx(1)
    assert forces.norm_bound == pytest.approx(5 * 1 / 2)
    unpushed = balance(LATENT, LABELS, LOGITS, W, dlogits, np.zeros((2, 2)))
    assert unpushed.pull == pytest.approx(1 / 2)
    assert unpushed.push == 0
    assert np.isnan(unpushed.norm_bound)


def test_the_bound_of_a_certain_network_keeps_its_digits():
    logits = np.array([[60.0, 0.0, 0.0]])
    forces = balance(LATENT[:1], [0], logits, W, np.zeros((1, 3)), DPENALTY[:1])
    assert forces.norm_bound == pytest.approx(5 * 2 * np.exp(-60) * 2, rel=1e-12, abs=0)


def test_gradient_descent_comes_to_rest_where_the_forces_balance(rng):
    labels = np.arange(12) % 3
    z = rng.normal(size=(12, 4))
    classifier = rng.normal(size=(4, 3))
    for _ in range(5000):
        _, dlogits = softmax_cross_entropy(z @ classifier, labels)
        _, dpenalty = l2_penalty(z, gamma=1.0)
        step = dlogits @ classifier.T + dpenalty
        classifier -= 0.01 * z.T @ dlogits
        z -= 4.0 * step  # free points settle faster than the classifier grows
    logits = z @ classifier
    forces = balance(
        z,
        labels,
        logits,
        classifier,
        dcross_entropy(logits, labels),
        l2_penalty(z, gamma=1.0)[1],
    )
    assert forces.pull == pytest.approx(forces.push, rel=1e-3)
    assert 0 < forces.norm <= forces.norm_bound


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"latent": LATENT[:1]}, r"latent must have shape \(2, 2\)"),
        ({"labels": [0, 3]}, r"labels must be in 0\.\.2"),
        ({"logits": [[1.0], [2.0]]}, "logits must have at least 2 classes"),
        ({"classifier_weight": W.T}, "classifier_weight must have shape"),
        ({"dlogits": W.T}, "dlogits must have shape"),
        ({"dpenalty": LOGITS}, "dpenalty must have shape"),
        ({"dpenalty": [[np.inf, 0], [0, 0]]}, "dpenalty must be finite"),
    ],
)
def test_malformed_input_is_named(changed, message):
    arguments = {
        "latent": LATENT,
        "labels": LABELS,
        "logits": LOGITS,
        "classifier_weight": W,
        "dlogits": dcross_entropy(LOGITS, LABELS),
        "dpenalty": DPENALTY,
    }
    with pytest.raises(ValueError, match=message):
        balance(**(arguments | changed))
