"""Equilibrium at the latent layer: cross-entropy pulls points out, the penalty pushes them in.

The forces on z_b are those of L = CE + gamma P: dL/dz_b = dCE/ds_b W_yᵀ + gamma dP/dz_b.
Where the latent layer z = h W_z + b_z has stopped learning, dL/dW_z = 0 and dL/db_z = 0, and so
Σ_b z_b · dL/dz_b = <W_z, dL/dW_z> + <b_z, dL/db_z> = 0: along z, the forces cancel on average.

Source of the bound on the norm: arXiv 2310.08224. Everywhere one network, N samples, D
coordinates and K classes; ``latent`` is (N, D), ``labels`` is (N,) integers in 0..K-1, ``logits``
is (N, K). All arithmetic is float64.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.classes import FloatArray, IntArray, as_classes, as_matrix, as_scores


@dataclass(frozen=True)
class Balance:
    """Both forces at the latent layer, and a bound of the latent norm at which they balance.

    All are means over samples; a force is that on one sample, without the 1/N of the loss.

    Attributes
    ----------
    pull : length of the force of cross-entropy, N ||dCE/ds_b W_yᵀ||
    push : length of the force of the penalty, N ||gamma dP/dz_b||
    norm : ||z_b||
    norm_bound : ||z_b|| / push_b * (1 - p_y) max_i ||w_y - w_i||

    Notes
    -----
    Where dL/dz_b = 0 for every sample, ``norm`` is the mean of ||z_b|| pull_b / push_b, and
    ``norm_bound`` is never below that mean for the plain softmax p = softmax(s), with w_k the
    columns of W_y, because there the pull is ||Σ_i p_i (w_i - w_y)||. The double softmax has a
    ``pull`` from its own gradient, but not this bound. For ``l2``, ||z_b|| / push_b is
    1 / (2 gamma / D).

    The bound leaves out the samples without a push, such as those with z_b = 0, and is nan where
    no sample has one.
    """

    pull: float
    push: float
    norm: float
    norm_bound: float


def margin(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean over samples of s_y - max_{k ≠ y} s_k, by how much the true class leads.

    In units of the logits; negative where the network is wrong on balance. Raises ValueError for
    malformed ``logits`` or ``labels``, or fewer than two classes.
    """
    s = as_scores(logits, "logits")
    y = as_classes(labels, s)
    rows = np.arange(len(s))
    others = s.copy()
    others[rows, y] = -np.inf
    return float(np.mean(s[rows, y] - others.max(axis=1)))


def balance(
    latent: npt.ArrayLike,
    labels: npt.ArrayLike,
    logits: npt.ArrayLike,
    classifier_weight: npt.ArrayLike,
    dlogits: npt.ArrayLike,
    dpenalty: npt.ArrayLike,
) -> Balance:
    """Measure the pull of cross-entropy and the push of the penalty on the latent.

    Parameters
    ----------
    latent, labels, logits
        z, y and s, as above.
    classifier_weight : (D, K) finite
        W_y, whose column k is w_k.
    dlogits : (N, K) finite
        Gradient of the cross-entropy, a mean over the N samples, with respect to the logits.
    dpenalty : (N, D) finite
        gamma dP/dz, the gradient of the penalty with respect to the latent.

    Raises
    ------
    ValueError
        For a malformed argument, shapes that do not fit together, or fewer than two classes.
    """
    s = as_scores(logits, "logits")
    y = as_classes(labels, s)
    N, K = s.shape
    D = as_matrix(latent, "latent").shape[1]
    z = _matrix_of_shape(latent, "latent", (N, D))
    W = _matrix_of_shape(classifier_weight, "classifier_weight", (D, K))
    ds = _matrix_of_shape(dlogits, "dlogits", (N, K))
    dz = _matrix_of_shape(dpenalty, "dpenalty", (N, D))

    norm = np.linalg.norm(z, axis=1)
    pull = N * np.linalg.norm(ds @ W.T, axis=1)
    push = N * np.linalg.norm(dz, axis=1)
    # the row of every class holds its distance to itself, 0, which is never larger than the others
    reach = np.array([np.linalg.norm(W.T - w, axis=1).max() for w in W.T])
    strongest_pull = _error_probability(s, y) * reach[y]

    pushed = push > 0
    softness = norm[pushed] / push[pushed]  # ||z_b|| for every unit of push
    return Balance(
        pull=float(pull.mean()),
        push=float(push.mean()),
        norm=float(norm.mean()),
        norm_bound=float(np.mean(softness * strongest_pull[pushed])) if pushed.any() else np.nan,
    )


def _error_probability(s: FloatArray, y: IntArray) -> FloatArray:
    """1 - p_y of p = softmax(s), (N,), as the sum of the others: p_y may round to 1."""
    weights = np.exp(s - s.max(axis=1, keepdims=True))
    total = weights.sum(axis=1)
    weights[np.arange(len(s)), y] = 0
    return weights.sum(axis=1) / total


def _matrix_of_shape(values: npt.ArrayLike, name: str, shape: tuple[int, int]) -> FloatArray:
    """Return ``values`` as a finite float64 matrix of ``shape``."""
    matrix = as_matrix(values, name)
    if matrix.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, not {matrix.shape}.")
    return matrix
