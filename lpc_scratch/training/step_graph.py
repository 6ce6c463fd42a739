"""Training steps replayed as one CUDA graph.

On a GPU the launches of a step cost more than its work. So a step is recorded once, from the rows
of the minibatch to the new parameters, and an epoch is so many replays, without a word from the
host: the number of the step, the learning rate and gamma are read from the device.
"""

from typing import Any

import numpy as np

from lpc_scratch.backend import Array
from lpc_scratch.nn.layers import walk
from lpc_scratch.training.step import Rate, TrainingStep


class StepGraph:
    """Takes steps as replays of one that is recorded when it is first needed; an `Executor`.

    Parameters
    ----------
    take_step : TrainingStep
        What a step is.
    losses : array (steps, ...)
        Where the losses of an order are written, on the device.
    samples : int
        Size of the training set.
    batch_size : int
        B.
    """

    def __init__(
        self, take_step: TrainingStep, losses: Array, samples: int, batch_size: int
    ) -> None:
        network = take_step.network
        assert network.backend.graph is not None
        xp, stack = network.backend.xp, network.stack
        self._take_step = take_step
        self._ops: Any = network.backend.ops  # of a device that records
        self._to_device = network.backend.to_device
        self._graph = network.backend.graph()
        self._order = xp.empty((*stack, samples), np.int64)
        self._batch_size = batch_size
        self._step = xp.zeros((), np.int64)  # number of the step in the order
        self._steps = xp.zeros((), np.int64)  # number of steps that the optimiser has taken
        self._rates = [xp.zeros((), np.float64) for _ in range(2)]  # of as many parts
        self._rate: Any = None  # those, or the first
        self._gamma = xp.zeros((*stack, 1, 1), network.dtype)
        self._kept: list[dict[str, Array]] = []
        self._losses = losses

    def start_epoch(self, epoch: int) -> None:
        """Make the networks draw the dropout of an epoch, counted from 0."""
        self._take_step.network.start_epoch(epoch)

    def take_steps(self, order: Array, learning_rate: Rate, gamma: float | Array) -> Array:
        """Take a step for every whole minibatch of an order of samples; see `Executor`."""
        steps = order.shape[-1] // self._batch_size
        optimizer, network = self._take_step.optimizer, self._take_step.network
        self._order[..., : order.shape[-1]] = self._to_device(order)
        self._step.fill(0)
        self._steps.fill(optimizer.steps)
        rates = [learning_rate] if isinstance(learning_rate, float) else learning_rate
        for on_device, rate in zip(self._rates, rates, strict=False):
            on_device.fill(rate)
        self._rate = self._rates if rates is learning_rate else self._rates[0]
        self._gamma[...] = gamma
        done, optimizer.steps = optimizer.steps, self._steps
        try:
            with self._graph:
                for _ in range(steps):
                    if self._graph.recorded:
                        self._graph.replay()
                    else:
                        # The first step is launched, which makes the buffers and loads the
                        # kernels; recording one does not run it. The replays write into these
                        # buffers, also where a forward pass of another size replaces them.
                        self._launch()
                        self._graph.record(self._launch)
                        self._kept = [dict(layer.buffers) for _, layer in walk(network)]
        finally:
            optimizer.steps = done + steps
        return self._losses[:steps]

    def _launch(self) -> None:
        rows = self._ops.next_rows(self._order, self._step, self._batch_size)
        loss = self._take_step(rows, self._rate, self._gamma)
        self._ops.end_step(loss, self._losses, self._step)
