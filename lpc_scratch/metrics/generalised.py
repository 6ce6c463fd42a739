"""Neural collapse beyond a balanced simplex: many classes, duality by directions, unknown inputs.

With more than D + 1 classes no simplex fits into D coordinates, and the class means can only be
spread evenly over directions (GNC2: Jiang et al. 2023, "Generalized neural collapse for a large
number of classes", arXiv 2310.05351; Liu, Yu, Weller and Schölkopf 2023, "Generalizing and
decoupling neural collapse via hyperspherical uniformity gap", arXiv 2303.06484). M (C, D) has the
centred class means as rows, W (D, C) the classifier's columns of these classes.
"""

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.classes import FloatArray, as_matrix
from lpc_scratch.metrics.pairs import pair_distances


def direction_kernels(M: npt.ArrayLike) -> dict[str, float]:
    """GNC2: kernels of the distances d between every two directions M_c/||M_c||, over pairs.

    Returns
    -------
    dict
        ``gnc2_distance``, the variance of d, 0 when all are equally far; ``gnc2_log`` and
        ``gnc2_log_variance``, mean and variance of log(1/d), in nats, the mean lowest when
        directions are spread evenly; ``gnc2_riesz``, the mean of 1/d, the Riesz kernel with s = 1
        (Liu et al. take s = D - 2, which is beyond float64 for hundreds of coordinates).

    Notes
    -----
    Of a simplex d² = 2 C/(C - 1), so that the mean log is -log(2 C/(C - 1))/2. inf where two
    directions coincide, all nan where a row is 0. Raises ValueError unless ``M`` is a finite matrix
    of two or more rows.
    """
    matrix = as_matrix(M, "M", min_rows=2)
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    names = ("gnc2_distance", "gnc2_log", "gnc2_log_variance", "gnc2_riesz")
    if not norms.all():
        return dict.fromkeys(names, np.nan)
    d = pair_distances(matrix / norms)
    with np.errstate(divide="ignore", invalid="ignore"):  # directions that coincide
        log = -np.log(d)
        found = (d.var(), log.mean(), log.var(), np.mean(1 / d))
    return dict(zip(names, map(float, found), strict=True))


def duality_structure(M: npt.ArrayLike, classifier_weight: npt.ArrayLike) -> float:
    """NC3 by structure: || A/||A||_F - (I - 11ᵀ/C)/√(C-1) ||_F with A = Wᵀ Mᵀ.

    Without unit, between 0 (means and classifier form the same simplex) and 2. Unlike
    :func:`~lpc_scratch.metrics.self_duality` it asks for a simplex too. nan where A is 0. Raises
    ValueError unless both are finite matrices and W has the shape of Mᵀ. Source: Zhu et al. 2021,
    as in Kothapalli 2023 (arXiv 2206.04041).
    """
    matrix, W = as_matrix(M, "M", min_rows=2), as_matrix(classifier_weight, "classifier_weight")
    A, C = W.T @ matrix.T, len(matrix)
    if not A.any():
        return np.nan
    simplex = (np.eye(C) - 1 / C) / np.sqrt(C - 1)
    return float(np.linalg.norm(A / np.linalg.norm(A) - simplex))


def duality_cosines(M: npt.ArrayLike, classifier_weight: npt.ArrayLike) -> FloatArray:
    """cos(w_c, M_c) of every class, (C,): 1 where the class mean points along its column of W.

    Their mean is NC3 by directions, and their standard deviation the uniform NC3 of Wu and Papyan
    2024 ("Linguistic collapse", arXiv 2405.17767): 0 where all classes are equally aligned, however
    well. nan where a vector is 0. Raises ValueError unless both are finite matrices.
    """
    matrix, W = as_matrix(M, "M"), as_matrix(classifier_weight, "classifier_weight")
    lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(W, axis=0)
    with np.errstate(invalid="ignore"):  # 0 / 0
        return np.einsum("cd,dc->c", matrix, W) / lengths


def orthogonality_to_unknown(means: npt.ArrayLike, unknown_mean: npt.ArrayLike) -> float:
    """NC5: mean over classes of |cos(mu_c, mu_u)|, with mu_u the mean (D,) of unknown inputs.

    Without unit, between 0 (unknown inputs are orthogonal to all classes) and 1. The class means
    are not centred. nan where a vector is 0. Raises ValueError unless ``means`` is a finite matrix.
    Source: Ben Ammar et al. 2024 (arXiv 2310.06823).
    """
    mu, unknown = as_matrix(means, "means"), np.asarray(unknown_mean, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # 0 / 0
        cosines = mu @ unknown / (np.linalg.norm(mu, axis=1) * np.linalg.norm(unknown))
    return float(np.abs(cosines).mean())
