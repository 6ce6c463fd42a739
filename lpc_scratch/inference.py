"""A trained network on a whole data set, in chunks that fit in memory."""

from lpc_scratch.backend import Array
from lpc_scratch.nn.network import Network

CHUNK = 2048
"""Rows that are evaluated at once."""


def latent_and_logits(
    network: Network, x: Array, scale: float = 1.0, shift: float = 0.0
) -> tuple[Array, Array]:
    """Return the latent activations and logits of every row of x, without dropout.

    Parameters
    ----------
    network : Network
        One network or a stack of E.
    x : array (N, I)
        Inputs as stored, on the network's device; all members see the same.
    scale, shift : float
        `x * scale + shift` is what the network is given.

    Returns
    -------
    latent : array (..., N, D)
    logits : array (..., N, K)
    """
    xp = network.backend.xp
    latents, logits = [], []
    for start in range(0, len(x), CHUNK):
        batch = xp.multiply(x[start : start + CHUNK], scale, dtype=network.dtype)
        batch += shift
        latents.append(network.embed(batch))
        logits.append(network.classifier.predict(latents[-1]))
    return xp.concatenate(latents, axis=-2), xp.concatenate(logits, axis=-2)
