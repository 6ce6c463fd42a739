"""The layers of a network: each knows its forward pass, its backward pass and nothing else."""

from lpc_scratch.nn.layers.activations import ACTIVATIONS, Activation, ReLU, SiLU, Tanh
from lpc_scratch.nn.layers.base import Layer, walk
from lpc_scratch.nn.layers.compose import Container, Residual, Sequential, allow_in_place
from lpc_scratch.nn.layers.dropout import Dropout
from lpc_scratch.nn.layers.linear import Linear

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Container",
    "Dropout",
    "Layer",
    "Linear",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Tanh",
    "allow_in_place",
    "walk",
]
