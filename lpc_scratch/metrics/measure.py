"""All metrics of one latent in one call: the columns that training writes to ``metrics.csv``."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.axes import entry_kurtosis, initial_code_share, rotated_kurtosis
from lpc_scratch.metrics.binarity import (
    distinct_codes,
    fit_mixtures,
    latent_norm,
    same_code_share,
    sign_purity,
)
from lpc_scratch.metrics.classes import (
    ClassGroups,
    FloatArray,
    IntArray,
    as_labels,
    as_matrix,
    group_by_class,
)
from lpc_scratch.metrics.codes import code_geometry
from lpc_scratch.metrics.collapse import (
    cdnv,
    classifier_mean_share,
    equiangularity,
    equinorm,
    etf_distance,
    max_angle,
    nearest_class_mean_disagreement,
    self_duality,
    variability_quotient,
    within_class_variability,
)
from lpc_scratch.metrics.entropy import latent_entropy

MAX_MIXTURES = 128
"""Most coordinates whose mixtures are fitted: a hidden layer's hundreds would take seconds."""
NEIGHBORS = 3
"""Which nearest neighbour the entropy is estimated from."""
_ROUNDING = 1e-3  # of the logits, relative to the largest, in whatever made the predictions


def measure(
    latent: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    predictions: npt.ArrayLike | None = None,
    classifier_weight: npt.ArrayLike | None = None,
    initial_classifier: npt.ArrayLike | None = None,
    by: Literal["label", "prediction"] = "label",
    seed: int = 0,
) -> dict[str, float]:
    """Measure collapse and binarity of a latent.

    The samples are grouped once for all metrics, which :mod:`lpc_scratch.metrics.collapse`,
    :mod:`lpc_scratch.metrics.binarity` and :mod:`lpc_scratch.metrics.axes` describe one by one.

    Parameters
    ----------
    latent : (N, D) finite
        Latent activations, one row a sample.
    labels : (N,) integers
        True classes.
    predictions : (N,) integers, optional
        The network's classes; without them ``nc4`` is nan.
    classifier_weight : (D, K) finite, optional
        Weight W of the output layer z W + b, whose column k belongs to label k; without it ``nc3``
        and ``nc0`` are nan. The weight of a torch ``Linear`` is (K, D): pass ``weight.T``. The
        shape tells unless K = D; then only predictions can, and without them a transposed weight
        gives a wrong ``nc3``.
    initial_classifier : (D, K) finite, optional
        The same weight before training; without it ``initial_code`` is nan.
    by : {"label", "prediction"}
        What makes two samples one class: the true label, or the network's prediction (as in the
        code published with arXiv 2310.08224 in 2023).
    seed : int
        Seed of the subsample to which the Gaussian mixtures are fitted, and of the random basis.

    Returns
    -------
    dict
        ``nc1, cdnv, equinorm, equiangular, max_angle, etf_distance, nc3, nc4, gmm_score,
        gmm_sigma, peak_distance, sign_purity, same_code, distinct_codes, latent_norm,
        latent_entropy, code_distance, code_spread, kurtosis, kurtosis_rotated, two_values, nc0,
        initial_code, nc1_quotient``, in this order; ``code_distance`` and ``code_spread`` are the
        mean and the standard deviation of :class:`CodeGeometry`. Of more than MAX_MIXTURES
        coordinates, the mixtures take that many at even distances. What compares classes is nan
        where all samples are of one class, and ``latent_entropy`` where there are too few samples.
        ``nc3`` uses the columns of the classes that occur.

    Raises
    ------
    ValueError
        For a malformed ``latent``, ``labels``, ``predictions`` or classifier, a weight that has not
        D rows, or no column for a class that occurs, or that explains the predictions only when it
        is transposed, an unknown ``by``, or ``by="prediction"`` without predictions.
    """
    if by not in ("label", "prediction"):
        raise ValueError(f"by must be 'label' or 'prediction', not {by!r}.")
    if by == "prediction" and predictions is None:
        raise ValueError("by='prediction' needs predictions.")

    groups = group_by_class(latent, labels)
    predicted, W, nc4 = None, None, np.nan
    if predictions is not None:
        predicted = as_labels(predictions, "predictions", len(groups.latent))
        if by == "prediction":
            groups = group_by_class(groups.latent, predicted)
        nc4 = nearest_class_mean_disagreement(groups, None, predicted)
    if classifier_weight is not None:
        W = as_matrix(classifier_weight, "classifier_weight")
        _check_classifier(W, groups, predicted)
    z, dims = groups.latent, groups.latent.shape[1]
    fitted = np.linspace(0, dims - 1, min(dims, MAX_MIXTURES)).astype(int)
    mixtures = fit_mixtures(z[:, fitted], seed)
    codes = code_geometry(groups.means > 0) if len(groups.classes) > 1 else None
    initial = np.nan
    if initial_classifier is not None:
        initial = initial_code_share(groups.means, groups.classes, initial_classifier)
    return {
        **_between_classes(groups, W),
        "nc4": nc4,
        "gmm_score": mixtures.gmm_score,
        "gmm_sigma": mixtures.gmm_sigma,
        "peak_distance": mixtures.peak_distance,
        "sign_purity": sign_purity(groups),
        "same_code": same_code_share(groups),
        "distinct_codes": float(distinct_codes(groups.means > 0)),
        "latent_norm": latent_norm(z),
        "latent_entropy": latent_entropy(z, NEIGHBORS, seed) if len(z) > NEIGHBORS else np.nan,
        "code_distance": codes.mean if codes else np.nan,
        "code_spread": codes.spread if codes else np.nan,
        "kurtosis": entry_kurtosis(groups.means),
        "kurtosis_rotated": rotated_kurtosis(groups.means, seed),
        "two_values": mixtures.two_values,
        "nc0": np.nan if W is None else classifier_mean_share(W),
        "initial_code": initial,
        "nc1_quotient": variability_quotient(groups) if codes else np.nan,
    }


