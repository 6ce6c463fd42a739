"""Memory for intermediate results, so that a step allocates none."""

import math
import threading
from typing import Any

import numpy as np

from lpc_scratch.backend.array import Array

PATCHES = 2**28
"""Bytes that the patches of a convolution may take on a GPU at once."""


class Scratch(threading.local):
    """Arrays that are reused from call to call; each thread has its own."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[Any, int], Array] = {}

    def __call__(self, shape: tuple[int, ...], dtype: Any, index: int = 0) -> Array:
        """Return an uninitialised array; it is overwritten by the next of its dtype and index."""
        size, key = math.prod(shape), (np.dtype(dtype), index)
        array = self._arrays.get(key)
        if array is None or array.size < size:
            array = self._arrays[key] = np.empty(size, dtype)
        return array[:size].reshape(shape)


scratch = Scratch()
