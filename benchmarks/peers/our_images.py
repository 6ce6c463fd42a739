"""Ours: a network of images, trained by the parts that a trainer is made of."""

from contextlib import nullcontext
from typing import Any

import numpy as np

from benchmarks.configurations import GAMMA, LEARNING_RATE, make_order
from benchmarks.images import ImageConfiguration
from data_utils import Dataset
from lpc_scratch.backend import Array, Device, get_backend
from lpc_scratch.backend.threads import single_blas_thread
from lpc_scratch.nn.layers import walk
from lpc_scratch.nn.losses import LOSSES
from lpc_scratch.nn.optim import OPTIMIZERS
from lpc_scratch.nn.penalties import PENALTIES
from lpc_scratch.training.step import Executor, Serial, TrainingStep
from lpc_scratch.training.step_graph import StepGraph


class OurImages:
    """One network of images in training.

    Parameters
    ----------
    configuration : ImageConfiguration
        The network.
    dataset : Dataset
        What it is trained on.
    device : {"cpu", "gpu"}
        NumPy or CuPy.
    dtype : numpy dtype
        float32 (default) or float64.

    Attributes
    ----------
    recorded : bool
        Whether the device replays the step as one graph.
    """

    def __init__(
        self,
        configuration: ImageConfiguration,
        dataset: Dataset,
        device: Device = "cpu",
        dtype: Any = np.float32,
    ) -> None:
        self.backend = get_backend(device)
        self.network = network = configuration.network(dataset, dtype, self.backend)
        self.batch = configuration.batch
        self.optimizer: Any = OPTIMIZERS["adam"](network.parameters, network.gradients)
        x, y = map(self.backend.to_device, (dataset.x_train, dataset.y_train))
        self.step = TrainingStep(
            network, self.optimizer, LOSSES["softmax"], PENALTIES["exp"], x, y, self.batch
        )
        self.order = make_order(dataset, self.batch)
        losses = self.backend.xp.empty(len(self.order) // self.batch, network.dtype)
        used = (name for layer in network.leaves() for name in layer.primitives)
        self.recorded = bool(self.backend.graph) and all(map(self.backend.ops.overrides, used))
        self.executor: Executor = (
            StepGraph(self.step, losses, len(dataset.x_train), self.batch)
            if self.recorded
            else Serial(self.step, losses, self.batch)
        )
        self.executor.start_epoch(0)

    def run(self, steps: int) -> None:
        """Take that many steps, an epoch's or fewer in each call; reading the losses waits."""
        epoch = len(self.order) // self.batch
        for start in range(0, steps, epoch):
            self.take(self.order[: min(epoch, steps - start) * self.batch])

    def take(self, order: Array) -> Array:
        """Take a step for every minibatch of an order of samples; return the losses."""
        # Convolutions share their work out to threads, and hold BLAS to one in each.
        with single_blas_thread() if self.backend.name == "cpu" else nullcontext():
            losses = self.executor.take_steps(order, LEARNING_RATE, GAMMA)
        return self.backend.to_host(losses)

    def buffers(self) -> int:
        """Return the bytes that the layers keep from step to step besides the parameters."""
        kept = {id(b): b.nbytes for _, layer in walk(self.network) for b in layer.buffers.values()}
        return sum(kept.values())
