"""Random generators derived from (seed, purpose, epoch).

Nothing random is carried from one epoch to the next, so that a run can be resumed at any
epoch without a saved generator, and every member of a stack draws what it would draw alone.
"""

from typing import Literal

import numpy as np

Purpose = Literal["weights", "shuffle", "dropout", "augmentation"]

_PURPOSES: dict[Purpose, int] = {"weights": 0, "shuffle": 1, "dropout": 2, "augmentation": 3}
_OF_LAYERS = ("dropout", "augmentation")  # drawn in every step, wherever the network is


def generator(seed: int, purpose: Purpose, epoch: int = 0, layer: int = 0) -> np.random.Generator:
    """Return the host's generator for one purpose in one epoch.

    Parameters
    ----------
    seed : int
        Seed of the network, at least 0.
    purpose : {"weights", "shuffle", "dropout", "augmentation"}
        What the numbers are for; streams of different purposes are independent.
    epoch, layer : int
        Epoch and layer that the numbers are for, at least 0.

    Returns
    -------
    numpy.random.Generator
        A Philox generator for dropout and augmentation, whose n-th number can be computed without
        the others, so that a GPU draws the same; otherwise SFC64, NumPy's fastest.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(_PURPOSES[purpose], epoch, layer))
    bits = np.random.Philox if purpose in _OF_LAYERS else np.random.SFC64
    return np.random.Generator(bits(sequence))
