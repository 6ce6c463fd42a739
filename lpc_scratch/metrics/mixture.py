"""The mixture of two Gaussians that fits numbers best, by expectation-maximisation.

scikit-learn's `GaussianMixture` does the same for any number of components and coordinates. It
takes five times as long for two of one, and its import alone takes a second.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Added to every fitted variance: the sigma of a standardised coordinate stays above 3e-5, and so
# the distance of two equally heavy peaks below 6.4e4, far beyond what training reaches.
VARIANCE_FLOOR = 1e-9
_TOLERANCE = 1e-3  # nats: an iteration that gains less is the last
_ITERATIONS = 100  # at most; without clear peaks they do not settle, and the last is good enough


@dataclass(frozen=True, eq=False)
class Mixture:
    """Two Gaussians: ``means``, ``variances`` and ``weights`` (2,), and how well they fit.

    ``score`` is the mean log-likelihood of a number, in nats, before the last iteration.
    """

    means: FloatArray
    variances: FloatArray
    weights: FloatArray
    score: float


def fit_two_gaussians(x: FloatArray, parts: tuple[FloatArray, FloatArray]) -> Mixture:
    """Fit two Gaussians to standardised, not all equal numbers x (N,), from two parts of them.

    An iteration takes the log-likelihood of every number, the share that each Gaussian has in it,
    and then weights, means and variances under these shares (Dempster, Laird and Rubin 1977). The
    operations and their order are those of scikit-learn 1.9, and so are the bits.
    """
    weights = np.array([len(part) / len(x) for part in parts])
    means = np.array([part.mean() for part in parts])
    scales = np.sqrt([1 / (part.var() + VARIANCE_FLOOR) for part in parts])  # 1 / sigma
    squares = x * x
    shares = np.empty((len(x), 2))
    score = -np.inf
    for _ in range(_ITERATIONS):
        low, high = (
            _log_density(x, squares, *of_one) for of_one in zip(means, scales, weights, strict=True)
        )
        larger = np.maximum(low, high)
        total = np.log1p(np.exp(np.minimum(low, high) - larger)) + larger
        np.subtract(low, total, out=shares[:, 0])
        np.subtract(high, total, out=shares[:, 1])
        np.exp(shares, out=shares)
        counts = shares.sum(axis=0) + 10 * np.finfo(np.float64).eps
        means = (shares.T @ x[:, None])[:, 0] / counts
        variances = (shares.T @ squares[:, None])[:, 0] / counts - means**2 + VARIANCE_FLOOR
        scales = 1 / np.sqrt(variances)
        weights = counts / counts.sum()
        before, score = score, float(total.mean())
        if abs(score - before) < _TOLERANCE:
            break
    return Mixture(means, variances, weights, score)


def _log_density(
    x: FloatArray, squares: FloatArray, mean: float, scale: float, weight: float
) -> FloatArray:
    """Return log(weight p(x)) (N,) of a Gaussian, from x, x² and 1 / sigma."""
    precision = scale * scale  # the power of a scalar is rounded otherwise than that of an array
    distance = mean * mean * precision - 2.0 * (x * (mean * precision)) + squares * precision
    return -0.5 * (math.log(2 * math.pi) + distance) + np.log(scale) + np.log(weight)
