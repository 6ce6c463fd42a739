"""What the figures ask of the arrays that they are given."""

from collections.abc import Sized

import numpy as np
import numpy.typing as npt


def shaped(values: npt.ArrayLike, name: str, shape: tuple[int | None, ...]) -> npt.NDArray:
    """Return values as a float64 array of a shape, in which None is any length.

    ValueError names them where they have another shape.
    """
    array = np.asarray(values, dtype=np.float64)
    fits = [n in (None, m) for n, m in zip(shape, array.shape, strict=False)]
    if array.ndim != len(shape) or not all(fits):
        wanted = tuple("any" if n is None else n for n in shape)
        raise ValueError(f"{name} must have shape {wanted}, not {array.shape}.")
    return array


def check_number(shown: Sized, most: int, what: str, least: int = 1) -> None:
    """Raise ValueError for fewer than `least`, or more than can be told apart in one panel."""
    if not least <= len(shown) <= most:
        raise ValueError(f"there is room for {least} to {most} {what}, not for {len(shown)}.")
