"""Many networks at once in torch: `vmap` over functional models, and fused Adam."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from benchmarks.configurations import LEARNING_RATE, Configuration, make_order
from benchmarks.peers.torch_peer import TorchData, TorchNetwork, loss_of
from data_utils import Dataset
from lpc_scratch.backend.threads import num_threads


class TorchVmapPeer:
    """E torch networks in training on the CPU, each with minibatches of its own.

    Parameters
    ----------
    configuration : Configuration
        The network.
    dataset : Dataset
        What they are trained on.
    members : int
        E.
    """

    def __init__(self, configuration: Configuration, dataset: Dataset, members: int) -> None:
        torch.set_num_threads(num_threads())
        torch.manual_seed(0)
        networks = [TorchNetwork(configuration) for _ in range(members)]
        stacked, _ = stack_module_state(networks)
        self.parameters = {name: value.detach() for name, value in stacked.items()}
        self.optimizer = torch.optim.Adam(self.parameters.values(), LEARNING_RATE, fused=True)
        self.data = TorchData(dataset, "cpu", configuration.batch)
        orders = [make_order(dataset, configuration.batch, seed) for seed in range(members)]
        self.batches = torch.from_numpy(np.stack(orders)).reshape(members, -1, configuration.batch)
        skeleton = networks[0].to("meta")

        def loss(parameters: dict[str, Tensor], x: Tensor, labels: Tensor) -> Tensor:
            z, logits = functional_call(skeleton, parameters, (x,))
            return loss_of(z, logits, labels)

        self.gradients: Any = vmap(grad_and_value(loss))

    def run(self, steps: int) -> None:
        """Take that many steps of every network."""
        members, epoch, batch = self.batches.shape
        for step in range(steps):
            x, labels = self.data.batch(self.batches[:, step % epoch].reshape(-1))
            gradients, _ = self.gradients(
                self.parameters, x.view(members, batch, -1), labels.view(members, batch)
            )
            for name, gradient in gradients.items():
                self.parameters[name].grad = gradient
            self.optimizer.step()
