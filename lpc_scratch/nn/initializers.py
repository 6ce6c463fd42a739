"""Initial weights, drawn on the host so that every device starts from the same bits."""

from collections.abc import Callable

import numpy as np

from lpc_scratch.backend import Array

Initializer = Callable[[np.random.Generator, int, int, int], tuple[Array, Array]]
"""Draws W (I, O) and b (1, O); the last number is at how many places an input meets a column of W:
1, or the pixels of a kernel."""


def pytorch(
    rng: np.random.Generator, fan_in: int, fan_out: int, places: int = 1
) -> tuple[Array, Array]:
    """W and b uniform in ±1/sqrt(I): the default of `torch.nn.Linear`, and of this package."""
    bound = fan_in**-0.5
    W = rng.uniform(-bound, bound, (fan_in, fan_out))
    return W, rng.uniform(-bound, bound, (1, fan_out))


def he(rng: np.random.Generator, fan_in: int, fan_out: int, places: int = 1) -> tuple[Array, Array]:
    """W normal with variance 2/I, b zero (He et al. 2015): keeps the scale through ReLU."""
    return rng.normal(0, (2 / fan_in) ** 0.5, (fan_in, fan_out)), np.zeros((1, fan_out))


def glorot(
    rng: np.random.Generator, fan_in: int, fan_out: int, places: int = 1
) -> tuple[Array, Array]:
    """W uniform in ±sqrt(6/(I + places O)), b zero (Glorot and Bengio 2010)."""
    bound = (6 / (fan_in + places * fan_out)) ** 0.5
    return rng.uniform(-bound, bound, (fan_in, fan_out)), np.zeros((1, fan_out))


INITIALIZERS: dict[str, Initializer] = {"pytorch": pytorch, "he": he, "glorot": glorot}
"""The initialisers by the names that a configuration uses."""
