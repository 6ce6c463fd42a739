"""Codes of ±1 for K classes in D coordinates: how far apart they can be, and random ones are.

**Random codes.** Sign descent on a classifier keeps the signs of its centred rows, so that the code
of a class is the sign of w_k - mean, where W_y is as initialised: independent weights, here uniform
in an interval around 0. The coordinates are independent; the classes are not, because of the mean.

Let M of K uniform numbers be above their mean, in [0, 1] say. Of their sorted values u_(1) < u_(2)
< …, the mean is above u_(r) where a certain sum of the K+1 gaps between neighbours is positive. The
gaps are K+1 exponential variables over their sum, the coefficients whole numbers, and partial
fractions give P(M <= m) = 1/(K-1)! Σ_j (-1)^j (K-1 over j) (m-j)^(K-1): of K-1 uniform numbers in
[0, 1], the chance that their sum is below m. So M-1 has the distribution of the descents of a
random permutation of K-1 things (Eulerian numbers): mean K/2 - 1 and, for K >= 3, variance K/12.

**Centred.** A column with M signs + has the mean b = 2M/K - 1. Less that, its entries are 1 - b,
M times, and -1 - b: their squares average 1 - b², their fourth powers (1 - b²)(1 + 3b²).
"""

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def simplex_hamming(classes: int) -> float:
    """Hamming distance C / (2 (C - 1)) of the codes of a simplex with ``classes`` = C vertices.

    Codes of ±1 at cosine -1/(C - 1) differ in this share of their coordinates: 5/9 for ten
    classes. Raises ValueError for fewer than two classes.
    """
    _check(classes)
    return classes / (2 * (classes - 1))


def largest_mean_hamming(classes: int) -> float:
    """Return the largest mean Hamming distance of ``classes`` = K codes over their pairs.

    A coordinate with m signs + tells m (K - m) of the K (K - 1)/2 pairs apart, at most as many as
    with m = K//2 (Plotkin 1960). For even K it is `simplex_hamming`, for odd K (K + 1)/(2K), less.
    """
    _check(classes)
    return 2 * (classes // 2) * (classes - classes // 2) / (classes * (classes - 1))


def plus_counts(classes: int) -> FloatArray:
    """Return P(M = m) for m = 0 … K: how many of K uniform weights are above their mean."""
    _check(classes)
    descents = np.array([1.0])  # of a permutation of one thing, none
    for n in range(2, classes):  # the n-th thing makes a new one, or falls into one
        k = np.arange(n)
        descents = ((k + 1) * np.append(descents, 0) + (n - k) * np.append(0, descents)) / n
    return np.concatenate([[0.0], descents, [0.0]])


def random_hamming(classes: int, weights: Literal["uniform", "gaussian"] = "uniform") -> float:
    """Return the expected Hamming distance of two random codes among ``classes`` = K.

    Uniform weights: E[2 M (K - M)]/(K (K - 1)), which is 1/2 + 1/(3 (K - 1)) for K >= 3. Gaussian
    ones: the centred entries of two classes have the correlation -1/(K - 1), and so different signs
    with probability 1/2 + arcsin(1/(K - 1))/π (Sheppard 1899). 0.537 and 0.535 for ten classes.
    """
    if weights == "gaussian":
        _check(classes)
        return 0.5 + math.asin(1 / (classes - 1)) / math.pi
    return centred_share(classes) * simplex_hamming(classes)


def random_hamming_deviation(classes: int, latent_dim: int) -> float:
    """Return how much the mean distance over pairs varies between random codes: its deviation.

    D = ``latent_dim`` independent coordinates add 2 M (K - M)/(K (K - 1)) each: the deviation of
    that for one coordinate, over √D. Uniform weights.
    """
    square, fourth = _moments(classes)
    return simplex_hamming(classes) * math.sqrt(max(fourth - square**2, 0) / latent_dim)


def expected_collisions(classes: int, latent_dim: int, hamming: float | None = None) -> float:
    """Return how many of the K (K - 1)/2 pairs share their code: each with (1 - h)^D.

    h is ``hamming``, the chance that two classes differ in a coordinate, or else `random_hamming`.
    Exact, since coordinates are independent.
    """
    h = random_hamming(classes) if hamming is None else hamming
    return math.comb(classes, 2) * (1 - h) ** latent_dim


def centred_share(classes: int) -> float:
    """Return E(1 - b²), what centring leaves of the squares of a random code of uniform weights.

    It is 1 - 1/(3K) for K >= 3: closer to 1 than the 1 - 1/K of independent signs, because signs
    of centred weights are more evenly split.
    """
    return 1 - _moments(classes)[0]


def random_kurtosis(classes: int) -> float:
    """Return the kurtosis of the entries of a random code, centred: 1.131 for ten classes.

    E[(1 - b²)(1 + 3b²)]/(E[1 - b²])², the ratio for many coordinates; 1 would be two values ±c.
    Uniform weights.
    """
    square, fourth = _moments(classes)
    return (1 + 2 * square - 3 * fourth) / (1 - square) ** 2


def random_gram_spread(classes: int, latent_dim: int) -> float:
    """Return how unequal the K - 1 eigenvalues of a random code's Gram matrix are.

    That of G = A Aᵀ with A (K, D) the centred code: their variance over their squared mean, which
    is 0 for a simplex. Uniform weights.

    Notes
    -----
    A column has the squared length K (1 - b²), and two columns the squared product
    (K E(1 - b²))²/(K - 1) on average, as classes are exchangeable. Summed over all D² pairs,
    E ||G||_F² gives (K - 1) ||G||_F²/(tr G)² - 1 = ((K - 1) κ - 1)/D with
    κ = E(1 - b²)²/(E(1 - b²))².
    """
    square, fourth = _moments(classes)
    kappa = (1 - 2 * square + fourth) / (1 - square) ** 2
    return ((classes - 1) * kappa - 1) / latent_dim


def random_etf_distance(classes: int, latent_dim: int) -> float:
    """Return the distance of a random code, centred, from a simplex equiangular tight frame.

    || G/||G||_F - (I - 11ᵀ/K)/√(K-1) ||_F is √(2 - 2/√(1 + v)), with v the spread of the
    eigenvalues of G; here v is `random_gram_spread`. 0.61 for ten classes at D = 16, 0.34 at
    D = 64; single codes vary by about 0.04 (simulated). Uniform weights.
    """
    return math.sqrt(2 - 2 / math.sqrt(1 + random_gram_spread(classes, latent_dim)))


def _moments(classes: int) -> tuple[float, float]:
    """Return E b² and E b⁴ of the mean b of a column of K signs of uniform weights, centred."""
    b = 2 * np.arange(classes + 1) / classes - 1
    weights = plus_counts(classes)
    return float(weights @ b**2), float(weights @ b**4)


def _check(classes: int) -> None:
    if classes < 2:
        raise ValueError(f"classes must be at least 2, not {classes}.")
