"""When a classifier has grown enough for learning to begin, and how large a gamma that allows.

Under a large gamma all classes are near one point at first. Take them as free points
(:mod:`lpc_scratch.theory.free_features`): then cross-entropy is a function of the centred rows a_k
of the classifier and of gamma. Learning is said to begin when it passes (log K)/2. There all
classes have the probability p = K^(-1/2) of the true class and q = (1-p)/(K-1) of each other one,
at the margin mu = log((K-1) p/(1-p)). With rows of a simplex, s² = ||a_k||², and g = gamma/D near
the origin, the norm equation gives

    s² = c_K g,   c_K = 2 mu (K-1)/(K (1 - p + q)),   c_10 = 3.379.

**The start.** Entries of W_y are uniform in ±B with B = 1/√D, the default. A centred one, a, has
E a² = (1 - 1/K) B²/3 and E|a| = (1/2 - 1/(3K)) B (of a sum of uniform numbers, one of them K-1
times as wide as the others: a difference of powers, which sums to a Stirling number).

**Growth.** An optimiser that moves every entry by the learning rate, in the direction of a sign
that stays (sign descent, and nearly so Adam, RMSProp and Lion), adds w sign(a), w the sum of
learning rates. Less its mean over classes,

    E||A||_F² = K D [(1 - E b²) w² + 2 E|a| w + E a²],

with 1 - E b² of :func:`~lpc_scratch.theory.codes.centred_share`: 1 - 1/(3K).
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lpc_scratch.theory.codes import FloatArray, centred_share, random_gram_spread


def largest_gamma(latent_dim: int, classes: int, rate_sum: float) -> float:
    """Largest gamma that a run with Adam bears: cross-entropy just reaches (log K)/2.

    With a smaller gamma learning begins sooner; with a much larger one it has not begun when the
    run ends, and all classes are still at one point. It is (1 - 1/K) D² w² / c_K, where D is
    ``latent_dim``, K ``classes``, and w ``rate_sum``, the sum of the learning rates of all steps.
    Raises ValueError unless D ≥ 1, K ≥ 2 and w ≥ 0.

    Notes
    -----
    A rule of thumb, for entries that have grown to ±w with independent random signs: less the mean
    over classes, s² = (1 - 1/K) D w². `onset_rate_sum` has the initial weights, which help, the
    signs of a centred start, which are more even, and unequal angles, which hinder.
    """
    _check("largest_gamma", latent_dim, classes, rate_sum)
    return (1 - 1 / classes) * (latent_dim * rate_sum) ** 2 / onset_constant(classes)


def onset_constant(classes: int, share: float = 0.5) -> float:
    """Return c_K, the s²/g at which learning begins with a classifier whose rows are a simplex.

    With another `share`, from 0 to below 1, that at which cross-entropy is share log K.
    """
    K = classes
    p = K**-share
    q = (1 - p) / (K - 1)
    mu = math.log((K - 1) * p / (1 - p))
    return 2 * mu * (K - 1) / (K * (1 - p + q))


def code_norm(latent_dim: int, classes: int, rate_sum: float) -> float:
    """Return ||A||_F of the centred classifier after learning rates of sum w, as above.

    With it, :func:`~lpc_scratch.theory.free_features.optimum_of_norm` predicts the latent norm and
    cross-entropy from settings alone. Raises ValueError as `largest_gamma`.
    """
    _check("code_norm", latent_dim, classes, rate_sum)
    square, slope, start = _growth(latent_dim, classes)
    mean_square = square * rate_sum**2 + slope * rate_sum + start
    return math.sqrt(classes * latent_dim * mean_square)


def onset_rate_sum(latent_dim: int, classes: int, gamma: float) -> float:
    """Return the sum of learning rates w after which learning begins; 0 if at the start.

    It solves ||A||_F²/K = c g, a quadratic equation for w, with c = c_K (1 + delta).

    Notes
    -----
    The angles of a random code are not those of a simplex, which costs delta. With the eigenvalues
    s_i of AᵀA/K and x_i = s_i/(2g), cross-entropy to second order in the points is
    log K - Σ (y_i - y_i²/2), y_i = x_i/(1 + x_i). By its second derivative in x_i, eigenvalues with
    the variance v over the squared mean raise it, and a sum of s_i that is larger by the share
    delta = 3/2 v x/(1 + x), with x = c_K/(2 (K-1)), makes up for that; v is
    :func:`~lpc_scratch.theory.codes.random_gram_spread`. For ten classes delta is about 1.9/D. Free
    features under sign descent begin within 1 % of this at D >= 16, and 2 to 4 % later at D = 8.
    """
    _check("onset_rate_sum", latent_dim, classes, gamma)
    square, slope, start = _growth(latent_dim, classes)
    missing = _needed(latent_dim, classes) * gamma / latent_dim**2 - start
    if missing <= 0:
        return 0.0
    return (math.sqrt(slope**2 + 4 * square * missing) - slope) / (2 * square)


def onset_gamma(
    latent_dim: int, classes: int, rate_sum: npt.ArrayLike, share: float = 0.5
) -> FloatArray:
    """Return the gamma under which learning has just begun, for every sum of learning rates.

    It is the inverse of `onset_rate_sum`, and so `largest_gamma` with initial weights and unequal
    angles. With another `share` cross-entropy has just fallen to share log K: the larger, the less
    has been learnt, and the larger is gamma.
    """
    w = np.asarray(rate_sum, dtype=np.float64)
    _check("onset_gamma", latent_dim, classes, float(w.min(initial=0)))
    square, slope, start = _growth(latent_dim, classes)
    needed = _needed(latent_dim, classes, share)
    return (square * w**2 + slope * w + start) * latent_dim**2 / needed


def onset_step(
    learning_rates: Sequence[float], latent_dim: int, classes: int, gamma: float
) -> int | None:
    """Return after how many steps learning begins; None if the learning rates do not suffice.

    ``learning_rates`` has one rate a step. The same rate all along needs
    `onset_rate_sum` / rate steps.
    """
    needed = onset_rate_sum(latent_dim, classes, gamma)
    if needed == 0:
        return 0
    step = int(np.searchsorted(np.cumsum(learning_rates), needed)) + 1
    return step if step <= len(learning_rates) else None


def _needed(latent_dim: int, classes: int, share: float = 0.5) -> float:
    """Return c (1 + delta), the s²/g that a random code needs: see `onset_rate_sum`."""
    c = onset_constant(classes, share)
    x = c / (2 * (classes - 1))
    return c * (1 + 1.5 * random_gram_spread(classes, latent_dim) * x / (1 + x))


def _growth(latent_dim: int, classes: int) -> tuple[float, float, float]:
    """Return the coefficients of w², w and 1 in the mean square of the entries of A."""
    K, bound = classes, latent_dim**-0.5
    return centred_share(K), (1 - 2 / (3 * K)) * bound, (1 - 1 / K) * bound**2 / 3


def _check(name: str, latent_dim: int, classes: int, amount: float) -> None:
    if latent_dim < 1 or classes < 2 or amount < 0:
        last = "gamma" if name == "onset_rate_sum" else "rate_sum"
        raise ValueError(
            f"{name} needs latent_dim >= 1, classes >= 2 and {last} >= 0, not "
            f"{latent_dim}, {classes} and {amount}."
        )
