"""How close a network's decision is, and how fast it changes with the pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.backend import Array


@dataclass(frozen=True, eq=False)
class Margins:
    """The margin of every sample and its slope; float64 host arrays (..., N).

    Attributes
    ----------
    margin : m = s_y - max_{k≠y} s_k, in units of logits; negative where the network is wrong
    gradient_norm : ||dm/dx||, Euclidean, per pixel unit: a local estimate of the Lipschitz constant
    """

    margin: Array
    gradient_norm: Array

    @property
    def distance(self) -> Array:
        """Distance to the boundary to first order, m / ||dm/dx||, in pixel units.

        Negative where the network is wrong, infinite where the margin has no slope.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.margin / self.gradient_norm


def margin_gradient_norm(model: PixelModel, images: ArrayLike, labels: ArrayLike) -> Margins:
    """Measure the logit margin of every sample, and the length of its gradient.

    Arguments and errors are those of `PixelModel.margin_gradient`.
    """
    margin, gradient = model.margin_gradient(images, labels)
    norm = np.linalg.norm(gradient.astype(np.float64), axis=-1)
    return Margins(margin.astype(np.float64), norm)
