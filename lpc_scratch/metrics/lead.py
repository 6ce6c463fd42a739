"""By how much one way to train is ahead of another in test accuracy, image by image."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

Correct = Mapping[int, npt.NDArray[np.bool_]]
"""By seed, which of N test images a network is right about, (N,)."""
RESAMPLES = 2000
"""Samples of the test images that an interval is taken from."""


@dataclass(frozen=True)
class Lead:
    """By how much one method is ahead of another in test accuracy, in percentage points.

    Attributes
    ----------
    by_seed : a difference for each seed that both have
    low, high : the 95 % interval of their mean over test sets such as this one
    """

    by_seed: tuple[float, ...]
    low: float
    high: float

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.by_seed))


def lead(ours: Correct, theirs: Correct) -> Lead | None:
    """Compare two ways to train; None where they share no seed.

    The interval is the percentile bootstrap over test images (Efron and Tibshirani 1993, "An
    Introduction to the Bootstrap", chapter 13) of the difference, which is first averaged over
    seeds for each image: it says what other test images would change, and `by_seed` what other
    weights and shuffles would.
    """
    pairs = [ours[seed].astype(float) - theirs[seed] for seed in ours if seed in theirs]
    if not pairs:
        return None
    of_image = 100 * np.mean(pairs, axis=0)
    low = high = float(of_image.mean())
    if of_image.any():
        found = bootstrap(
            (of_image,),
            np.mean,
            n_resamples=RESAMPLES,
            batch=100,
            method="percentile",
            rng=np.random.default_rng(0),
        )
        low, high = map(float, found.confidence_interval)
    return Lead(tuple(float(100 * pair.mean()) for pair in pairs), low, high)
