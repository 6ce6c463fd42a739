import math

import numpy as np
import pytest

from lpc_scratch.theory.balls import best_column, largest_norm, maximiser

INFINITY = math.inf


def size(W, norm, power):
    values = np.abs(W).ravel() if norm == "entrywise" else np.linalg.svd(W, compute_uv=False)
    return np.linalg.norm(values, ord=power)


def steepest(A, norm, power):
    """Return the W of norm 1 with the largest <A, W>."""
    if norm == "schatten":
        U, values, Vt = np.linalg.svd(A, full_matrices=False)
        return U * steepest(values, "entrywise", power) @ Vt
    weights = (np.abs(A) / np.abs(A).max()) ** (1 / (power - 1)) * np.sign(A)
    return weights / np.linalg.norm(weights.ravel(), ord=power)


def climb(norm, power, K, D, starts=25, steps=100):
    """Return the best ||A||_F of steepest ascents in the norm: each step makes it larger."""
    rng = np.random.default_rng(0)
    best = 0.0
    for _ in range(starts):
        W = rng.normal(size=(K, D)) * (rng.random((K, D)) < rng.uniform(0.2, 1))
        W += 1e-6 * rng.normal(size=(K, D))
        for _ in range(steps):
            W = steepest(W - W.mean(axis=0), norm, power)
        best = max(best, float(np.linalg.norm(W - W.mean(axis=0))))
    return best


@pytest.mark.parametrize("norm", ["entrywise", "schatten"])
@pytest.mark.parametrize("power", [1.5, 1.8, 2, 3, 8, INFINITY])
@pytest.mark.parametrize(("K", "D"), [(4, 2), (3, 3), (5, 2)], ids=str)
def test_no_ascent_gets_above_the_maximiser_and_one_reaches_it(norm, power, K, D):
    W, largest = maximiser(norm, power, K, D), largest_norm(norm, power, K, D)
    assert size(W, norm, power) == pytest.approx(1)
    assert np.linalg.norm(W - W.mean(axis=0)) == pytest.approx(largest)
    assert climb(norm, power, K, D) == pytest.approx(largest, rel=1e-5)


@pytest.mark.parametrize(
    ("norm", "power", "K", "D", "largest"),
    [
        ("entrywise", INFINITY, 10, 16, math.sqrt(160)),
        ("entrywise", INFINITY, 9, 16, math.sqrt(16 * (9 - 1 / 9))),
        ("entrywise", 4, 10, 16, 160**0.25),
        ("entrywise", 2, 9, 16, 1),
        ("entrywise", 1, 10, 16, math.sqrt(0.9)),
        ("schatten", INFINITY, 10, 16, 3),
        ("schatten", INFINITY, 10, 4, 2),
        ("schatten", 4, 10, 16, 9**0.25),
        ("schatten", 2, 10, 16, 1),
        ("schatten", 1, 10, 16, 1),
    ],
)
def test_largest_norm_by_hand(norm, power, K, D, largest):
    assert largest_norm(norm, power, K, D) == pytest.approx(largest)


@pytest.mark.parametrize("power", [2.5, 4, INFINITY])
def test_entrywise_power_above_2_makes_entries_equal_for_an_even_number_of_classes(power):
    W = maximiser("entrywise", power, 10, 16)
    assert np.ptp(np.abs(W)) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(W.sum(axis=0), 0, atol=1e-12)


def test_schatten_power_above_2_makes_a_simplex_of_any_number_of_classes():
    W = maximiser("schatten", INFINITY, 7, 9)
    np.testing.assert_allclose(W @ W.T, np.eye(7) - 1 / 7, atol=1e-12)


@pytest.mark.parametrize(
    ("K", "power", "column"),
    [
        (3, 3, [-0.592, -0.592, 0.837]),  # odd: two values of unequal size
        (10, 1.8, [-0.062] * 9 + [0.966]),  # below 2: one class against the rest
        (3, 1.8, [-(2 ** (-1 / 1.8)), 0, 2 ** (-1 / 1.8)]),  # of few classes: against one other
    ],
)
def test_best_columns_by_hand(K, power, column):
    np.testing.assert_allclose(np.sort(best_column(K, power)), column, atol=6e-4)


@pytest.mark.parametrize("arguments", [(0.5, 3, 3), (2, 1, 3), (2, 3, 0)], ids=str)
def test_what_is_no_ball_is_refused(arguments):
    with pytest.raises(ValueError, match="a ball needs power >= 1"):
        maximiser("entrywise", *arguments)
