"""How close a network's decision is, and how fast it changes with the pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.attacks.model import PixelModel
from lpc_scratch.attacks.objectives import margin
from lpc_scratch.backend import Array


@dataclass(frozen=True, eq=False)
class Margins:
    """The margin of every sample and its slope; float64 host arrays (..., N).

    Attributes
    ----------
    margin : array
        m = s_y - max_{k≠y} s_k, in units of logits; negative where the network is wrong.
    gradient_norm : array
        ||dm/dx||, Euclidean, per pixel unit: a local estimate of the Lipschitz constant.
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

    Parameters
    ----------
    model : PixelModel
        One network or a stack of E.
    images : array-like (N, I) or (E, N, I)
        Pixels from 0 to 1.
    labels : integer array-like (N,) or (E, N)
        True classes.

    Returns
    -------
    Margins

    Raises
    ------
    ValueError
        For images or labels that cannot be.
    """
    margins, norms = [], []
    for value, gradient in model.differentiated(margin, images, labels):
        on_host = model.backend.to_host(gradient).astype(np.float64)
        margins.append(model.backend.to_host(value).astype(np.float64))
        norms.append(np.linalg.norm(on_host, axis=-1))
    return Margins(np.concatenate(margins, axis=-1), np.concatenate(norms, axis=-1))
