"""How a classifier grows under an optimiser, to first order: which code it writes, and how plainly.

Of free points (:mod:`lpc_scratch.theory.free_features`) that follow the classifier at once, dF/dw_k
is -(1-p+q) z_k/K, less the mean over classes. The points are z_k = t a_k for a penalty on ||z_k||,
and otherwise turned, as there: by the power p of ``lp``, z_ki ~ sign(a_ki) |a_ki|^(1/(p-1)), and
for ``max``, here p = infinity, z_ki ~ sign(a_ki) Σ_j |a_kj|. An optimiser that descends steepest in
a norm takes the step D(z), the direction of that norm in which <z, D> is the largest, times a
learning rate:

    entrywise r-norm     sign(z) |z|^(1/(r-1))      r = 2: z, r = infinity: sign(z)
    spectral norm        U Vᵀ, of z = U S Vᵀ

each scaled to the root mean square 1. So W_y(0), the learning rates and the norm decide the code.
What this leaves out: the classes' points are not free at first, and where probabilities are no
longer flat the pull differs from class to class (curvature, which evens out the angles).

With r = 2 and a penalty on ||z_k||, A keeps its direction, whatever the rate: gradient descent
too. Adam divides by its root of squares plus epsilon: z/(|z| + c) with c = epsilon over the size of
a gradient's entry, which is `fading_epsilon` at the size that A has by then.
"""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_STEPS = 200  # of the simulation: half as many change no prediction by a hundredth


def grown_points(
    classes: int,
    latent_dim: int,
    rate_sum: float,
    descent: float | Literal["spectral"] = math.inf,
    penalty_power: float = 2.0,
    epsilon_share: Callable[[float], float] | None = None,
    starts: int = 8,
    seed: int = 0,
) -> FloatArray:
    """Return the points of the classes, up to a scale, after some learning, (starts, K, D).

    Parameters
    ----------
    classes, latent_dim : int
        K, at least 2, and D.
    rate_sum : float
        Sum of the classifier's learning rates over all steps, at least 0.
    descent : float or "spectral"
        r, above 1, or infinity; or the spectral norm.
    penalty_power : float
        p, above 1: 2 for ``exp``, ``exp-sample`` and ``l2``, infinity for ``max``.
    epsilon_share : callable, optional
        Takes ||A||_F and returns epsilon over the size of a gradient's entry there.
    starts, seed : int
        How many initial classifiers, uniform in ±1/√D as by default, and the seed of them.

    Raises
    ------
    ValueError
        For a number out of its range.
    """
    if classes < 2 or latent_dim < 1 or rate_sum < 0:
        raise ValueError(
            "grown_points needs classes >= 2, latent_dim >= 1 and rate_sum >= 0, not "
            f"{classes}, {latent_dim} and {rate_sum}."
        )
    if penalty_power <= 1 or (descent != "spectral" and descent <= 1):
        raise ValueError(f"powers must be above 1, not {descent} and {penalty_power}.")
    bound = latent_dim**-0.5
    A = np.random.default_rng(seed).uniform(-bound, bound, (starts, classes, latent_dim))
    A -= A.mean(axis=1, keepdims=True)
    for _ in range(_STEPS):
        z = _follow(A, penalty_power)
        if descent == "spectral":
            step = _polar(z)
        elif epsilon_share:
            size = float(np.linalg.norm(A, axis=(1, 2)).mean())
            step = z / (np.abs(z) + _rms(z) * epsilon_share(size))
        else:
            step = _power(z, descent)
        step *= rate_sum / _STEPS
        A += step - step.mean(axis=1, keepdims=True)
    return _follow(A, penalty_power)


def _follow(A: FloatArray, penalty_power: float) -> FloatArray:
    """Return the points of free classes, with the root mean square 1 for every start."""
    if penalty_power < math.inf:
        return _power(A, penalty_power)
    z = np.sign(A) * np.abs(A).sum(axis=2, keepdims=True)
    return z / _rms(z)


def _power(x: FloatArray, power: float) -> FloatArray:
    """sign(x) |x|^(1/(power-1)), with the root mean square 1 for every start."""
    largest = np.abs(x).max(axis=(1, 2), keepdims=True)
    y = np.sign(x) * (np.abs(x) / largest) ** (1 / (power - 1))
    return y / _rms(y)


def _polar(x: FloatArray) -> FloatArray:
    """U Vᵀ of x = U S Vᵀ in the directions that x has, times √max(K, D)."""
    U, s, Vt = np.linalg.svd(x, full_matrices=False)
    there = (s > 1e-9 * s[:, :1])[:, :, None]
    return U @ (there * Vt) * math.sqrt(max(x.shape[1:]))


def _rms(x: FloatArray) -> FloatArray:
    return np.sqrt(np.mean(x**2, axis=(1, 2), keepdims=True))
