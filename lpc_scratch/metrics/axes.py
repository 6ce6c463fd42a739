"""Whether the class means prefer the axes of the latent, and whose signs their code repeats.

A code of ±c is binary in the axes of the latent and in no others: a rotation keeps all distances
between the points, and so every measure of collapse, but not the code. What a rotation changes
tells the axes of an optimiser or of a penalty from those of the data.

Everywhere C classes, D coordinates and ``means`` (C, D), the finite class means. All arithmetic is
float64.
"""

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.classes import FloatArray, IntArray, as_matrix

MAX_AXES = 128
"""Most axes of a rotated basis that are looked at, for a hidden layer has hundreds."""


def entry_kurtosis(means: npt.ArrayLike) -> float:
    """Kurtosis Σx⁴/n / (Σx²/n)² of the n = C·D entries x of the class means.

    1 means that all entries are +c or -c, with one c for all coordinates; below about 1.35 a code
    is plainly binary. A uniform distribution around 0 has 1.8, a Gaussian one 3, and n where only
    one entry is not 0: sparse coordinates, whose peaks are far apart too, are told from binary
    ones. Without unit; unchanged by scaling.

    The entries are taken as they are, about 0 and not about their mean over the classes: a code
    with more + than - in a coordinate would not be two opposite values about that mean, and a
    penalty draws the latent to 0. What a shift of the latent does is therefore seen: the outputs of
    a ReLU are not around 0. nan where all means are 0. Raises ValueError unless ``means`` is a
    finite matrix.
    """
    x = as_matrix(means, "means")
    largest = np.abs(x).max()
    if largest == 0:
        return np.nan
    squares = (x / largest) ** 2  # scaled, for the fourth power of a small latent is 0
    return float(np.mean(squares**2) / np.mean(squares) ** 2)


def rotated_kurtosis(means: npt.ArrayLike, seed: int = 0) -> float:
    """Kurtosis of the same class means in a random basis, drawn once for each seed and D.

    What :func:`entry_kurtosis` would be if the axes of the latent were axes like any others. The
    basis is uniformly distributed (Haar); of its D axes the first MAX_AXES are taken. Its
    expectation over bases is near 3 D/(D + 2), for equally long means: 2.67 at D = 16. A value near
    1 says that the code is binary in that basis. nan where all means are 0. Raises ValueError
    unless ``means`` is a finite matrix.
    """
    x = as_matrix(means, "means")
    return entry_kurtosis(x @ random_axes(x.shape[1], seed))


def initial_code_share(
    means: npt.ArrayLike, classes: IntArray, initial_classifier: npt.ArrayLike
) -> float:
    """Share of the code bits that are the signs of the centred initial classifier.

    Between 0 and 1: 1 where the code of every class was written at initialisation, 1/2 by chance.
    The code of a class is where its mean is positive. A(0) is the classifier W(0) before training
    less the mean of its K columns, because that mean drops out of the softmax; bit d of class k is
    compared with A(0)_dk > 0. Descent by the signs of the gradient, as Adam's, keeps the signs of
    A where a latent point is small and follows its column.

    Parameters
    ----------
    means : (C, D) finite
        Means of the classes that occur.
    classes : (C,) integers in 0..K-1
        Which they are.
    initial_classifier : (D, K) finite
        W(0), whose column k belongs to class k.

    Raises
    ------
    ValueError
        Unless both are finite matrices, with as many rows of W(0) as columns of the means, and a
        column for every class.
    """
    mu = as_matrix(means, "means")
    W = as_matrix(initial_classifier, "initial_classifier")
    if len(W) != mu.shape[1] or classes.min() < 0 or classes.max() >= W.shape[1]:
        raise ValueError(
            f"initial_classifier must have shape ({mu.shape[1]}, K), with a column for each of the "
            f"classes {classes.min()}..{classes.max()}, not {W.shape}."
        )
    A = W - W.mean(axis=1, keepdims=True)
    return float(np.mean((mu > 0) == (A.T[classes] > 0)))


def random_axes(dims: int, seed: int = 0) -> FloatArray:
    """Return the first MAX_AXES columns of a random orthogonal matrix (D, D), Haar-distributed."""
    noise = np.random.default_rng(seed).normal(size=(dims, min(dims, MAX_AXES)))
    Q, R = np.linalg.qr(noise)
    # the signs of a QR decomposition are the routine's choice: with R's diagonal positive it is
    # unique, and the distribution uniform (Mezzadri, arXiv math-ph/0609050)
    return Q * np.sign(np.diag(R))
