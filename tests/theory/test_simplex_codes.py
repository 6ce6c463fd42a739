import numpy as np
import pytest

from lpc_scratch.metrics import etf_distance
from lpc_scratch.theory.simplex_codes import hadamard, residues, simplex_code, simplex_dims

SMALLEST = {2: 1, 3: 3, 4: 3, 5: 10, 6: 10, 7: 7, 8: 7, 9: 18, 10: 18, 12: 11, 14: 26, 16: 15}
SMALLEST |= {18: 34, 20: 19, 26: 50, 47: 47, 62: 122, 100: 99}


@pytest.mark.parametrize(("K", "D"), SMALLEST.items())
def test_code_is_of_two_values_a_simplex_and_evenly_split(K, D):
    assert simplex_dims(K, 3 * D) == (D, 2 * D, 3 * D)
    assert simplex_dims(K, D - 1) == ()
    for dims in (D, 2 * D):
        code = simplex_code(K, dims)
        assert code.shape == (K, dims)
        assert code.dtype == np.int8
        assert set(np.unique(code)) == {-1, 1}
        assert etf_distance(code - code.mean(axis=0)) < 1e-7
        assert (np.abs(code.sum(axis=0)) == K % 2).all()


def test_ten_classes_have_rows_with_products_of_minus_2():
    code = simplex_code(10, 18).astype(int)
    np.testing.assert_array_equal(code @ code.T, 20 * np.eye(10) - 2)


def test_every_number_of_classes_up_to_44_has_a_code():
    assert all(simplex_dims(K, 100) for K in range(2, 45))


@pytest.mark.parametrize("q", [3, 5, 9, 11, 25, 27, 49])
def test_residues_of_a_field_are_orthogonal_but_for_a_constant(q):
    Q = residues(q).astype(int)
    np.testing.assert_array_equal(Q @ Q.T, q * np.eye(q) - 1)
    np.testing.assert_array_equal(Q.T, Q if q % 4 == 1 else -Q)
    assert residues(15) is None


@pytest.mark.parametrize("order", [1, 2, 4, 12, 16, 20, 28, 36, 40, 52])
def test_hadamard_matrix_has_orthogonal_rows(order):
    H = hadamard(order).astype(int)
    np.testing.assert_array_equal(H @ H.T, order * np.eye(order))
    assert (H[:, 0] == 1).all()


def test_where_there_is_no_code_the_message_says_where_there_is():
    with pytest.raises(
        ValueError, match=r"10 classes .* in 18 latent .* multiples of 18, not in 16"
    ):
        simplex_code(10, 16)
    with pytest.raises(ValueError, match="can be built for 46 classes"):
        simplex_code(46, 45)
    with pytest.raises(ValueError, match="classes must be at least 2, not 1"):
        simplex_dims(1, 9)
    assert simplex_dims(46, 10_000) == ()
    assert hadamard(6) is hadamard(3) is hadamard(92) is None
