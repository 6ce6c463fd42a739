"""What an attack returns, and how it is counted."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lpc_scratch.backend import Array


@dataclass(frozen=True, eq=False)
class AttackResult:
    """Images, what an attack made of them, and what the networks say to that; host arrays.

    Attributes
    ----------
    images : (N, I) or (E, N, I) the images before, in pixel units
    adversarials : (..., N, I) the images after, as before where nothing had to be done
    correct : (..., N) bool, whether the network is right about the image before
    flipped : (..., N) bool, whether the network takes the image after for another class than the
        one attacked. That is the label, so that an image that is misclassified from the start
        counts, unperturbed; for DeepFool it is the network's own first prediction.
    iterations : (..., N) int, steps that were taken for the sample
    """

    images: Array = field(repr=False)
    adversarials: Array = field(repr=False)
    correct: Array = field(repr=False)
    flipped: Array = field(repr=False)
    iterations: Array = field(repr=False)

    @property
    def perturbations(self) -> Array:
        """What was added to the images, (..., N, I), in pixel units."""
        return self.adversarials - self.images

    @property
    def accuracy(self) -> Array:
        """Share (...) of the images that the network is right about, before the attack."""
        return self.correct.mean(axis=-1)

    @property
    def robust(self) -> Array:
        """Whether the network is right about an image before and after the attack, (..., N)."""
        return self.correct & ~self.flipped

    @property
    def robust_accuracy(self) -> Array:
        """Share (...) of the images that it is right about before and after the attack."""
        return self.robust.mean(axis=-1)

    @property
    def success_rate(self) -> Array:
        """Share (...) flipped of the images that it was right about; nan if there was none."""
        with np.errstate(invalid="ignore"):
            return (self.correct & self.flipped).sum(axis=-1) / self.correct.sum(axis=-1)

    def norms(self, norm: str = "l2") -> Array:
        """Return the sizes (..., N) of the perturbations, "l2" or "linf", in pixel units."""
        perturbations = self.perturbations.astype(np.float64)
        if norm == "linf":
            return np.abs(perturbations).max(axis=-1)
        if norm == "l2":
            return np.sqrt((perturbations**2).sum(axis=-1))
        raise ValueError(f"norm must be l2 or linf, not {norm!r}")


def worst_case(results: Iterable[AttackResult]) -> Array:
    """Return whether the network withstands all attacks on the same images, (..., N) bool.

    Raises ValueError if there is none, or they are of other images.
    """
    robust = [result.robust for result in results]
    if not robust or len({each.shape for each in robust}) > 1:
        shapes = [each.shape for each in robust]
        raise ValueError(f"the worst case is that of attacks on the same images, not {shapes}")
    return np.logical_and.reduce(robust)


def average_over(average: Any, values: Array, counted: Array) -> Array:
    """Return an average over the counted samples of each network, (..., N) to (...)."""
    rows, masks = (array.reshape(-1, values.shape[-1]) for array in (values, counted))
    averages = [
        average(row[mask]) if mask.any() else np.nan for row, mask in zip(rows, masks, strict=True)
    ]
    return np.array(averages).reshape(values.shape[:-1])
