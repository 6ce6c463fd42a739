import numpy as np
import pytest

from lpc_scratch.metrics import code_geometry

H2 = np.array([[1, 1], [1, -1]])
HADAMARD = np.kron(np.kron(H2, H2), H2)  # any two rows differ in four of eight columns


def test_a_hadamard_code_is_a_simplex():
    geometry = code_geometry(HADAMARD[:, 1:] > 0)  # the first column is constant
    assert geometry.mean == geometry.smallest == pytest.approx(4 / 7)
    assert geometry.simplex == pytest.approx(4 / 7)
    assert geometry.spread == pytest.approx(0, abs=1e-12)


def test_equally_far_codes_need_not_be_far_enough():
    geometry = code_geometry(HADAMARD > 0)
    assert geometry.spread == 0
    assert (geometry.mean, geometry.simplex) == (1 / 2, pytest.approx(4 / 7))


def test_geometry_of_three_hand_worked_codes():
    # distances 1/4, 3/4 and 1 of three codes, where a simplex has 3/4
    geometry = code_geometry(np.array([[0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1]], dtype=bool))
    assert geometry.mean == pytest.approx(2 / 3)
    assert geometry.spread == pytest.approx(np.sqrt(14) / 12)
    assert geometry.smallest == 1 / 4
    assert geometry.simplex == 3 / 4


@pytest.mark.parametrize("classes", [4, 5])
def test_no_code_is_further_apart_than_balanced_bits(classes, rng):
    bound = (classes // 2) * ((classes + 1) // 2) / (classes * (classes - 1) / 2)
    balanced = np.arange(classes)[:, None] < classes // 2
    assert code_geometry(balanced).mean == pytest.approx(bound)
    for _ in range(20):
        assert code_geometry(rng.random((classes, 6)) < 0.5).mean <= bound + 1e-12


def test_a_shared_code_has_distance_zero():
    assert code_geometry([[True, False], [True, False], [False, True]]).smallest == 0


def test_one_code_alone_is_refused():
    with pytest.raises(ValueError, match="codes needs at least 2 row"):
        code_geometry([[True, False]])
