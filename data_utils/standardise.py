"""Give every feature mean 0 and standard deviation 1."""

import numpy as np

from data_utils.errors import DatasetError

BLOCK = 1024  # rows in float64 at a time, to stay far below a copy of the data


def standardise(
    x_train: np.ndarray, x_test: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Standardise both sets by the mean and standard deviation of the training set.

    All arithmetic is float64, so that a small variation about a large mean (a time stamp) is not
    lost before the mean is subtracted.

    Parameters
    ----------
    x_train, x_test : (N, I) and (M, I) arrays
        Finite numbers of any dtype.

    Returns
    -------
    x_train, x_test : float32 arrays
        Each feature of `x_train` has mean 0 and standard deviation 1; a constant feature is 0.
    mean, deviation : (I,) float64 arrays
        What was subtracted, and what was divided by (1 for a constant feature).

    Raises
    ------
    DatasetError
        If a value of `x_test` is so far from the training set that float32 cannot hold it.
    """
    mean = x_train.mean(axis=0, dtype=np.float64)
    squares = np.zeros_like(mean)
    for start in range(0, len(x_train), BLOCK):
        centred = x_train[start : start + BLOCK] - mean
        squares += np.einsum("ni,ni->i", centred, centred)
    deviation = np.sqrt(squares / len(x_train))
    # Rounding can give a constant feature a tiny deviation, so compare the values themselves.
    constant = (x_train.min(axis=0) == x_train.max(axis=0)) | (deviation == 0)
    deviation[constant] = 1

    def apply(x: np.ndarray) -> np.ndarray:
        result = np.empty(x.shape, np.float32)
        with np.errstate(over="ignore"):  # reported below
            for start in range(0, len(x), BLOCK):
                rows = slice(start, start + BLOCK)
                result[rows] = (x[rows] - mean) / deviation
        return result

    standardised_test = apply(x_test)
    finite = np.isfinite(standardised_test)
    if not finite.all():
        row, feature = np.unravel_index(int(finite.argmin()), finite.shape)
        raise DatasetError(
            f"feature {feature} of x_test[{row}] is too many standard deviations of x_train from "
            "its mean: check that both are in the same units"
        )
    return apply(x_train), standardised_test, mean, deviation
