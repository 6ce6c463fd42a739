"""Free features: where the points of the classes lie, given the classifier and gamma.

In this model (the unconstrained features model of arXiv 2105.02375) the network before the latent
layer can do anything, so that each of K equally large classes is one free point z_k, and

    F = 1/K Σ_k CE(W_yᵀ z_k, k) + gamma P(z_1, …, z_K)

is minimised over the points. The mean of the columns w_k of W_y over the classes drops out of the
softmax; what counts are a_k = w_k - mean, the rows of ``centred(W_y)``.

**Lower bound.** With the margins m_kj = (w_k - w_j)·z_k, CE_k = log(1 + Σ_{j≠k} exp(-m_kj)). This
is convex, so CE_k >= log(1 + (K-1) exp(-m_k)), where m_k = K/(K-1) a_k·z_k is their mean over j,
and equal where they do not differ. What is computed here is the minimum of this bound. Let
p = 1/(1 + (K-1) exp(-m)) and q = (1-p)/(K-1), the probabilities of the true and of each other
class. The bound changes with z_k by -(1 - p + q) a_k, so that 1 - p + q, the *error*, is how hard
cross-entropy still pulls along a_k. It is 1 at z = 0 and falls to 0 as the margin grows.

**Norm equation.** Where G(z_k), K times the share of class k in gamma P, is gamma ||z_k||²/D
(``l2``), pull and push balance at z_k = t a_k with 1 - p + q = 2 gamma t/D; for ``exp`` and
``exp-sample`` gamma is multiplied by exp(||z||²/D). With ||a_k||² = s², the margin is K/(K-1) t s²,
and one unknown is left. Unequal ||a_k|| are replaced by their root mean square ||A||_F/√K: averaged
over all K(K-1) margins instead of K-1, the bound holds with

    m = Σ_k a_k·z_k/(K-1) <= ||A||_F ||Z||_F/(K-1),

so that ``l2`` and ``exp`` need ||A||_F, K and D, and nothing else. All of this is exact where the
a_k form a simplex: equally long, and at equal angles.

**Other penalties** turn the points away from a_k. By -(1-p+q) a_k + dG/dz_k = 0:

    lp               z_ki = sign(a_ki) ((1-p+q) |a_ki| D/(power gamma))^(1/(power-1))
    max              z_ki = sign(a_ki) (1-p+q) Σ_j |a_kj|/(2 gamma)
    exp-coordinate   z_ki exp(z_ki²) = (1-p+q) a_ki D/(2 gamma)

With a power above 2 coordinates differ less in size than the entries of a_k, with ``max`` not at
all: they become binary. The margins to the other classes then differ even for a simplex, unless all
its entries are ±c.

**How good it is.** Against the exact minimum over the points, for random codes of ten classes at
D = 16: the norm is right to 8 % for every penalty at gamma 1 to 100, and to 16 % at smaller ones;
cross-entropy, never too large, is less good (0.213 for 0.252, 0.030 for 0.038). For ``lp`` with a
power near 1 the norm is up to 2 times too large (1.25: within 13 %), because one coordinate a
class raises the mean margin, but not the margins to all other classes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

ROUND = ("l2", "exp", "exp-sample")
"""Penalties that depend on norms of points alone."""
_BY_COORDINATE = ("exp-coordinate", "lp", "max")


@dataclass(frozen=True)
class FreeOptimum:
    """Where free points lie, by the lower bound.

    Attributes
    ----------
    norm : ||z_k||, root mean square over classes
    cross_entropy : -log p in nats, mean over classes
    error : 1 - p + q, mean over classes: 1 at a guess, near 0 where the classes are told apart
    """

    norm: float
    cross_entropy: float
    error: float


def centred(classifier_weight: npt.ArrayLike) -> FloatArray:
    """Return A (K, D), whose row k is column k of W_y (D, K) less the mean of the columns."""
    W = np.asarray(classifier_weight, dtype=np.float64)
    return (W - W.mean(axis=1, keepdims=True)).T


def optimum(
    A: npt.ArrayLike, gamma: float, penalty: str = "exp", power: float = 4.0
) -> FreeOptimum:
    """Return where the free points of a classifier lie.

    Parameters
    ----------
    A : (K, D)
        The classifier, as `centred` returns it.
    gamma : float
        Strength of the penalty, above 0.
    penalty : str
        ``exp``, ``exp-sample`` or ``l2``, where ||A||_F alone decides, or ``exp-coordinate``,
        ``lp`` or ``max``. ``max`` is the mean over points of their largest z_i².
    power : float
        That of ``lp``, at least 1. At 1, where they are not unique, the points are those of the
        limit from above: only the largest |a_ki| of a class count.

    Raises
    ------
    ValueError
        For fewer than two classes, another penalty, a gamma that is not above 0, or a power
        below 1.
    """
    rows = np.asarray(A, dtype=np.float64)
    K, D = rows.shape
    if penalty in ROUND:
        return optimum_of_norm(float(np.linalg.norm(rows)), gamma, K, D, penalty)
    return _optimum(rows, K, _points(rows, D, gamma, penalty, power))


def optimum_of_norm(
    frobenius: float, gamma: float, classes: int, latent_dim: int, penalty: str = "exp"
) -> FreeOptimum:
    """Return `optimum` from ||A||_F, K and D, which suffice for ``exp``, ``exp-sample``, ``l2``.

    Raises ValueError for another penalty, and as `optimum`.
    """
    if penalty not in ROUND:
        raise ValueError(f"penalty {penalty} needs the whole classifier; only its norm is given.")
    row = np.array([[frobenius / math.sqrt(classes)]])  # every class, in the direction of its a_k
    return _optimum(row, classes, _points(row, latent_dim, gamma, penalty, 2.0))


def fading_epsilon(optimum: FreeOptimum, classes: int, latent_dim: int) -> float:
    """Return the epsilon of Adam at which the code fades: (1 - p + q) |z_ki|/K.

    That is the size of an entry of dF/dW_y: by the softmax, dF/dw_k is -(1-p) z_k/K of class k and
    q z_j/K of each other one, and as the points sum to zero, together -(1 - p + q) z_k/K. For
    |z_ki| stands ||z||/√D. Where epsilon is far smaller, Adam moves every entry by the learning
    rate; where it is far larger, in proportion to the gradient, as gradient descent does.
    """
    return optimum.error * optimum.norm / math.sqrt(latent_dim) / classes


def _points(
    A: FloatArray, D: int, gamma: float, penalty: str, power: float
) -> Callable[[FloatArray], FloatArray]:
    """Return a function of the errors (K, 1) of the classes: the points at which the push is it."""
    if not gamma > 0:
        raise ValueError(f"gamma must be above 0, not {gamma}: nothing else holds free points.")
    if penalty not in ROUND + _BY_COORDINATE:
        raise ValueError(f"penalty must be one of {ROUND + _BY_COORDINATE}, not {penalty!r}.")
    if not power >= 1:
        raise ValueError(f"power must be at least 1, not {power}.")
    if penalty == "l2":
        return lambda error: error * A * D / (2 * gamma)
    if penalty == "max":
        reach = np.abs(A).sum(axis=1, keepdims=True)
        return lambda error: error * np.sign(A) * reach / (2 * gamma)
    if penalty == "lp":
        exponent = 1 / max(power - 1, 1e-6)
        return lambda error: np.sign(A) * (error * np.abs(A) * D / (power * gamma)) ** exponent
    # x exp(x²) = c, where 2 x² is Lambert's W of 2 c²; of a whole point, x is ||z||/√D
    from scipy.special import wrightomega  # W(exp(.)), which cannot overflow

    size = math.sqrt(D) if penalty in ROUND else 1.0

    def inverse(error: FloatArray) -> FloatArray:
        c = error * np.abs(A) * D / (2 * gamma * size)
        return size * np.sign(A) * np.sqrt(wrightomega(math.log(2) + 2 * np.log(c)) / 2)

    return inverse


def _optimum(A: FloatArray, K: int, points: Callable[[FloatArray], FloatArray]) -> FreeOptimum:
    """Find the error of every class that its own margin leaves, by bisection of its logarithm.

    The larger the error, the further the points, the larger the margin, and the smaller the error
    that is left: there is one crossing. A has a row for every class, or one for all of them.
    """
    if K < 2:
        raise ValueError(f"there must be at least 2 classes, not {K}.")
    low, high = np.full((len(A), 1), -745.0), np.zeros((len(A), 1))  # exp(-745) is the least float
    with np.errstate(divide="ignore", over="ignore"):
        for _ in range(80):
            middle = (low + high) / 2
            m = K / (K - 1) * np.sum(A * points(np.exp(middle)), axis=1, keepdims=True)
            left = math.log(K) - m - np.log1p((K - 1) * np.exp(-m))  # log(1 - p + q)
            low, high = np.where(left > middle, [middle, high], [low, middle])
        error = np.exp(high)
        Z = points(error)
    return FreeOptimum(
        norm=float(np.sqrt(np.mean(np.sum(Z**2, axis=1)))),
        cross_entropy=float(-np.log1p(-(K - 1) / K * error).mean()),
        error=float(error.mean()),
    )