def _check_classifier(W: FloatArray, groups: ClassGroups, predicted: IntArray | None) -> None:
    """Raise ValueError unless W is (D, K), with a column for every class that occurs."""
    z, K = groups.latent, W.shape[1]
    D = z.shape[1]
    if len(W) != D:
        raise ValueError(
            f"classifier_weight must have shape ({D}, K), a row for each coordinate of the latent "
            f"{z.shape} and a column for each class, not {W.shape}: of a torch Linear, whose "
            "weight is (K, D), pass weight.T."
        )
    used = groups.classes if predicted is None else np.union1d(groups.classes, predicted)
    if used[0] < 0 or used[-1] >= K:
        raise ValueError(
            f"classifier_weight of shape {W.shape} has columns for the classes 0..{K - 1}, but "
            f"{used[0]}..{used[-1]} occur: pass a column for every class, and number the classes "
            "as the columns, from 0."
        )
    if predicted is None or K != D:
        return
    if _explains(W.T, z, predicted) and not _explains(W, z, predicted):
        raise ValueError(
            f"classifier_weight of shape {W.shape} explains the predictions only when it is "
            "transposed: column k must belong to class k; of a torch Linear pass weight.T."
        )


def _explains(W: FloatArray, latent: FloatArray, predicted: IntArray) -> bool:
    """Return whether the predictions can be argmax(z W + b), for some b."""
    logits = latent @ W
    leads = logits[np.arange(len(logits)), predicted][:, None] - logits
    winners = range(W.shape[1])
    least = np.stack([leads[predicted == i].min(axis=0, initial=np.inf) for i in winners])
    # where i wins, its lead over j is at least b_j - b_i; where j wins, its over i, b_i - b_j
    return bool((least + least.T).min() >= -_ROUNDING * np.abs(logits).max())


def _between_classes(groups: ClassGroups, W: FloatArray | None) -> dict[str, float]:
    """Return the metrics that compare classes, all nan where there is only one."""
    if len(groups.classes) < 2:
        names = ("nc1", "cdnv", "equinorm", "equiangular", "max_angle", "etf_distance", "nc3")
        return dict.fromkeys(names, np.nan)
    M = groups.centered_means
    return {
        "nc1": within_class_variability(groups),
        "cdnv": cdnv(groups),
        "equinorm": equinorm(M),
        "equiangular": equiangularity(M),
        "max_angle": max_angle(M),
        "etf_distance": etf_distance(M),
        "nc3": np.nan if W is None else self_duality(M, W[:, groups.classes]),
    }
