"""Optimisers over one flat vector of parameters and one of gradients."""

from lpc_scratch.nn.optim.all import SGD, Adam, AdamW, Optimizer

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
