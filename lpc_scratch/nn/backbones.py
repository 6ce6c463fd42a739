"""Backbones: the layers before the latent layer, which make features (..., B, F) of inputs."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lpc_scratch.backend import Backend
from lpc_scratch.nn.layers import (
    ACTIVATIONS,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Images,
    Layer,
    Linear,
    MaxPool2d,
    RandomCrop,
    RandomFlip,
    Residual,
    Sequential,
)

Layers = dict[str, Layer]


def mlp(
    features: int,
    hidden: Sequence[int],
    activation: str = "relu",
    dropout: float = 0.0,
    stack: tuple[int, ...] = (),
    dtype: Any = np.float32,
    backend: Backend | None = None,
) -> Sequential:
    """Return a multilayer perceptron: Linear, activation, dropout, repeated.

    Its parameters are `0.W`, `0.b`, `1.W`, …; dropout stands between hidden layers.

    Parameters
    ----------
    features : int
        I, the length of an input.
    hidden : sequence of int
        Widths of the layers; without any, the backbone is the identity.
    activation : {"relu", "silu", "tanh"}
        Follows every Linear layer.
    dropout : float
        Share of activations dropped, 0 <= dropout < 1.
    stack, dtype, backend
        As in `Linear`.
    """
    layers: Layers = {}
    for index, (fan_in, fan_out) in enumerate(pairwise([features, *hidden])):
        if index and dropout:
            layers[f"{index}.dropout"] = Dropout(dropout, backend)
        layers[f"{index}"] = Linear(fan_in, fan_out, stack, dtype, backend)
        layers[f"{index}.{activation}"] = ACTIVATIONS[activation](backend)
    return Sequential(layers)


def cnn(
    colours: int,
    channels: Sequence[int],
    blocks: int = 1,
    activation: str = "relu",
    batch_norm: bool = True,
    stack: tuple[int, ...] = (),
    dtype: Any = np.float32,
    backend: Backend | None = None,
) -> Sequential:
    """Return a convolutional network of images: stages that end with half as many rows and columns.

    A stage is `blocks` times a convolution 3 x 3, batch normalisation and activation, then the
    largest of every 2 x 2 pixels. What the last stage makes is handed over as rows. Parameters of
    the second convolution of the first stage are `0.1.conv.W`, `0.1.norm.scale`, ….

    Parameters
    ----------
    colours : int
        C, channels of an input.
    channels : sequence of int
        Filters of the convolutions of each stage.
    blocks : int
        Convolutions of a stage.
    activation : {"relu", "silu", "tanh"}
        Follows every convolution.
    batch_norm : bool
        Whether batch normalisation is there; the convolutions have a bias where it is not.
    stack, dtype, backend
        As in `Linear`.
    """
    layers: Layers = {}
    place = (stack, dtype, backend)
    for stage, (fan_in, fan_out) in enumerate(pairwise([colours, *channels])):
        for block in range(blocks):
            name, before = f"{stage}.{block}.", fan_out if block else fan_in
            layers |= _convolution(name, before, fan_out, 3, 1, batch_norm, *place)
            layers[f"{name}{activation}"] = ACTIVATIONS[activation](backend)
        layers[f"{stage}.pool"] = MaxPool2d(2, backend=backend)
    return Sequential(layers | {"flatten": Flatten(backend)})


def resnet(
    colours: int,
    channels: Sequence[int],
    blocks: int = 1,
    activation: str = "relu",
    batch_norm: bool = True,
    stem_stride: int = 1,
    stack: tuple[int, ...] = (),
    dtype: Any = np.float32,
    backend: Backend | None = None,
) -> Sequential:
    """Return a residual network of images (He et al. 2016), in stages of `blocks` basic blocks.

    First the stem: a convolution 3 x 3 to the channels of the first stage. A block is
    activation(shortcut(x) + branch(x)); its branch is two convolutions 3 x 3 with an activation
    between. From the second stage on the first block of a stage has stride 2, and there, as where
    channels change, the shortcut is a convolution 1 x 1. Batch normalisation follows every
    convolution. At the end stands the mean over all pixels. Parameters are `stem.conv.W`,
    `0.0.branch.conv1.W`, `1.0.shortcut.conv.W`, `1.0.branch.norm2.scale`, ….

    Parameters
    ----------
    stem_stride : int
        Stride of the stem: 2 makes a quarter of the pixels, and of the work.
    colours, channels, activation, batch_norm, stack, dtype, backend
        As in `cnn`.
    blocks : int
        Residual blocks of a stage.
    """
    place = (stack, dtype, backend)
    layers = _convolution("stem.", colours, channels[0], 3, stem_stride, batch_norm, *place)
    layers[f"stem.{activation}"] = ACTIVATIONS[activation](backend)
    for stage, (fan_in, fan_out) in enumerate(pairwise([channels[0], *channels])):
        for block in range(blocks):
            before, stride = (fan_out, 1) if block else (fan_in, 2 if stage else 1)
            branch = _convolution("1", before, fan_out, 3, stride, batch_norm, *place)
            branch[f"{activation}1"] = ACTIVATIONS[activation](backend)
            branch |= _convolution("2", fan_out, fan_out, 3, 1, batch_norm, *place)
            shortcut = None
            if (before, 1) != (fan_out, stride):
                shortcut = Sequential(
                    _convolution("", before, fan_out, 1, stride, batch_norm, *place)
                )
            layers[f"{stage}.{block}"] = Residual(Sequential(branch), shortcut)
            layers[f"{stage}.{block}.{activation}"] = ACTIVATIONS[activation](backend)
    return Sequential(layers | {"pool": GlobalAveragePool(backend)})


def check_strides(size: tuple[int, int], stages: int, stem_stride: int) -> None:
    """Raise ValueError where a stride of `resnet` is more than is left of an image H x W.

    Padding would hide it: such a convolution sees little but zeros.
    """
    H, W = size
    for stride in (stem_stride, *[2] * (stages - 1)):
        if stride > min(H, W):
            raise ValueError(
                f"a stride of {stride} is more than an image of {H} x {W} has rows or columns: use "
                "fewer stages (channels) or a smaller stem_stride"
            )
        H, W = -(-H // stride), -(-W // stride)


def of_rows(
    backbone: Sequential, shape: tuple[int, int, int], crop: int = 0, flip: bool = False
) -> Sequential:
    """Return a backbone of images for inputs as rows, which in training changes them at random.

    Parameters
    ----------
    backbone : Sequential
        Takes images; its layers keep their names.
    shape : (H, W, C)
        Of an image.
    crop : int
        Pixels by which an image is padded before it is cut out again; 0 for never.
    flip : bool
        Whether half of the images are mirrored.
    """
    backend = backbone.backend
    layers: Layers = {"images": Images(shape, backend)}
    if crop:
        layers["crop"] = RandomCrop(crop, backend)
    if flip:
        layers["flip"] = RandomFlip(backend)
    return Sequential(layers | dict(backbone.children))


def _convolution(
    name: str,
    channels: int,
    filters: int,
    window: int,
    stride: int,
    batch_norm: bool,
    *place: Any,
) -> Layers:
    """Return a convolution whose output has an image's size over the stride, and its norm.

    Their names are `{name}conv` and `{name}norm`, or with a number `conv{name}` and `norm{name}`.
    """
    stack, dtype, backend = place
    named = "{1}{0}" if name.isdecimal() else "{0}{1}"
    padding = window // 2
    layers: Layers = {
        named.format(name, "conv"): Conv2d(
            channels, filters, window, stride, padding, not batch_norm, stack, dtype, backend
        )
    }
    if batch_norm:
        layers[named.format(name, "norm")] = BatchNorm(filters, stack, dtype, backend)
    return layers


BACKBONES: dict[str, Callable[..., Sequential]] = {"mlp": mlp, "cnn": cnn, "resnet": resnet}
"""The backbones by name."""
