"""Optimisers that a first reading can skip; they complete the comparison of norms."""

from lpc_scratch.nn.optim.others.lion import Lion
from lpc_scratch.nn.optim.others.normalized import Normalized
from lpc_scratch.nn.optim.others.pnorm import PNorm
from lpc_scratch.nn.optim.others.rmsprop import RMSProp

__all__ = ["Lion", "Normalized", "PNorm", "RMSProp"]
