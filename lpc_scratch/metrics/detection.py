"""Detection: whether a network's own scores tell the inputs that it knows from those it does not.

A score is a number for each sample that is the higher, the more the sample is like those of the
training set. The samples to be recognised as known are the *positive* ones (in-distribution, or
rightly classified), the others the *negative* ones (out-of-distribution, or misclassified).

Everywhere N samples, D latent coordinates, K logits and C classes. All arithmetic is float64, and
no array is larger than the latent or the distances (N, C).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.calibration import max_log_probability
from lpc_scratch.metrics.classes import FloatArray, as_matrix, group_by_class, squared_distances


def auroc(positive_scores: npt.ArrayLike, negative_scores: npt.ArrayLike) -> float:
    """Area under the receiver operating characteristic: how often a positive sample scores higher.

    P(positive > negative) + P(positive = negative) / 2 over all pairs of one positive and one
    negative sample. 1 if the scores separate them, 0.5 if they are alike, 0 if the order is
    reversed. Independent of how many samples of each kind there are. Source: Hanley and McNeil
    1982 ("The meaning and use of the area under a receiver operating characteristic curve").

    Raises ValueError unless both are non-empty, finite and 1-D.
    """
    positive = _ascending(positive_scores, "positive_scores")
    negative = _ascending(negative_scores, "negative_scores")
    below = negative.searchsorted(positive, side="left")  # how many negatives, for each positive
    not_above = negative.searchsorted(positive, side="right")
    return float(np.mean(below + not_above) / (2 * len(negative)))


def fpr_at_tpr(
    positive_scores: npt.ArrayLike, negative_scores: npt.ArrayLike, tpr: float = 0.95
) -> float:
    """Share of the negatives that score at least as high as the share ``tpr`` of the positives.

    The false positive rate at a true positive rate. The threshold is the highest score that at
    least the share ``tpr`` of the positives reach; nothing is interpolated. Between 0 and 1; 0 is
    best. Source: Liang, Li and Srikant 2018 ("Enhancing the reliability of out-of-distribution
    image detection in neural networks").

    Raises ValueError unless both are non-empty, finite and 1-D, and 0 < ``tpr`` ≤ 1.
    """
    positive = _ascending(positive_scores, "positive_scores")
    negative = _ascending(negative_scores, "negative_scores")
    if not 0 < tpr <= 1:
        raise ValueError(f"tpr must be above 0 and at most 1, not {tpr}.")
    shares = np.arange(1, len(positive) + 1) / len(positive)
    threshold = positive[::-1][shares.searchsorted(tpr)]
    return float(_reach(negative, threshold) / len(negative))


def aupr(positive_scores: npt.ArrayLike, negative_scores: npt.ArrayLike) -> float:
    """Area under the precision-recall curve, as average precision.

    The mean over positives of the precision at their own score: the share of positives among all
    samples that score at least as high. 1 if the scores separate the two kinds; the share of
    positives if they are alike, so compare only equal shares. Nothing is interpolated, which would
    be optimistic (Davis and Goadrich 2006, "The relationship between precision-recall and ROC
    curves").

    Raises ValueError unless both are non-empty, finite and 1-D.
    """
    positive = _ascending(positive_scores, "positive_scores")
    negative = _ascending(negative_scores, "negative_scores")
    right = _reach(positive, positive)
    return float(np.mean(right / (right + _reach(negative, positive))))


def energy(logits: npt.ArrayLike, temperature: float = 1.0) -> FloatArray:
    """Negative free energy, (N,): T log Σ_k exp(s_k / T) for logits s and temperature T.

    In units of the logits; shifting all of them shifts it. For small T it is the largest logit.
    Raises ValueError unless ``logits`` (N, K) is a finite matrix of two or more columns and
    ``temperature`` above 0. Source: Liu, Wang, Owens and Li 2020 ("Energy-based
    out-of-distribution detection").
    """
    if not 0 < temperature < np.inf:
        raise ValueError(f"temperature must be above 0 and finite, not {temperature}.")
    s = as_matrix(logits, "logits")
    return s.max(axis=1) - temperature * max_log_probability(s / temperature)


@dataclass(frozen=True, eq=False)
class Mahalanobis:
    """Distance to the nearest class mean, in widths of the classes, the same for all of them.

    Source: Lee, Lee, Lee and Shin 2018 ("A simple unified framework for detecting
    out-of-distribution samples and adversarial attacks"), of one layer, without their perturbation
    of the input.

    Attributes
    ----------
    means : (C, D) mean mu_c of every class of the training set, sorted by label
    whitening : (D, D) matrix A with A Aᵀ = Σ⁺; zA has unit covariance within classes
    """

    means: FloatArray
    whitening: FloatArray

    @classmethod
    def fit(cls, latent: npt.ArrayLike, labels: npt.ArrayLike, cutoff: float = 1e-10) -> Self:
        """Estimate the class means and their common covariance.

        Σ is the mean over all samples of (z - mu_y)(z - mu_y)ᵀ, and Σ⁺ its pseudo-inverse.
        A latent that has collapsed, or with units that are always off, has hardly any scatter in
        some directions, and none in others but the rounding of float32: where the variance is
        less than ``cutoff`` times the largest one, a direction is left out; by default where the
        width is below 1e-5 of the largest. A latent without any scatter within classes leaves none,
        and all scores are then 0.

        Raises ValueError for a malformed ``latent`` (N, D) or ``labels`` (N,), those of the
        training set, or unless 0 ≤ ``cutoff`` < 1.
        """
        if not 0 <= cutoff < 1:
            raise ValueError(f"cutoff must be at least 0 and below 1, not {cutoff}.")
        groups = group_by_class(latent, labels)
        covariance = groups.deviations.T @ groups.deviations / len(groups.latent)
        variances, directions = np.linalg.eigh(covariance)
        kept = variances > cutoff * variances[-1]
        widths = np.sqrt(variances, out=np.full_like(variances, np.inf), where=kept)
        return cls(means=groups.means, whitening=directions / widths)

    def score(self, latent: npt.ArrayLike) -> FloatArray:
        """-min_c (z - mu_c)ᵀ Σ⁺ (z - mu_c), (N,), without unit.

        About -D for a sample of the training distribution, if all directions are kept. Raises
        ValueError unless ``latent`` is a finite matrix with D columns.
        """
        z = _latent_like(latent, self.means)
        origin = self.means[0]  # a large common shift would cost digits
        white, white_means = (z - origin) @ self.whitening, (self.means - origin) @ self.whitening
        return -squared_distances(white, white_means).min(axis=1)


def distance_to_class_mean(latent: npt.ArrayLike, means: npt.ArrayLike) -> FloatArray:
    """-min_c ||z - mu_c||, (N,), for the class means (C, D) of the training set.

    In units of the latent. Raises ValueError unless both are finite matrices with D columns.
    """
    m = as_matrix(means, "means")
    return -np.sqrt(squared_distances(_latent_like(latent, m), m).min(axis=1))


def distance_to_code(latent: npt.ArrayLike, codes: npt.ArrayLike, size: float) -> FloatArray:
    """-min_c ||z - size code_c||, (N,): how far z is from the nearest code on the hypercube.

    Binary encoding puts the classes on vertices of a hypercube. ``codes`` (C, D) are the signs of
    the class means, such as those of :func:`lpc_scratch.metrics.class_codes`: True or 1 is +1, and
    False, 0 or -1 is -1. ``size`` is half the hypercube's edge, in units of the latent, of which
    the best guess is ``abs(means).mean()``, the mean absolute coordinate of the class means of the
    training set. Raises ValueError unless ``latent`` and ``codes`` are finite matrices with D
    columns, and ``size`` is above 0.
    """
    if not 0 < size < np.inf:
        raise ValueError(f"size must be above 0 and finite, not {size}.")
    vertices = np.where(as_matrix(codes, "codes") > 0, size, -size)
    return -np.sqrt(squared_distances(_latent_like(latent, vertices), vertices).min(axis=1))


def _ascending(values: npt.ArrayLike, name: str) -> FloatArray:
    """Return scores that are finite, 1-D and not empty in ascending order."""
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or scores.size == 0:
        raise ValueError(f"{name} must be 1-D and not empty, not of shape {scores.shape}.")
    if not np.isfinite(scores).all():
        raise ValueError(f"{name} must be finite, but holds a nan or an infinity.")
    return np.sort(scores)


def _reach(scores: FloatArray, threshold: npt.ArrayLike) -> npt.NDArray[np.intp]:
    """Return how many of the ascending scores are at least as high as each threshold."""
    return len(scores) - np.asarray(scores.searchsorted(threshold, side="left"))


def _latent_like(latent: npt.ArrayLike, points: FloatArray) -> FloatArray:
    """Return the latent as a finite float64 matrix with as many columns as the points."""
    z = as_matrix(latent, "latent")
    if z.shape[1] != points.shape[1]:
        raise ValueError(f"latent must have {points.shape[1]} columns, not {z.shape[1]}.")
    return z
