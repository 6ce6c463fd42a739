"""Ours: the trainer of this project."""

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.configurations import GAMMA, LEARNING_RATE, Configuration, make_order
from data_utils import Dataset
from lpc_scratch.backend import Device
from lpc_scratch.backend.numpy_ops import NumpyOps
from lpc_scratch.nn.optim import Optimizer
from lpc_scratch.training.trainer import Trainer


class OurPeer:
    """One network, or a stack of them on the member axis.

    Parameters
    ----------
    configuration : Configuration
        The network.
    dataset : Dataset
        What it is trained on.
    seeds : sequence of int
        One for each network; each sees the samples in an order of its own.
    device : {"cpu", "gpu"}
        NumPy or CuPy.
    numba : bool
        Take Adam's step in a loop compiled by numba, whatever the size of the network; on the CPU
        it is never compiled otherwise.
    """

    def __init__(
        self,
        configuration: Configuration,
        dataset: Dataset,
        seeds: Sequence[int] = (0,),
        device: Device = "cpu",
        numba: bool = False,
    ) -> None:
        self.trainer = Trainer(configuration.train_config(seeds, device), dataset)
        if device == "cpu":
            assert isinstance(self.trainer.optimizer, Optimizer)
            self.trainer.optimizer.ops = NumpyOps(compiled_from=0 if numba else math.inf)
        self.trainer.start_epoch(0)
        orders = [make_order(dataset, configuration.batch, seed) for seed in seeds]
        self.order = np.stack(orders) if len(seeds) > 1 else orders[0]

    def run(self, steps: int) -> None:
        """Take that many steps, an epoch's or fewer in each call; reading the losses waits."""
        batch, epoch = self.trainer.batch_size, self.trainer.steps_per_epoch
        for start in range(0, steps, epoch):
            count = min(epoch, steps - start)
            self.trainer.take_steps(self.order[..., : count * batch], LEARNING_RATE, GAMMA)
