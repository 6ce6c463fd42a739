"""The largest centred classifier in a ball of a norm, and what it looks like.

To first order in A, the centred classifier (K, D) with rows a_k, free points under a large gamma
have the loss log K - ||A||_F²/(4 g K), g = gamma/D: they are z_k = a_k/(2g), a copy of it. An
optimiser that is steepest descent in a norm therefore drives W towards the largest ||A||_F in a
ball of that norm. Here W is (K, D), with a row for every class, and the norms are

- entrywise: (Σ |w_ki|^p)^(1/p): plain gradient descent at p = 2, and at infinity, where it is
  max |w_ki|, sign descent and what resembles it, such as Adam;
- Schatten: (Σ σ_i^p)^(1/p) of the singular values: gradient descent again at p = 2, Muon at
  infinity (the spectral norm); p = 1 is the nuclear norm.

**Schatten.** Centring is a projection and makes no singular value larger. A has rank r <= min(K-1,
D), and by the power mean ||A||_F <= r^(1/2-1/p) times the norm for p >= 2, with equality where all
r are equal: with D >= K-1, A Aᵀ is then a multiple of I - 11ᵀ/K, a simplex, in any rotation. For
p < 2 one singular value is best: rank 1. **Entrywise**, the same power mean goes by entries: for
p > 2, ||A||_F <= ||W||_F <= (K D)^(1/2-1/p) times the norm, with equality where all |w_ki| are
equal and each column has as many + as -: for even K all maximisers are binary. For odd K the
columns are equal in norm, and the best column is found below. At p = 2 every centred W does.
"""

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Norm = Literal["entrywise", "schatten"]


def maximiser(norm: Norm, power: float, classes: int, latent_dim: int) -> FloatArray:
    """Return a W (K, D) of norm 1 with the largest ||A||_F, one of many.

    Parameters
    ----------
    norm : {"entrywise", "schatten"}
        Which kind.
    power : float
        p, at least 1; infinity for max |w_ki| and for the spectral norm.
    classes, latent_dim : int
        K >= 2 and D.

    Raises
    ------
    ValueError
        For another power or fewer classes.

    Notes
    -----
    Among the maximisers are some of rank 1 wherever the entries decide: first order does not ask
    whether classes differ. That the classes go apart is due to the start and to second order.
    """
    if not power >= 1 or classes < 2 or latent_dim < 1:
        raise ValueError(
            "a ball needs power >= 1, at least 2 classes and 1 dimension, not "
            f"{power}, {classes} and {latent_dim}."
        )
    W = np.zeros((classes, latent_dim))
    if norm == "schatten":
        rank = min(classes - 1, latent_dim) if power >= 2 else 1
        basis = np.linalg.svd(np.eye(classes) - 1 / classes)[0]
        W[:, :rank] = basis[:, :rank] * rank ** (-1 / power)
        return W
    columns = latent_dim if power >= 2 else 1
    for d in range(columns):
        W[:, d] = np.roll(best_column(classes, power), d) * columns ** (-1 / power)
    return W


def largest_norm(norm: Norm, power: float, classes: int, latent_dim: int) -> float:
    """Return the largest ||A||_F in the ball of radius 1; it grows as the radius.

    Parameters and errors are those of `maximiser`. For max |w_ki| it is √(D K) for even K and
    √(D (K - 1/K)) for odd K; for the spectral norm √min(K-1, D); for the nuclear norm 1.
    """
    W = maximiser(norm, power, classes, latent_dim)
    return float(np.linalg.norm(W - W.mean(axis=0)))


def best_column(classes: int, power: float) -> FloatArray:
    """Return x (K,) with (Σ |x_k|^p)^(1/p) = 1 and the largest ||x - mean||, up to order and sign.

    With m entries alpha and K - m entries -beta, ||x - mean||² = m (K-m)/K (alpha + beta)², which
    is largest at alpha : beta = (K-m)^s : m^s, s = 1/(p-1). For p >= 2 the best m is K//2: two
    equal sizes for even K, unequal ones for odd K, where p is finite. For p < 2 it is m = 1, one
    class against the rest; with few classes and p near 2, one class against one other, and zeros,
    is better (2^(1-2/p): for three to five classes at p = 1.8). That nothing else is better was
    searched numerically (K up to 15, p from 1.05 to 30), not proven, but for p = 1, p = infinity,
    and for even K and p > 2.
    """
    K, p = classes, power
    s = 1 / (p - 1) if p > 1 else math.inf
    m = K // 2 if p >= 2 else 1
    ratio = (m / (K - m)) ** s  # beta / alpha, at most 1
    x = np.repeat([1.0, -ratio], [m, K - m])
    pair = np.zeros(K)
    pair[:2] = 1, -1
    candidates = [c / np.linalg.norm(c, ord=p) for c in (x, pair)]
    return max(candidates, key=lambda c: float(c.var()))
