"""Calibration: whether a network that is 80 % sure is right in 80 % of the cases.

Everywhere one network, N samples and K classes; ``logits`` are (N, K) finite, ``probabilities``
(N, K) with rows that sum to 1, and ``labels`` (N,) integers in 0..K-1. All arithmetic is float64.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.classes import FloatArray, as_classes, as_scores

TEMPERATURE_BOUNDS = (1e-3, 1e3)
"""The smallest and largest temperature that :func:`fit_temperature` considers."""
_HALVINGS = 40  # of the 14 between the logarithms of the bounds: to 1e-11


@dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence and accuracy in B equally wide bins of the confidence, for a diagram.

    The confidence of a sample is its largest probability. Of a bin without samples, ``confidence``
    and ``accuracy`` are nan.

    Attributes
    ----------
    edges : (B + 1,) 0, 1/B, …, 1; bin b is (edges[b], edges[b + 1]], closed on the right
    count : (B,) int64 number of samples
    confidence : (B,) mean confidence
    accuracy : (B,) share of samples whose most probable class is the true one
    """

    edges: FloatArray
    count: npt.NDArray[np.int64]
    confidence: FloatArray
    accuracy: FloatArray


def softmax_probabilities(logits: npt.ArrayLike) -> FloatArray:
    """softmax(s), (N, K): exp(s_k) / Σ_j exp(s_j), however large the logits s.

    Raises ValueError unless ``logits`` is a finite matrix of two or more columns.
    """
    s = as_scores(logits, "logits")
    weights = np.exp(s - s.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def max_log_probability(logits: npt.ArrayLike) -> FloatArray:
    """Logarithm of the largest probability of softmax(s), (N,): max_k s_k - log Σ_k exp(s_k).

    At most 0. Keeps its digits where the network is so sure that the probability rounds to 1, so
    that as a score of :mod:`lpc_scratch.metrics.detection` it has no ties there. Source of that
    score: Hendrycks and Gimpel 2017 ("A baseline for detecting misclassified and
    out-of-distribution examples in neural networks"). Raises ValueError unless ``logits`` is a
    finite matrix of two or more columns.
    """
    s = as_scores(logits, "logits")
    weights = np.exp(s - s.max(axis=1, keepdims=True))
    weights[np.arange(len(s)), s.argmax(axis=1)] = 0  # is 1, which would hide the others
    return -np.log1p(weights.sum(axis=1))


def negative_log_likelihood(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean over samples of -log p_y, in nats, for p = softmax(s): log Σ_k exp(s_k) - s_y.

    At least 0; log K for equal logits. Keeps its digits down to 1e-300. Raises ValueError
    for malformed ``logits`` or ``labels``.
    """
    s = as_scores(logits, "logits")
    y = as_classes(labels, s)
    lead = s.max(axis=1) - s[np.arange(len(s)), y]  # exactly 0 where the network is right
    return float(np.mean(lead - max_log_probability(s)))


def brier_score(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean over samples of Σ_k (p_k - onehot_k)², summed over all classes.

    Between 0 (right and certain) and 2 (wrong and certain); 1 - 1/K for equal probabilities.
    Raises ValueError for malformed ``probabilities`` or ``labels``. Source: Brier 1950
    ("Verification of forecasts expressed in terms of probability").
    """
    p = _as_probabilities(probabilities)
    errors = p.copy()
    errors[np.arange(len(p)), as_classes(labels, p)] -= 1
    return float(np.mean(np.sum(errors**2, axis=1)))


def reliability(probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int = 15) -> Reliability:
    """Compare confidence with accuracy in equally wide bins of the confidence.

    Between equally probable classes the lowest wins. Raises ValueError for malformed
    ``probabilities`` or ``labels``, or less than one bin. Source: Guo, Pleiss, Sun and Weinberger
    2017 ("On calibration of modern neural networks").
    """
    p = _as_probabilities(probabilities)
    right = p.argmax(axis=1) == as_classes(labels, p)
    confidence = p.max(axis=1)
    index = _bin_of(confidence, bins)
    count = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0 / 0 of an empty bin
        return Reliability(
            edges=_edges(bins),
            count=count,
            confidence=np.bincount(index, confidence, bins) / count,
            accuracy=np.bincount(index, right, bins) / count,
        )


def expected_calibration_error(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int = 15
) -> float:
    """ECE: Σ_b n_b/N abs(accuracy_b - confidence_b) over equally wide bins of the confidence.

    Between 0 (as sure as it is right) and 1. The samples in a bin make it larger by chance, the
    more so the fewer there are: compare only equal N and ``bins``. Raises ValueError for malformed
    ``probabilities`` or ``labels``, or less than one bin. Source: Guo, Pleiss, Sun and Weinberger
    2017.
    """
    diagram = reliability(probabilities, labels, bins)
    gaps = np.abs(diagram.accuracy - diagram.confidence)
    return float(np.nansum(diagram.count * gaps) / diagram.count.sum())


def classwise_calibration_error(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int = 15
) -> float:
    """Classwise ECE: the mean over classes k of Σ_b n_b/N abs(share of k in b - mean p_k in b).

    Each class has equally wide bins of its own probability, of all N samples, closed on the right
    but for 0 in the first. Where most probabilities are near 0, so is this: of ten classes a
    network that is certain and right in 90 % of the cases has 0.02 and not 0.1. Raises ValueError
    for malformed ``probabilities`` or ``labels``, or less than one bin. Source: Kull et al. 2019
    ("Beyond temperature scaling: obtaining well-calibrated multiclass probabilities with Dirichlet
    calibration").
    """
    p = _as_probabilities(probabilities)
    gaps = p.copy()
    gaps[np.arange(len(p)), as_classes(labels, p)] -= 1
    cells = _bin_of(p, bins) + bins * np.arange(p.shape[1])
    return float(np.abs(np.bincount(cells.ravel(), gaps.ravel())).sum() / p.size)


def adaptive_calibration_error(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int = 15
) -> float:
    """Adaptive ECE: the ECE over bins that hold equally many samples, in place of equally wide.

    Where a network is nearly always sure, one of the equal bins holds nearly all samples, and says
    little of them. Bins differ by one sample where N is no multiple of ``bins``, of which there are
    at most N; equal confidences are parted in the order of the samples. Raises ValueError for
    malformed ``probabilities`` or ``labels``, or less than one bin. Source: Nixon et al. 2019
    ("Measuring calibration in deep learning"), of the most probable class.
    """
    p = _as_probabilities(probabilities)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}.")
    gaps = p.max(axis=1) - (p.argmax(axis=1) == as_classes(labels, p))
    order = p.max(axis=1).argsort(kind="stable")
    parts = np.array_split(gaps[order], min(bins, len(p)))
    return float(np.sum([abs(part.sum()) for part in parts]) / len(p))


def fit_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Temperature T > 0 for which softmax(s / T) gives the labels the largest likelihood.

    Fit it on samples that neither trained the network nor are to measure its calibration. Above 1
    where the network is surer than right. It changes no prediction.

    Within TEMPERATURE_BOUNDS. The lower bound where every label has the largest logit, because then
    the likelihood grows without end as T falls; the upper one where the logits say no more of the
    labels than equal ones, or less. 1 where all logits of a sample are equal, for then every T is
    as good. Raises ValueError for malformed ``logits`` or ``labels``. Source: Guo, Pleiss, Sun and
    Weinberger 2017.
    """
    s = as_scores(logits, "logits")
    y = as_classes(labels, s)
    lead = s - s[np.arange(len(s)), y][:, None]
    if not lead.any():
        return 1.0
    # in β = 1/T the mean of log Σ_k exp(β lead_k), the loss, is convex: its slope Σ_k p_k lead_k,
    # with p = softmax(β lead), changes its sign once
    low, high = np.log(TEMPERATURE_BOUNDS)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        p = softmax_probabilities(lead / np.exp(middle))
        if np.vdot(p, lead) > 0:  # a smaller β is better
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))


def _edges(bins: int) -> FloatArray:
    """Return the edges (B + 1,) of equally wide bins of a probability, or raise ValueError."""
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}.")
    return np.arange(bins + 1) / bins  # not linspace, whose 7/9 is a rounding below 7 / 9


def _bin_of(p: FloatArray, bins: int) -> npt.NDArray[np.intp]:
    """Return the number of the bin of each probability; closed on the right but for 0."""
    # the probability of a certain float32 network may round to a little more than 1
    return np.clip(_edges(bins).searchsorted(p, side="left"), 1, bins) - 1


def _as_probabilities(values: npt.ArrayLike) -> FloatArray:
    """Return probabilities (N, K) that are not negative and sum to 1, but for float32 rounding."""
    p = as_scores(values, "probabilities")
    if p.min() < 0:
        raise ValueError(f"probabilities must be at least 0, not {p.min()}.")
    sums = p.sum(axis=1)
    if np.abs(sums - 1).max() > 1e-4:
        worst = np.abs(sums - 1).argmax()
        raise ValueError(f"probabilities must sum to 1, but row {worst} sums to {sums[worst]}.")
    return p
