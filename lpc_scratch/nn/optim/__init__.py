"""Optimisers over one flat vector of parameters and one of gradients.

Each descends in a norm, which its class names: the geometry of its steps. The arithmetic stands in
`backend.reference`. Those of `others` complete the list, and a first reading can skip them.
"""

from lpc_scratch.nn.optim.adam import Adam, AdamW
from lpc_scratch.nn.optim.base import Optimizer, TensorOptimizer
from lpc_scratch.nn.optim.muon import Muon
from lpc_scratch.nn.optim.others import Lion, Normalized, PNorm, RMSProp
from lpc_scratch.nn.optim.sgd import SGD
from lpc_scratch.nn.optim.signum import Signum

__all__ = [
    "LEARNING_RATES",
    "OPTIMIZERS",
    "SGD",
    "SIGN_LIKE",
    "Adam",
    "AdamW",
    "Lion",
    "Muon",
    "Normalized",
    "Optimizer",
    "PNorm",
    "RMSProp",
    "Signum",
    "TensorOptimizer",
]

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSProp,
    "signum": Signum,
    "lion": Lion,
    "normalized": Normalized,
    "muon": Muon,
    "pnorm": PNorm,
}
"""The optimisers by the names that a configuration uses."""

LEARNING_RATES: dict[str, float] = {
    # Updates of root mean square 1, or near it: they share a rate.
    "adam": 5e-4,
    "adamw": 5e-4,
    "rmsprop": 5e-4,
    "signum": 5e-4,
    "lion": 5e-4,
    "normalized": 5e-4,
    "muon": 5e-4,
    "pnorm": 5e-4,
    # The update has the size of the gradient.
    "sgd": 0.05,
}
"""The learning rate of each optimiser, unless a configuration gives another."""

SIGN_LIKE = ("adam", "adamw", "rmsprop", "signum", "lion")
"""The optimisers whose steps move every number by about the learning rate, along a sign."""
