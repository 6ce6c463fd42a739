"""What a trained network may be shown: anything array-like, checked and brought to its device."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.backend import Array, Backend


def as_inputs(
    x: ArrayLike, features: int, stack: tuple[int, ...], dtype: Any, backend: Backend
) -> Array:
    """Return inputs as an array of a network's dtype on its device; no copy where they are one.

    Parameters
    ----------
    x : array-like (I,), (N, I) or (..., N, I)
        Booleans, integers or floating-point numbers of any precision, on the host or the device.
    features : int
        I.
    stack : tuple of int
        Leading axes of the network: with E members, x has none of them or (E, N, I).
    dtype : numpy dtype
        float32 or float64.
    backend : Backend
        Where the network lives.

    Returns
    -------
    array of the shape of x

    Raises
    ------
    ValueError
        For another last axis, other leading axes, no axis at all, or what is no real number.
    """
    on_device = type(x) is backend.xp.ndarray
    array: Any = x if on_device else np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"inputs must be real numbers, and are {array.dtype}")
    if not array.ndim or array.shape[-1] != features:
        raise ValueError(f"inputs must have shape (N, {features}), and have {array.shape}")
    if stack and array.ndim > 2 and array.shape[:-2] != stack:
        raise ValueError(
            f"inputs of {stack[0]} networks must have shape (N, {features}) or "
            f"({stack[0]}, N, {features}), and have {array.shape}"
        )
    array = array.astype(dtype, copy=False)
    return array if on_device else backend.to_device(array)
