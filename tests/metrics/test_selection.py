from itertools import permutations

import numpy as np
import pytest

from lpc_scratch.metrics import selection


def test_hand_worked_risks():
    confidence, wrong = [0.6, 0.9, 0.8, 0.7], np.array([True, False, True, False])
    risks = [0, 1 / 2, 1 / 3, 2 / 4]  # the surest first: right, wrong, right, wrong
    np.testing.assert_allclose(selection.risk_coverage(confidence, wrong), risks)
    assert selection.aurc(confidence, wrong) == pytest.approx(sum(risks) / 4)
    best = (0 + 0 + 1 / 3 + 2 / 4) / 4
    assert selection.excess_aurc(confidence, wrong) == pytest.approx(sum(risks) / 4 - best)


def test_equal_confidences_are_in_random_order():
    confidence, wrong = np.array([2, 1, 1, 1, 0]), np.array([True, False, True, False, True])
    tie = [(0, *order, 4) for order in permutations((1, 2, 3))]
    orders = [np.cumsum(wrong[list(order)]) / np.arange(1, 6) for order in tie]
    np.testing.assert_allclose(selection.risk_coverage(confidence, wrong), np.mean(orders, axis=0))


def test_excess_ranges_from_the_best_order_to_the_worst(rng):
    wrong = rng.uniform(size=20_000) < 0.2
    share = wrong.mean()
    assert selection.excess_aurc(~wrong, wrong) == 0
    assert selection.aurc(np.zeros(len(wrong)), wrong) == pytest.approx(share)
    published = share + (1 - share) * np.log(1 - share)  # of the best order
    assert selection.aurc(~wrong, wrong) == pytest.approx(published, rel=1e-3)
    assert selection.aurc(wrong, wrong) > share
    assert selection.aurc([0.5, 0.7], np.array([False, False])) == 0


def test_area_is_that_of_pytorch_ood(rng):
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("pytorch_ood.metrics")
    confidence, wrong = rng.uniform(size=500), rng.uniform(size=500) < 0.3
    accuracy = metrics.aurra(torch.tensor(confidence), torch.tensor(~wrong))
    assert selection.aurc(confidence, wrong) == pytest.approx(1 - accuracy, abs=1e-12)


@pytest.mark.parametrize(
    ("confidence", "wrong", "message"),
    [
        ([], [], "confidence must be finite, 1-D and not empty"),
        ([np.inf], [True], "confidence must be finite"),
        ([0.5], [True, False], r"wrong must be boolean of shape \(1,\)"),
        ([0.5], [1], "wrong must be boolean"),
    ],
)
def test_malformed_input_is_named(confidence, wrong, message):
    with pytest.raises(ValueError, match=message):
        selection.aurc(confidence, wrong)
