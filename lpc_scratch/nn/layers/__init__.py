"""The layers of a network: each knows its forward pass, its backward pass and nothing else."""

from lpc_scratch.nn.layers.activations import ACTIVATIONS, Activation, ReLU, SiLU, Tanh
from lpc_scratch.nn.layers.augmentation import RandomCrop, RandomFlip
from lpc_scratch.nn.layers.base import Layer, walk
from lpc_scratch.nn.layers.compose import Container, Residual, Sequential, allow_in_place
from lpc_scratch.nn.layers.convolution import Conv2d
from lpc_scratch.nn.layers.dropout import Dropout
from lpc_scratch.nn.layers.images import Flatten, Images
from lpc_scratch.nn.layers.linear import Linear
from lpc_scratch.nn.layers.normalisation import BatchNorm
from lpc_scratch.nn.layers.pooling import GlobalAveragePool, MaxPool2d

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "BatchNorm",
    "Container",
    "Conv2d",
    "Dropout",
    "Flatten",
    "GlobalAveragePool",
    "Images",
    "Layer",
    "Linear",
    "MaxPool2d",
    "RandomCrop",
    "RandomFlip",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Tanh",
    "allow_in_place",
    "walk",
]
