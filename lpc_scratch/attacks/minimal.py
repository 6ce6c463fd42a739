"""What an attack without a bound returns: how little it took to change a network's mind."""

from dataclasses import dataclass

import numpy as np

from lpc_scratch.attacks.result import AttackResult, average_over
from lpc_scratch.backend import Array


@dataclass(frozen=True)
class MinimalSummary:
    """Robustness of each network, of shape (...); nan where no sample counts.

    Attributes
    ----------
    samples : how many samples were attacked
    flipped_share : share of them that were flipped; the others are in none of what follows
    rho, median_rho : mean and median of ||r|| / ||x||, perturbation relative to image; without
        images that are all black
    mean_norm, median_norm : mean and median of ||r||, in pixel units
    """

    samples: Array
    flipped_share: Array
    rho: Array
    median_rho: Array
    mean_norm: Array
    median_norm: Array


@dataclass(frozen=True, eq=False)
class MinimalResult(AttackResult):
    """The shortest `perturbations` r that were found; `flipped` says where there is one.

    What is attacked is the class that the network sees, be it the true one or not.
    """

    def norms(self, norm: str = "l2") -> Array:
        """Return the sizes (..., N) of the perturbations; nan where none was found."""
        return np.where(self.flipped, super().norms(norm), np.nan)

    def within(self, epsilon: float, norm: str = "l2") -> AttackResult:
        """Return what an attack that is bounded by epsilon, in that norm, has found with it.

        As of the others, images that are misclassified from the start count as flipped, as they
        are, and so the worst case of them all can be taken. Images stay as they are too where there
        is nothing within the bound.
        """
        reached = self.correct & (self.norms(norm) <= epsilon)
        adversarials = np.where(reached[..., None], self.adversarials, self.images)
        flipped = reached | ~self.correct
        return AttackResult(self.images, adversarials, self.correct, flipped, self.iterations)

    def summary(self, correct_only: bool = False) -> MinimalSummary:
        """Return the robustness ρ of Moosavi-Dezfooli et al. 2016, and what goes with it.

        Parameters
        ----------
        correct_only : bool
            Leave out the samples that the network is wrong about before the attack.
        """
        norms = self.norms()
        lengths = np.linalg.norm(self.images.astype(np.float64), axis=-1)
        counted = self.correct if correct_only else np.ones_like(self.correct)
        flipped = counted & self.flipped
        samples = counted.sum(axis=-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = norms / lengths
            share = flipped.sum(axis=-1) / samples
        seen = flipped & (lengths > 0)
        return MinimalSummary(
            samples,
            share,
            *(average_over(np.mean, ratios, seen), average_over(np.median, ratios, seen)),
            *(average_over(np.mean, norms, flipped), average_over(np.median, norms, flipped)),
        )
