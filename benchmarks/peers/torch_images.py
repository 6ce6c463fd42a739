"""Networks of images in torch: our layers translated one by one, with their weights."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.images import ImageConfiguration
from benchmarks.peers.torch_peer import TorchData, TorchGraphPeer, TorchPeer
from data_utils import Dataset
from lpc_scratch.nn.layers import (
    BatchNorm,
    Conv2d,
    GlobalAveragePool,
    Images,
    Layer,
    Linear,
    ReLU,
    Residual,
    Sequential,
    walk,
)
from lpc_scratch.nn.network import Network


class FromRows(nn.Module):
    """Rows as images (B, C, H, W): a view of rows in torch's own order, or in channels_last."""

    def __init__(self, shape: tuple[int, int, int], channels_last: bool) -> None:
        super().__init__()
        self.shape, self.channels_last = shape, channels_last

    def forward(self, x: Tensor) -> Tensor:
        """Return the images."""
        H, W, C = self.shape
        if self.channels_last:
            return x.view(-1, H, W, C).permute(0, 3, 1, 2)
        return x.view(-1, C, H, W)


class Sum(nn.Module):
    """The sum of a branch and its shortcut, or the input."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch, self.shortcut = branch, shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum."""
        return self.shortcut(x) + self.branch(x)


class Mean(nn.Module):
    """The mean over all pixels."""

    def forward(self, x: Tensor) -> Tensor:
        """Return rows (B, C)."""
        return x.mean((2, 3))


class TorchImageNetwork(nn.Module):
    """A network of ours in torch, with the same weights.

    Parameters
    ----------
    network : Network
        On the host, as it is initialised.
    channels_last : bool
        How images lie in memory.
    """

    def __init__(self, network: Network, channels_last: bool) -> None:
        super().__init__()
        self.channels_last = channels_last
        self.ours = network
        self.theirs: dict[int, nn.Module] = {}
        self.hidden = self._translated(network.backbone)
        self.latent = self._translated(network.latent_layer)
        self.classifier = self._translated(network.classifier)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the latent activations and the logits."""
        z = self.latent(self.hidden(x))
        return z, self.classifier(z)

    def as_ours(self, attribute: str = "data") -> dict[str, np.ndarray]:
        """Return the parameters, or their gradients with `grad`, as our network lays them out."""
        found = {}
        for name, layer in walk(self.ours):
            for own, theirs in zip(layer.parameter_names, ("weight", "bias"), strict=False):
                array = getattr(getattr(self.theirs[id(layer)], theirs), attribute).cpu().numpy()
                found[f"{name}.{own}"] = _as_ours(array)
        return found

    def statistics(self) -> dict[str, np.ndarray]:
        """Return the running statistics of batch normalisation, as our network has them."""
        return {
            f"{name}.{own}": getattr(self.theirs[id(layer)], theirs).cpu().numpy()[None]
            for name, layer in walk(self.ours)
            for own, theirs in zip(layer.state_names, ("running_mean", "running_var"), strict=False)
        }

    def _translated(self, layer: Layer) -> nn.Module:
        module = self.theirs[id(layer)] = self._module(layer)
        names = zip(layer.parameter_names, ("weight", "bias"), strict=False)
        for own, theirs in names:
            parameter = getattr(module, theirs)
            array = getattr(layer, own)
            if isinstance(layer, Conv2d) and own == "W":
                array = array.reshape(*layer.window, layer.channels, -1).transpose(3, 2, 0, 1)
            elif own == "W":
                array = array.T
            parameter.data = torch.from_numpy(array.reshape(parameter.shape).copy())
        return module

    def _module(self, layer: Layer) -> nn.Module:
        children = [self._translated(child) for child in layer.children.values()]
        match layer:
            case Sequential():
                return nn.Sequential(*children)
            case Residual():
                return Sum(children[0], children[1] if children[1:] else nn.Identity())
            case Images():
                return FromRows(layer.shape, self.channels_last)
            case Conv2d():
                (top, _), (left, _) = layer.padding
                sizes = (layer.channels, layer.W.shape[-1], layer.window, layer.stride)
                return nn.Conv2d(*sizes, (top, left), bias="b" in layer.parameter_names)
            case BatchNorm():
                channels = layer.scale.shape[-1]
                module = nn.BatchNorm2d(channels, layer.epsilon, layer.momentum)
                return module.to(torch.from_numpy(layer.scale).dtype)
            case Linear():
                return nn.Linear(*layer.W.shape)
            case ReLU():
                return nn.ReLU(inplace=True)
            case GlobalAveragePool():
                return Mean()
        raise TypeError(f"{type(layer).__name__} is not translated to torch")


class TorchImages(TorchPeer):
    """A torch network of images in training, with fused Adam.

    Parameters
    ----------
    configuration : ImageConfiguration
        The network; weights are those of ours.
    dataset : Dataset
        What it is trained on.
    device : {"cpu", "cuda"}
        Where the data and the network live. On the GPU products have the digits of float32, as
        ours have: no TF32, which torch's convolutions take unless they are told not to.
    channels_last : bool
        Keep images as (B, H, W, C) in memory, as ours are; otherwise as (B, C, H, W).
    dtype : numpy dtype
        float32 (default) or float64.
    **settings
        As in `TorchPeer`.
    """

    def __init__(
        self,
        configuration: ImageConfiguration,
        dataset: Dataset,
        device: str = "cpu",
        channels_last: bool = False,
        dtype: Any = np.float32,
        **settings: Any,
    ) -> None:
        self.channels_last, self.dtype = channels_last, dtype
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        super().__init__(configuration, dataset, device, **{"fused": True} | settings)

    def make(
        self, configuration: Any, dataset: Dataset, device: str
    ) -> tuple[nn.Module, TorchData]:
        """Return the network and the training set, each in its order."""
        ours = configuration.network(dataset, self.dtype)
        network: Any = TorchImageNetwork(ours, self.channels_last)
        if self.channels_last:
            network = network.to(memory_format=torch.channels_last)
        dtype = next(network.parameters()).dtype
        data = TorchData(dataset, device, configuration.batch, dtype)
        if not self.channels_last:
            images = data.x.view(-1, *configuration.shape).permute(0, 3, 1, 2)
            data.x = images.reshape(len(images), -1)
        return network.to(device), data


class TorchImagesGraph(TorchGraphPeer, TorchImages):
    """The whole step captured once as a CUDA graph, and replayed."""


def _as_ours(array: np.ndarray) -> np.ndarray:
    """Return a vector as (1, O), a matrix as (I, O), kernels as (kh kw C, O)."""
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0).reshape(-1, len(array))
    return array.T if array.ndim == 2 else array[None]
