"""The same training step in torch: eager, with fused Adam, compiled, and as a CUDA graph."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch._inductor.config
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.configurations import CLASSES, GAMMA, LEARNING_RATE, Configuration, make_order
from data_utils import Dataset
from lpc_scratch.backend.threads import num_threads


class TorchNetwork(nn.Module):
    """The classifier of `lpc_scratch.nn.network`, with the names of its parameters."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__()
        widths = (configuration.features, *configuration.hidden)
        maps = [nn.Linear(*pair) for pair in pairwise(widths)]
        self.hidden = nn.ModuleList(maps)
        self.dropout = configuration.dropout
        self.latent = nn.Linear(widths[-1], configuration.latent)
        self.classifier = nn.Linear(configuration.latent, CLASSES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the latent activations and the logits."""
        for index, layer in enumerate(self.hidden):
            if index and self.dropout:
                x = functional.dropout(x, self.dropout)
            x = functional.relu(layer(x), inplace=True)
        z = self.latent(x)
        return z, self.classifier(z)

    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        """Copy the parameters of our network: torch stores W as (out, in)."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                ours = weights[_our_name(name)]
                parameter.copy_(torch.from_numpy(ours.T if name.endswith("weight") else ours[0]))

    def as_ours(self, attribute: str = "data") -> dict[str, np.ndarray]:
        """Return the parameters, or their gradients with `grad`, as our network lays them out."""
        arrays = {
            name: getattr(parameter, attribute).cpu().numpy()
            for name, parameter in self.named_parameters()
        }
        return {
            _our_name(name): array.T if array.ndim == 2 else array[None]
            for name, array in arrays.items()
        }


class TorchData:
    """The training set on the device, and how a minibatch is gathered from it.

    A GPU gathers uint8, as ours does. On the CPU, small minibatches are faster from float32
    that was standardised once, larger ones from uint8.
    """

    def __init__(
        self, dataset: Dataset, device: str, batch: int, dtype: torch.dtype = torch.float32
    ) -> None:
        x = torch.from_numpy(dataset.x_train)
        self.raw = device == "cuda" or batch >= 128
        self.scale, self.shift = float(dataset.scale), float(dataset.shift)
        self.dtype = dtype
        self.x = (x if self.raw else self._standardised(x)).to(device)
        self.y = torch.from_numpy(dataset.y_train).to(device)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the standardised inputs and the labels at these positions."""
        # On the CPU, index_select takes half the time of x[rows].
        x = self.x.index_select(0, rows)
        return self._standardised(x) if self.raw else x, self.y.index_select(0, rows)

    def _standardised(self, x: Tensor) -> Tensor:
        return x.to(self.dtype).mul_(self.scale).add_(self.shift)


def loss_of(z: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy plus the penalty `exp`."""
    return functional.cross_entropy(logits, labels) + GAMMA * z.square().mean().exp()


class TorchPeer:
    """A torch network in training.

    Parameters
    ----------
    configuration : Configuration
        The network, which `make` makes.
    dataset : Dataset
        What it is trained on.
    device : {"cpu", "cuda"}
        Where the data and the network live.
    fused : bool
        Adam in one kernel; otherwise torch's default.
    compiled : bool
        Compile gather, forward pass and loss, and so the backward pass too.
    capturable : bool
        Keep Adam's step counter on the GPU, as a CUDA graph needs it.
    seed : int
        Of the weights and the order of the samples.
    """

    def __init__(
        self,
        configuration: Any,
        dataset: Dataset,
        device: str = "cpu",
        fused: bool = False,
        compiled: bool = False,
        capturable: bool = False,
        seed: int = 0,
    ) -> None:
        torch.set_num_threads(num_threads())
        torch.manual_seed(seed)
        self.network, self.data = self.make(configuration, dataset, device)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), LEARNING_RATE, fused=fused or None, capturable=capturable
        )
        order = torch.from_numpy(make_order(dataset, configuration.batch, seed)).to(device)
        self.batches = order.reshape(-1, configuration.batch)
        self.loss: Callable[[Tensor], Tensor] = self._loss
        if compiled:
            torch._dynamo.reset()  # otherwise the next configuration counts as a recompilation
            # Worker processes would outlive the compilation, and count as load of others.
            torch._inductor.config.compile_threads = 1
            self.loss = torch.compile(self._loss, dynamic=False)

    def make(self, configuration: Any, dataset: Dataset, device: str) -> tuple[Any, TorchData]:
        """Return the network and the training set on a device."""
        network = TorchNetwork(configuration).to(device)
        return network, TorchData(dataset, device, configuration.batch)

    def run(self, steps: int) -> list[float]:
        """Take that many steps; return the losses, which waits for the device."""
        losses = [self.step(self.batches[i % len(self.batches)]) for i in range(steps)]
        return torch.stack(losses).tolist()

    def step(self, rows: Tensor) -> Tensor:
        """Take one step; return the loss before it."""
        self.optimizer.zero_grad(set_to_none=True)
        loss: Any = self.loss(rows)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def _loss(self, rows: Tensor) -> Tensor:
        x, labels = self.data.batch(rows)
        z, logits = self.network(x)
        return loss_of(z, logits, labels)


class TorchGraphPeer(TorchPeer):
    """The whole step captured once as a CUDA graph, and replayed.

    As in torch's notes on CUDA graphs: warm-up on a side stream, indices in a static buffer.
    """

    def __init__(self, configuration: Configuration, dataset: Dataset) -> None:
        super().__init__(configuration, dataset, "cuda", fused=True, capturable=True)
        self.rows = self.batches[0].clone()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                super().step(self.rows)
        torch.cuda.current_stream().wait_stream(side)

        self.optimizer.zero_grad(set_to_none=True)  # the capture makes gradients of its own
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.captured_loss = super().step(self.rows)

    def step(self, rows: Tensor) -> Tensor:
        """Take one step; return the loss before it."""
        self.rows.copy_(rows)
        self.graph.replay()
        return self.captured_loss.clone()  # the next replay overwrites it


def _our_name(name: str) -> str:
    return name.replace("weight", "W").replace("bias", "b")
