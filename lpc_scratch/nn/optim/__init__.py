"""Optimisers over one flat vector of parameters and one of gradients.

A step is one primitive of `backend.reference`.
"""

from lpc_scratch.nn.optim.adam import Adam, AdamW
from lpc_scratch.nn.optim.base import Optimizer
from lpc_scratch.nn.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
