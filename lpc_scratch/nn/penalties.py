"""Penalties on the latent layer: what pulls it to the origin, as (value, gradient).

With z (..., B, D) the value has shape (...): a mean over batch and coordinates, so that gamma
depends on neither, and never over a leading member axis. The arithmetic is one primitive each, in
`backend.reference`.
"""

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
    """

    primitive: str
    minimum: float
    source: str

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
        return primitive(z, gamma, out)


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

PENALTIES: dict[str, Penalty] = {
    "exp": exp_penalty,
    "exp-coordinate": exp_coordinate_penalty,
    "exp-sample": exp_sample_penalty,
    "l2": l2_penalty,
}
"""The penalties by the names that a configuration uses."""
