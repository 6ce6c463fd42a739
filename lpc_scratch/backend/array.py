"""The array type that the package's signatures name."""

from typing import Any, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""A NumPy array; on the GPU a CuPy array, which answers to the same calls."""
