"""Neural collapse: whether the points of a class meet, and the class means form a simplex.

NC1 to NC4 are the four properties of Papyan, Han and Donoho 2020 ("Prevalence of neural collapse
during the terminal phase of deep learning training"). Everywhere N samples, D coordinates and C
classes; ``latent`` is (N, D) finite, ``labels`` is (N,) integers, mu_c is the mean of class c, mu_G
the unweighted mean of the mu_c, and M (C, D) has the rows mu_c - mu_G. Classes are the labels that
occur, in sorted order. All arithmetic is float64.

What takes ``latent`` and ``labels`` also takes the groups of :func:`group_by_class` alone, and what
needs no sample the moments of classes.
"""

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.classes import (
    ClassMoments,
    FloatArray,
    Latent,
    as_labels,
    as_matrix,
    class_moments,
    group_by_class,
)
from lpc_scratch.metrics.pairs import pair_cosines, pair_distances

# Most closenesses of samples to class means that are computed at once, 8 MB of them.
_BLOCK = 2**20


def class_means(latent: Latent, labels: npt.ArrayLike | None = None) -> FloatArray:
    """Mean mu_c of every class that occurs, (C, D), sorted by label.

    Raises ValueError for a malformed ``latent`` or ``labels``.
    """
    return group_by_class(latent, labels).means


def centered_class_means(latent: Latent, labels: npt.ArrayLike | None = None) -> FloatArray:
    """M (C, D), whose rows are mu_c - mu_G, sorted by label.

    mu_G is the mean of the class means, so that a large class weighs as much as a small one.
    Raises ValueError for a malformed ``latent`` or ``labels``.
    """
    return group_by_class(latent, labels).centered_means


def within_class_variability(latent: Latent, labels: npt.ArrayLike | None = None) -> float:
    """NC1: trace(Σ_W Σ_B⁺) / C, the scatter within classes relative to that between them.

    Σ_W is the mean over classes of the class covariance (divided by N_c), Σ_B = Mᵀ M / C, and ⁺
    the pseudo-inverse restricted to the at most min(C - 1, D) directions in which the class
    means differ. Without unit; at least 0; 0 means that every class is one point. Unchanged by
    shifts, rotations and scalings of the latent. inf where all class means coincide; nan where
    moreover all points do. Raises ValueError for a malformed ``latent`` or ``labels``, or fewer
    than two classes. Source: Papyan, Han and Donoho 2020.
    """
    groups = group_by_class(latent, labels, min_classes=2)
    M = groups.centered_means
    if not M.any():
        return np.inf if groups.variances.any() else np.nan
    s, V = mean_axes(M)
    # with W = V S⁻¹, trace(Σ_W W Wᵀ) is the mean over classes of ||(z - mu_c) W||²
    whitened = groups.deviations @ (V / s)
    return float(groups.average((whitened**2).sum(axis=1)).mean() / len(M))


