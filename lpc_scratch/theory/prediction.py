"""A prediction, and what was measured of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Prediction:
    """A measurement of a cell as theory has it: an interval, and a number where there is one.

    Attributes
    ----------
    metric : its column in the table of cells, or ``onset_step``
    low, high : ends of the interval
    value : the number that a formula gives
    """

    metric: str
    low: float = -math.inf
    high: float = math.inf
    value: float | None = None

    def holds(self, measured: float) -> bool:
        """Return whether a measurement is in the interval; nan is not."""
        return self.low <= measured <= self.high


@dataclass(frozen=True)
class Compared:
    """A prediction for a place of a grid, and what was measured there.

    Attributes
    ----------
    place : the values on the axes
    prediction : the prediction
    values : a measurement for each seed; none before the experiment
    """

    place: tuple
    prediction: Prediction
    values: Sequence[float]

    @property
    def holds(self) -> bool:
        """Whether the mean over seeds is as predicted."""
        return self.prediction.holds(float(np.mean(self.values)))
