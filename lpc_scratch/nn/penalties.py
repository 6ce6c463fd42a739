"""Penalties on the latent layer: what pulls it to the origin, as (value, gradient).

With z (..., B, D) the value has shape (...): a mean over the batch, and over coordinates but for
`max`, so that gamma depends on the size of neither, and never over a leading member axis. The
arithmetic is one primitive each, in `backend.reference`.
"""

import math
from dataclasses import dataclass
from typing import Any

from lpc_scratch.backend import Array, backend_of


@dataclass(frozen=True)
class Penalty:
    """A penalty gamma P(z).

    Attributes
    ----------
    primitive : str
        Its arithmetic: the name of a method of `backend.reference.Reference`.
    minimum : float
        P(0), below which P never falls.
    source : str
        Where it is from.
    power : float, optional
        p of `lp`; None for a penalty without one.
    """

    primitive: str
    minimum: float
    source: str
    power: float | None = None

    def __call__(
        self, z: Array, gamma: float | Array = 1.0, out: Array | None = None
    ) -> tuple[Array, Array]:
        """Return the penalty and its gradient.

        Parameters
        ----------
        z : array (..., B, D)
            Latent activations.
        gamma : float or array (..., 1, 1)
            Strength; an array gives each stacked network its own.
        out : array (..., B, D), optional
            Where the gradient is written; must not be z.

        Returns
        -------
        value : array (...)
            gamma P(z).
        dz : array (..., B, D)
            gamma dP/dz.
        """
        primitive: Any = getattr(backend_of(z).ops, self.primitive)
        power = () if self.power is None else (self.power,)
        return primitive(z, gamma, *power, out)


exp_penalty = Penalty("exp_penalty", 1.0, "the code published with arXiv 2310.08224v2")
"""One exponential of the batch mean: P = exp(m), m = mean over b, i of z_bi².

dP/dz = 2/(B D) z exp(m).
"""

exp_coordinate_penalty = Penalty("exp_coordinate_penalty", 1.0, "the text of arXiv 2310.08224v2")
"""One exponential a coordinate: P = mean over b, i of exp(z_bi²).

dP/dz = 2/(B D) z exp(z²).
"""

exp_sample_penalty = Penalty("exp_sample_penalty", 1.0, "this project: between the two above")
"""One exponential a sample: P = mean over b of exp(Σ_i z_bi² / D).

dP/dz = 2/(B D) z exp(Σ_i z_bi² / D).
"""

l2_penalty = Penalty("l2_penalty", 0.0, "later versions of arXiv 2310.08224, with a growing gamma")
"""Mean square: P = mean over b, i of z_bi².

dP/dz = 2/(B D) z.
"""

max_penalty = Penalty("max_penalty", 0.0, "this project: the limit of ||z||_p² at infinity")
"""Square of the largest coordinate: P = mean over b of max_i z_bi².

dP/dz = 2/B z at the largest |z_bi| of a sample, shared equally where several are; 0 elsewhere.
"""

PENALTIES: dict[str, Penalty] = {
    "exp": exp_penalty,
    "exp-coordinate": exp_coordinate_penalty,
    "exp-sample": exp_sample_penalty,
    "l2": l2_penalty,
    "max": max_penalty,
}
"""The penalties without a parameter, by the names that a configuration uses."""

PENALTY_NAMES = (*PENALTIES, "lp")
"""All names that `penalty_of` knows."""


def penalty_of(name: str, power: float = 4.0) -> Penalty:
    """Return a penalty by its name.

    Parameters
    ----------
    name : str
        One of `PENALTY_NAMES`.
    power : float
        p of `lp`, finite and at least 1; the others do not use it. P = mean over b, i of |z_bi|^p,
        and dP/dz = p/(B D) sign(z) |z|^(p-1), with 0 at z = 0.

    Raises
    ------
    ValueError
        For an unknown name, or a power out of its range.
    """
    if name != "lp":
        if name not in PENALTIES:
            raise ValueError(f"unknown penalty {name!r}: choose from {', '.join(PENALTY_NAMES)}")
        return PENALTIES[name]
    if not 1 <= power < math.inf:
        raise ValueError(f"the penalty lp needs a finite power of at least 1, and this is {power}")
    return Penalty("lp_penalty", 0.0, "this project", power)
