"""What a network is shown: inputs as stored, checked, standardised and brought to its device."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.backend import Array, Backend, get_backend


@dataclass(frozen=True, eq=False)
class Standardisation:
    """How inputs as stored become what the layers compute with.

    x = (stored - mean) / deviation * scale + shift. Pixels have a scale and a shift alone, features
    of one's own a mean and a deviation alone. The default changes nothing.

    Attributes
    ----------
    scale, shift : float, or float64 host array (I,)
        The same for all features, or of every feature its own.
    mean, deviation : float64 host array (I,) or None
        Of every feature. This part is computed in float64: a small variation about a large mean
        is not lost before the mean is subtracted.
    """

    scale: float | Array = 1.0
    shift: float | Array = 0.0
    mean: Array | None = None
    deviation: Array | None = None

    def factors(self, dtype: Any, backend: Backend) -> tuple[float | Array, float | Array]:
        """Return scale and shift for arrays of a floating-point dtype: numbers, or there (I,)."""
        scale, shift = (
            backend.to_device(f.astype(dtype)) if isinstance(f, np.ndarray) else f
            for f in (self.scale, self.shift)
        )
        return scale, shift

    def __call__(self, stored: Array, dtype: Any, backend: Backend) -> Array:
        """Return stored inputs (..., I) of a backend, standardised, in a floating-point dtype.

        They are not copied where there is nothing to do.
        """
        x: Array = stored
        if self.mean is not None and self.deviation is not None:
            x = (x - backend.to_device(self.mean)) / backend.to_device(self.deviation)
        if np.all(self.scale == 1) and np.all(self.shift == 0):
            return x.astype(dtype, copy=False)
        scale, shift = self.factors(dtype, backend)
        x = backend.xp.multiply(x, scale, dtype=dtype)
        x += shift
        return x


def as_inputs(
    stored: ArrayLike,
    standardisation: Standardisation,
    features: int,
    stack: tuple[int, ...],
    dtype: Any,
    backend: Backend,
) -> Array:
    """Return inputs as a network computes with them, on its device.

    Parameters
    ----------
    stored : array-like (I,), (N, I) or (..., N, I)
        Booleans, integers or floating-point numbers of any precision, on the host or the device.
    standardisation : Standardisation
        What is done to them.
    features : int
        I.
    stack : tuple of int
        Leading axes of the network: with E members, inputs have none of them or (E, N, I).
    dtype : numpy dtype
        float32 or float64.
    backend : Backend
        Where the network lives.

    Returns
    -------
    array of the shape of `stored`
        Not a copy where there is nothing to do.

    Raises
    ------
    ValueError
        For another last axis, other leading axes, no axis at all, what is no real number, or
        numbers of the host that are not finite in `dtype`.
    """
    on_device = type(stored) is backend.xp.ndarray
    array: Any = stored if on_device else np.asarray(stored)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"inputs must be real numbers, and are {array.dtype}")
    if not array.ndim or array.shape[-1] != features:
        raise ValueError(f"inputs must have shape (N, {features}), and have {array.shape}")
    if stack and array.ndim > 2 and array.shape[:-2] != stack:
        raise ValueError(
            f"inputs of {stack[0]} networks must have shape (N, {features}) or "
            f"({stack[0]}, N, {features}), and have {array.shape}"
        )
    if type(array) is not np.ndarray:
        return standardisation(array, dtype, backend)
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        x = standardisation(array, dtype, get_backend("cpu"))
    wrong = ~np.isfinite(x)
    if wrong.any():
        raise ValueError(
            f"inputs must be finite numbers in the range of {x.dtype}, and hold {array[wrong][0]}"
        )
    return backend.to_device(x)
