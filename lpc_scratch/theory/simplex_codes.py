"""Codes of ±1 that are a simplex: binary, and all pairs of classes equally far apart.

K rows of ±1 whose centred rows form a simplex, with columns as evenly split as K allows. For even K
the rows have products -D/(K-1), and sum to 0. D must be a multiple of K-1, and of 2 (K-1) where K/2
is odd: the distances D K/(2 (K-1)) of three rows add up to an even number. Both come from Hadamard
matrices, of rows of ±1 that are orthogonal, here with a first column of +1:

- of order K: without the first column, rows have products -1, and D = K-1;
- of order 2K: the K rows with + in the second column, without the first two, have products -2, and
  D = 2 (K-1).

For odd K one class is dropped from the code of K+1. A multiple of D repeats the code.

Hadamard matrices are built by doubling (Sylvester 1867), and from the quadratic residues of the
field with q elements, for prime powers q (Paley 1933): of order q+1 if q % 4 is 3, and 2 (q+1) if
q % 4 is 1. They give a code for all K up to 44.
"""

from itertools import product

import numpy as np
import numpy.typing as npt

SignArray = npt.NDArray[np.int8]


def simplex_dims(classes: int, at_most: int) -> tuple[int, ...]:
    """Return the D, up to ``at_most``, in which `simplex_code` has a code for ``classes`` = K.

    They are the multiples of the smallest one: of 18 for ten classes, of 7 for eight. There are
    none where no Hadamard matrix can be built. Raises ValueError for fewer than two classes.
    """
    code = _smallest_code(classes)
    return () if code is None else tuple(range(code.shape[1], at_most + 1, code.shape[1]))


def simplex_code(classes: int, latent_dim: int) -> SignArray:
    """Return a code (K, D) of ±1 that is a simplex, row k that of class k.

    Raises ValueError where there is none in D dimensions, and says in which there is.
    """
    code = _smallest_code(classes)
    if code is None:
        raise ValueError(f"no code of ±1 that is a simplex can be built for {classes} classes.")
    smallest = code.shape[1]
    if latent_dim < 1 or latent_dim % smallest:
        raise ValueError(
            f"{classes} classes have a code of ±1 that is a simplex in {smallest} latent "
            f"dimensions and in multiples of {smallest}, not in {latent_dim}."
        )
    return np.tile(code, latent_dim // smallest)


def hadamard(order: int) -> SignArray | None:
    """Return a matrix H of ±1 with H Hᵀ = order I and a first column of +1, if one can be built."""
    H = _hadamard(order)
    return None if H is None else H * H[:, :1]


def _smallest_code(classes: int) -> SignArray | None:
    if classes < 2:
        raise ValueError(f"classes must be at least 2, not {classes}.")
    even = classes + classes % 2
    H = hadamard(even)
    if H is not None:
        return H[:classes, 1:]
    H = hadamard(2 * even)
    return None if H is None else H[H[:, 1] == 1][:classes, 2:]


def _hadamard(order: int) -> SignArray | None:
    if order == 1:
        return np.ones((1, 1), np.int8)
    if order % 2 or (order > 2 and order % 4):
        return None
    if order % 4 == 0 and (Q := residues(order - 1)) is not None:
        return _border(Q, -1) + np.eye(order, dtype=np.int8)
    if order % 8 == 4 and (Q := residues(order // 2 - 1)) is not None:
        identity = np.eye(order // 2, dtype=np.int8)
        both, one = np.array([[1, 1], [1, -1]], np.int8), np.array([[1, -1], [-1, -1]], np.int8)
        return np.kron(_border(Q, 1), both) + np.kron(identity, one)
    H = _hadamard(order // 2)
    return None if H is None else np.kron(np.array([[1, 1], [1, -1]], np.int8), H)


def _border(Q: SignArray, sign: int) -> SignArray:
    """Put a row of +1 above Q, a column of ``sign`` at its left, and a 0 in the corner."""
    S = np.pad(Q, ((1, 0), (1, 0)))
    S[0, 1:], S[1:, 0] = 1, sign
    return S


def residues(q: int) -> SignArray | None:
    """Return Q (q, q) of +1, -1 and 0, where a - b is a square, none, and 0; q is odd.

    a and b go through the field with q elements; None if there is no such field. Q is symmetric
    where q % 4 is 1, and antisymmetric where it is 3.

    Notes
    -----
    An element is a polynomial in x of degree below k, with coefficients modulo p, where q = p^k,
    written as k digits. The field is made by x^k = Σ c_i x^i, with the first c for which the powers
    of x are all elements but 0. The even powers are the squares.
    """
    p = next(d for d in range(3, q + 1, 2) if q % d == 0)
    k = next(k for k in range(1, q) if p**k >= q)
    if p**k != q:
        return None
    powers = next(found for c in product(range(p), repeat=k) if (found := _powers_of_x(p, c)))
    units = p ** np.arange(k)
    square = np.full(q, -1, np.int8)
    square[0] = 0
    square[np.array(powers[::2]) @ units] = 1
    elements = np.arange(q)[:, None] // units % p
    return square[(elements[:, None] - elements) % p @ units]


def _powers_of_x(p: int, c: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return 1, x, x², … as digits modulo p, with x^k = Σ c_i x^i; [] if not all elements but 0."""
    count = p ** len(c) - 1
    element = (1,) + (0,) * (len(c) - 1)
    powers = []
    for _ in range(count):
        powers.append(element)
        shifted = (0, *element[:-1])
        element = tuple((s + element[-1] * f) % p for s, f in zip(shifted, c, strict=True))
    distinct = set(powers)
    return powers if len(distinct) == count and (0,) * len(c) not in distinct else []
