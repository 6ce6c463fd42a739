"""The networks of images that are timed, the data they are trained on, and their arithmetic."""

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from benchmarks.configurations import CLASSES, make_dataset
from data_utils import Dataset
from lpc_scratch.backend import Backend
from lpc_scratch.nn.backbones import of_rows, resnet
from lpc_scratch.nn.inputs import Standardisation
from lpc_scratch.nn.layers import (
    Conv2d,
    GlobalAveragePool,
    Layer,
    Linear,
    ReLU,
    Residual,
    Sequential,
    walk,
)
from lpc_scratch.nn.layers.base import Shape
from lpc_scratch.nn.network import Network, make_latent_layer

COLOURS = 3
SAMPLES = 10_000


@dataclass(frozen=True)
class ImageConfiguration:
    """A network of images with its minibatch: convolutions, the mean over pixels, latent layer.

    Attributes
    ----------
    name : str
        Names the network in tables.
    stages : tuple of (int, int)
        Filters, and the number of 3 x 3 convolutions of a stage, or of residual blocks. From the
        second stage on the first one has stride 2.
    residual : bool
        Take the backbone `resnet`, with batch normalisation; otherwise every convolution has a bias
        and a ReLU after it.
    size : int
        Rows and columns of an image, which has three colours.
    batch : int
        Samples of a step.
    latent : int
        Dimensions of the latent layer.
    """

    name: str
    stages: tuple[tuple[int, int], ...]
    residual: bool = False
    size: int = 32
    batch: int = 128
    latent: int = 16

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of an image."""
        return self.size, self.size, COLOURS

    def network(self, dataset: Dataset, dtype: Any, backend: Backend | None = None) -> Network:
        """Return the network of seed 0, the same in float32 and float64 but for rounding."""
        place = ((), np.dtype(dtype), backend)
        backbone = of_rows(self._backbone(*place), self.shape)
        (width,) = backbone.output_shape((prod(self.shape),))
        latent_layer = make_latent_layer("binary", width, self.latent, *place)
        classifier = Linear(self.latent, CLASSES, *place)
        standardisation = Standardisation(dataset.scale, dataset.shift)
        return Network(
            backbone, latent_layer, classifier, prod(self.shape), standardisation=standardisation
        )

    def dataset(self) -> Dataset:
        """Return random pixels, of which a step costs what it costs with others."""
        data = make_dataset(prod(self.shape), max(SAMPLES, self.batch))
        return replace(data, image_shape=self.shape)

    def _backbone(self, stack: tuple[int, ...], dtype: Any, backend: Backend | None) -> Sequential:
        if self.residual:
            channels = tuple(filters for filters, _ in self.stages)
            place: dict[str, Any] = {"stack": stack, "dtype": dtype, "backend": backend}
            return resnet(COLOURS, channels, self.stages[0][1], **place)
        layers: dict[str, Layer] = {}
        before = COLOURS
        for stage, (filters, count) in enumerate(self.stages):
            for number in range(count):
                stride = 2 if stage and not number else 1
                layers[f"{stage}.{number}"] = Conv2d(
                    before, filters, 3, stride, 1, True, stack, dtype, backend
                )
                layers[f"{stage}.{number}.relu"] = ReLU(backend)
                before = filters
        return Sequential(layers | {"mean": GlobalAveragePool(backend)})


CONFIGURATIONS: tuple[ImageConfiguration, ...] = (
    ImageConfiguration("few channels: 16 x3, 32/2 x3, 64/2 x3", ((16, 3), (32, 3), (64, 3))),
    ImageConfiguration("many channels: 64 x2, 128/2 x2", ((64, 2), (128, 2))),
    ImageConfiguration("residual, batch norm: 16, 32/2, 64/2", ((16, 1), (32, 1), (64, 1)), True),
)
"""What `benchmarks.convolution` times; /2 is a stride, and x3 are three convolutions."""


def flops(network: Network, batch: int) -> int:
    """Return the floating-point operations of a step's convolutions and matrix products.

    Each has three of 2 B H' W' kh kw C O operations: forward, the gradient of W and that of the
    input, which the first one does not need. What an algorithm saves of these is not subtracted.
    """
    parts = Sequential([network.backbone, network.latent_layer, network.classifier])
    forward = _forward(parts, (network.features,))
    first = next(layer for _, layer in walk(network) if isinstance(layer, Linear))
    shape: Shape = (network.features,)
    for layer in network.backbone.children.values():
        if layer is first:
            break
        shape = layer.output_shape(shape)
    return batch * (3 * forward - _forward(first, shape))


def _forward(layer: Layer, shape: Shape) -> int:
    """Return the operations of the forward pass of one sample."""
    if isinstance(layer, Residual):
        return sum(_forward(path, shape) for path in layer.children.values())
    if isinstance(layer, Sequential):
        total = 0
        for child in layer.children.values():
            total += _forward(child, shape)
            shape = child.output_shape(shape)
        return total
    if isinstance(layer, Linear):  # a convolution is one too, at every pixel
        return 2 * layer.W.size * prod(layer.output_shape(shape)[:-1])
    return 0
