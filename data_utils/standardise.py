"""The scale and shift that give every feature mean 0 and standard deviation 1."""

import numpy as np

BLOCK = 1024  # rows converted to float64 at a time, to stay far below a copy of the data


def standardisation(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute what standardises each feature of a training set.

    Parameters
    ----------
    x : (N, I) float32 array
        Finite inputs.

    Returns
    -------
    scale, shift : (I,) float32 arrays
        ``x * scale + shift`` has mean 0 and standard deviation 1 in each feature. A constant
        feature has no standard deviation; its scale is 1, so it becomes 0.
    """
    mean = x.mean(axis=0, dtype=np.float64)
    squares = np.zeros_like(mean)
    for start in range(0, len(x), BLOCK):
        centred = x[start : start + BLOCK] - mean
        squares += np.einsum("ni,ni->i", centred, centred)
    deviation = np.sqrt(squares / len(x))
    # Rounding can give a constant feature a tiny deviation, so compare the values themselves;
    # and the inverse of a deviation below the smallest normal float32 is not finite.
    constant = (x.min(axis=0) == x.max(axis=0)) | (deviation < np.finfo(np.float32).tiny)
    scale = 1 / np.where(constant, 1.0, deviation)
    return scale.astype(np.float32), (-mean * scale).astype(np.float32)
