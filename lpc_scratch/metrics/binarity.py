"""Binary encoding: whether latent coordinates take two values, and every class one code.

Source of the measures: arXiv 2310.08224 ("Emergence of latent binary encoding in deep neural
network classifiers"). Everywhere N samples, D coordinates and C classes; ``latent`` is (N, D)
finite, ``labels`` is (N,) integers, and classes are the labels that occur, in sorted order. All
arithmetic is float64.

What takes ``latent`` and ``labels`` also takes the groups of :func:`group_by_class` alone.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.classes import FloatArray, Latent, as_matrix, draw, group_by_class
from lpc_scratch.metrics.mixture import fit_two_gaussians

BoolArray = npt.NDArray[np.bool_]

# Share of the samples at either end of a coordinate that cannot make it vary by themselves.
_TAIL = 0.005


@dataclass(frozen=True, eq=False)
class MixtureFit:
    """One two-component Gaussian mixture for every latent coordinate, in its standardised units.

    A coordinate that is constant but for the outermost 0.5 % of its samples at either end (a ReLU
    unit that is almost always off) has no peaks to speak of: its entries are nan and the averages
    leave it out. The averages are nan where no coordinate is left.

    Attributes
    ----------
    means, sigmas, weights : (D, 2) the components; the first was started from the lower values
    score : (D,) mean log-likelihood of a sample, in nats
    within : (D,) variance within the two clusters that the fit was started from, in its unit
    """

    means: FloatArray
    sigmas: FloatArray
    weights: FloatArray
    score: FloatArray
    within: FloatArray

    @property
    def gmm_score(self) -> float:
        """Mean score over coordinates, in nats: about -1.42 for a Gaussian, higher for two peaks.

        A Gaussian has -(log 2π + 1)/2 = -1.4189; two equally heavy narrow peaks of standard
        deviation sigma have about -1.4189 - log 2 - log(sigma), which grows as they narrow. Read it
        beside the peak distance: a single value that many samples share (the zeros of a ReLU unit)
        is an infinitely narrow peak and raises the score as well.
        """
        return _mean_or_nan(self.score)

    @property
    def gmm_sigma(self) -> float:
        """Mean sigma over components and coordinates, in standard deviations; 0 is binary."""
        return _mean_or_nan(self.sigmas.mean(axis=1))

    @property
    def peak_distance(self) -> float:
        """Mean over coordinates of abs(mu_1 - mu_2) / mean(sigma_1, sigma_2).

        Without unit. About 2 to 3 for a coordinate with one broad peak, above 10 for one that is
        clearly binary.
        """
        distance = np.abs(self.means[:, 0] - self.means[:, 1])
        return _mean_or_nan(distance / self.sigmas.mean(axis=1))

    @property
    def two_values(self) -> float:
        """Mean over coordinates of the share of the variance that lies within two groups.

        The two groups of a coordinate are those of 2-means: the cut of its sorted samples that
        leaves the least variance within. Between 0 (two values) and 1, without unit; a Gaussian
        coordinate has 1 - 2/π = 0.363, a uniform one 1/4, and two equally heavy peaks at distance
        d in their standard deviations 1 / (1 + d²/4): 0.04 at 10. Nothing is fitted but the cut,
        every sample counts the same, and the classes are not asked. One class against the rest
        are two values as well: the kurtosis of the class means tells that from a code.
        """
        return _mean_or_nan(self.within)


def fit_mixtures(latent: npt.ArrayLike, seed: int = 0, max_samples: int = 10_000) -> MixtureFit:
    """Standardise every coordinate and fit a mixture of two Gaussians to it.

    More than ``max_samples`` samples are replaced by that many, drawn without replacement from
    a generator seeded with ``seed``. Expectation-maximisation begins at the two clusters of
    2-means, which for sorted numbers is found exactly in one pass. Raises ValueError if ``latent``
    is not a finite matrix, or ``max_samples`` is less than 2.
    """
    z = as_matrix(latent, "latent")
    if max_samples < 2:
        raise ValueError(f"max_samples must be at least 2, not {max_samples}.")
    if len(z) > max_samples:
        z = z[draw(len(z), max_samples, seed)]

    z = np.sort(z.T, axis=1)  # (D, N); a mixture does not depend on the order of the samples
    centered = z - z.mean(axis=1, keepdims=True)
    std = centered.std(axis=1)
    tail = int(_TAIL * z.shape[1])
    spread = z[:, -1 - tail] - z[:, tail]
    # a coordinate c that varies by its rounding only (1e-16 |c|) counts as constant
    varying = np.flatnonzero(spread > 1e-12 * np.abs(z).max(axis=1))

    means, sigmas, weights = np.full((3, len(z), 2), np.nan)
    score, within = np.full((2, len(z)), np.nan)
    for d in varying:
        x = centered[d] / std[d]
        parts = _two_means(x)
        within[d] = sum(((part - part.mean()) ** 2).sum() for part in parts) / len(x)
        mixture = fit_two_gaussians(x, parts)
        means[d], sigmas[d] = mixture.means, np.sqrt(mixture.variances)
        weights[d], score[d] = mixture.weights, mixture.score
    return MixtureFit(means, sigmas, weights, score, within)


def sign_purity(latent: Latent, labels: npt.ArrayLike | None = None) -> float:
    """Mean over classes and coordinates of max(p, 1 - p), p = share of the class with z > 0.

    Between 0.5 (signs at random) and 1 (within a class, each coordinate has one sign). Raises
    ValueError for a malformed ``latent`` or ``labels``.
    """
    groups = group_by_class(latent, labels)
    p = groups.average(groups.latent > 0)
    return float(np.maximum(p, 1 - p).mean())


def class_codes(latent: Latent, labels: npt.ArrayLike | None = None) -> BoolArray:
    """Code of every class, (C, D): True where the coordinate of the class mean is positive.

    Sorted by label. Raises ValueError for a malformed ``latent`` or ``labels``.
    """
    return group_by_class(latent, labels).means > 0


def same_code_share(latent: Latent, labels: npt.ArrayLike | None = None) -> float:
    """Mean over classes of the share of its samples with exactly the signs of the class code.

    Between 0 and 1; 1 means that all points of a class lie in one orthant. Raises ValueError for
    a malformed ``latent`` or ``labels``.
    """
    groups = group_by_class(latent, labels)
    codes = groups.means > 0
    matches = ((groups.latent > 0) == codes[groups.index]).all(axis=1)
    return float(groups.average(matches).mean())


def distinct_codes(codes: npt.ArrayLike) -> int:
    """Count the different rows of ``codes`` (C, D): C when every class has a code of its own.

    Raises ValueError unless ``codes`` is 2-D with at least one row and one column.
    """
    return len(np.unique(as_matrix(codes, "codes"), axis=0))


def hamming_distances(codes: npt.ArrayLike) -> FloatArray:
    """Share of the D coordinates in which two codes differ, (C, C), for ``codes`` (C, D).

    Symmetric, between 0 and 1, with zeros on the diagonal. Codes that form a simplex have
    :func:`~lpc_scratch.theory.codes.simplex_hamming` everywhere else. Raises ValueError unless
    ``codes`` is 2-D with at least one row and one column.
    """
    array = as_matrix(codes, "codes")
    # a row at a time: the comparisons of all pairs at once are many times the codes
    return np.stack([(array != row).mean(axis=1) for row in array])


def latent_norm(latent: npt.ArrayLike) -> float:
    """Mean ||z|| over samples, in units of the latent: how far the penalty has pulled it in.

    Raises ValueError if ``latent`` is not a finite matrix.
    """
    return float(np.linalg.norm(as_matrix(latent, "latent"), axis=1).mean())


def _two_means(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Cut sorted numbers x (N,) of mean 0 in two, with the least variance within the parts."""
    # the variance between the parts, with k of N numbers below the cut, is (sum of those k)² /
    # (k (N - k)), and what it leaves is within
    k = np.arange(1, len(x))
    cut = 1 + np.argmax(np.cumsum(x)[:-1] ** 2 / (k * (len(x) - k)))
    return x[:cut], x[cut:]


def _mean_or_nan(values: FloatArray) -> float:
    """Mean of the entries that are not nan; nan where there are none."""
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else np.nan