def mean_axes(M: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return s (r,) and V (D, r) with Σ_B = V diag(s²) Vᵀ, where the class means differ; r > 0.

    The s descend, and those that are rounding are left out. ``M`` (C, D) is not 0.
    """
    # M/√C = U S Vᵀ gives Σ_B = V S² Vᵀ without forming a D x D matrix, nor squaring its rounding
    _, s, Vt = np.linalg.svd(M / np.sqrt(len(M)), full_matrices=False)
    rank = min(len(M) - 1, M.shape[1])
    s, Vt = s[:rank], Vt[:rank]
    kept = s > s[0] * max(M.shape) * np.finfo(np.float64).eps  # class means may span less
    return s[kept], Vt[kept].T


def variability_quotient(
    latent: Latent | ClassMoments, labels: npt.ArrayLike | None = None
) -> float:
    """NC1 as a quotient: trace(Σ_W) / trace(Σ_B), all variance within classes over that between.

    Σ_W and Σ_B as in :func:`within_class_variability`. Without unit; at least 0; 0 means that every
    class is one point. Unchanged by shifts, rotations and scalings of the latent. With the
    pseudo-inverse, one direction in which the class means hardly differ makes NC1 large; here the
    directions in which they differ most count most. inf where all class means coincide; nan
    where moreover all points do. Raises ValueError for a malformed ``latent`` or ``labels``, or
    fewer than two classes. Source: Tirer, Huang and Niles-Weed 2023
    ("Perturbation analysis of neural collapse").
    """
    groups = class_moments(latent, labels, min_classes=2)
    within, between = groups.variances.mean(), (groups.centered_means**2).sum(axis=1).mean()
    if between == 0:
        return np.inf if within else np.nan
    return float(within / between)


def cdnv(latent: Latent | ClassMoments, labels: npt.ArrayLike | None = None) -> float:
    """Class-distance normalised variance: mean over pairs of (v_i + v_j) / (2 ||mu_i - mu_j||²).

    v_c is the mean over class c of ||z - mu_c||². Without unit; at least 0; 0 means that every
    class is one point. Unchanged by shifts, rotations and scalings of the latent. Unlike NC1 it
    is large as soon as two classes are close. inf where two classes share their mean; nan where
    they are moreover one single point. Raises ValueError for a malformed ``latent`` or ``labels``,
    or fewer than two classes. Source: Galanti, György and Hutter 2022.
    """
    groups = class_moments(latent, labels, min_classes=2)
    i, j = np.triu_indices(len(groups.classes), k=1)
    v = groups.variances
    with np.errstate(divide="ignore", invalid="ignore"):  # coinciding means: inf or nan
        return float(np.mean((v[i] + v[j]) / (2 * pair_distances(groups.offsets) ** 2)))


def within_class_scatter_trace(latent: Latent, labels: npt.ArrayLike | None = None) -> float:
    """trace(Σ_W), the mean over classes of the mean squared distance to the class mean.

    In squared units of the latent: it shrinks with the latent itself, so read it beside NC1.
    0 means that every class is one point. Raises ValueError for a malformed ``latent`` or
    ``labels``.
    """
    return float(group_by_class(latent, labels).variances.mean())


def mean_class_distance(means: npt.ArrayLike) -> float:
    """Mean over pairs of ||mu_i - mu_j||, for class means (C, D) or M.

    In units of the latent, so read it beside a relative measure such as NC1. 0 means that all
    classes share one point. Raises ValueError unless ``means`` is a finite matrix of two or more
    rows.
    """
    return float(pair_distances(as_matrix(means, "means", min_rows=2)).mean())


def equinorm(vectors: npt.ArrayLike) -> float:
    """NC2, equal norms: std / mean of the norms of the rows, 0 when they are equally long.

    Pass M, or the transposed classifier weight (C, D). Without unit. nan where all rows are 0.
    Raises ValueError unless ``vectors`` is a finite matrix. Source: Papyan, Han and Donoho 2020.
    """
    norms = np.linalg.norm(as_matrix(vectors, "vectors"), axis=1)
    return float(norms.std() / norms.mean()) if norms.any() else np.nan


def equiangularity(M: npt.ArrayLike) -> float:
    """NC2, equal angles: std over pairs of rows of cos(M_c, M_c'), 0 when all angles are equal.

    Between 0 and 1. nan where a row is 0 and so has no direction. Raises ValueError unless
    ``M`` is a finite matrix of two or more rows. Source: Papyan, Han and Donoho 2020.
    """
    return float(pair_cosines(as_matrix(M, "M", min_rows=2)).std())


def max_angle(M: npt.ArrayLike) -> float:
    """NC2, largest angles: mean over pairs of rows of abs(cos(M_c, M_c') + 1/(C - 1)).

    -1/(C - 1) is the smallest cosine that C directions can all have to one another. Between 0
    (simplex) and 2. nan where a row is 0. Raises ValueError unless ``M`` is a finite matrix of
    two or more rows. Source: Papyan, Han and Donoho 2020.
    """
    matrix = as_matrix(M, "M", min_rows=2)
    return float(np.abs(pair_cosines(matrix) + 1 / (len(matrix) - 1)).mean())


def etf_distance(M: npt.ArrayLike) -> float:
    """NC2 in one number: || G/||G||_F - (I - 11ᵀ/C)/√(C-1) ||_F with G = M Mᵀ.

    The second term is the normalised Gram matrix of the simplex equiangular tight frame (ETF).
    Without unit, between 0 (M is a simplex ETF, up to scale and rotation) and √2. It cannot
    reach 0 where D < C - 1. nan where M is 0. Raises ValueError unless ``M`` is a finite matrix
    of two or more rows. Source: Zhu et al. 2021 ("A geometric analysis of neural collapse with
    unconstrained features"), who take it of the classifier's rows.
    """
    matrix = as_matrix(M, "M", min_rows=2)
    if not matrix.any():
        return np.nan
    C = len(matrix)
    gram = matrix @ matrix.T
    simplex = (np.eye(C) - 1 / C) / np.sqrt(C - 1)
    return float(np.linalg.norm(gram / np.linalg.norm(gram) - simplex))


def self_duality(M: npt.ArrayLike, classifier_weight: npt.ArrayLike) -> float:
    """NC3: || W/||W||_F - Mᵀ/||M||_F ||_F² for the classifier's weight W (D, C).

    Without unit, between 0 (every class mean points along its column of W) and 4 (opposite).
    Column c of W must belong to row c of M; the weight of a torch ``Linear`` is transposed, which
    cannot be told where D = C. nan where M or W is 0. Raises ValueError unless both are finite
    matrices and W has the shape of Mᵀ. Source: Papyan, Han and Donoho 2020.
    """
    matrix = as_matrix(M, "M")
    W = as_matrix(classifier_weight, "classifier_weight")
    if W.shape != matrix.T.shape:
        raise ValueError(
            f"classifier_weight must have the shape {matrix.T.shape} of M transposed, "
            f"not {W.shape}; of a torch Linear, whose weight is (K, D), pass weight.T."
        )
    if not (matrix.any() and W.any()):
        return np.nan
    return float(np.sum((W / np.linalg.norm(W) - matrix.T / np.linalg.norm(matrix)) ** 2))


def classifier_mean_share(classifier_weight: npt.ArrayLike) -> float:
    """NC0: K ||w||² / ||W||_F², with w the mean over classes of the columns of W (D, K).

    The share of the squared norm of the classifier that all classes have in common. It drops out of
    the softmax, so the smaller the better: 0 for a centred classifier, which is necessary for NC3;
    1/K for random columns; 1 where all columns are the same. Without unit; unchanged by scaling.
    The softmax has a gradient without this part, so gradient descent without weight decay keeps w
    itself; steps by signs do not. nan where W is 0. Raises ValueError unless W is a finite matrix.
    Source: Zhao et al. 2026 (arXiv 2602.16642), who take the sum K w of the columns, which has the
    scale of W; here it is relative.
    """
    W = as_matrix(classifier_weight, "classifier_weight")
    if not W.any():
        return np.nan
    return float(W.shape[1] * np.sum(W.mean(axis=1) ** 2) / np.sum(W**2))


def nearest_class_mean_disagreement(
    latent: Latent, labels: npt.ArrayLike | None, predictions: npt.ArrayLike
) -> float:
    """NC4: share of samples whose prediction differs from the class of the nearest mean.

    ``predictions`` (N,) are the network's classes; ``labels`` are None for a latent that is already
    grouped. Between 0 (the network decides as the nearest class mean does) and 1. Between equally
    near means the lowest label wins. Raises ValueError for a malformed ``latent``, ``labels`` or
    ``predictions``. Source: Papyan, Han and Donoho 2020.
    """
    groups = group_by_class(latent, labels)
    predicted = as_labels(predictions, "predictions", len(groups.latent))
    # ||x - m||² = ||x||² - 2 (x·m - ||m||²/2), so the nearest m has the largest bracket; x and m
    # are measured from the first sample
    m = groups.offsets
    threshold = groups.latent[0] @ m.T + (m**2).sum(axis=1) / 2
    blocks = np.array_split(groups.latent, 1 + len(predicted) * len(m) // _BLOCK)
    nearest = np.concatenate([(x @ m.T - threshold).argmax(axis=1) for x in blocks])
    return float(np.mean(groups.classes[nearest] != predicted))
