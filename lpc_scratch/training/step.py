"""One step of training: from the rows of a minibatch to new parameters; and many of them."""

from collections.abc import Sequence
from typing import Any, Protocol

from lpc_scratch.backend import Array
from lpc_scratch.nn.losses import Loss
from lpc_scratch.nn.network import Network
from lpc_scratch.nn.optim import Optimizer
from lpc_scratch.nn.optim.parts import Parts
from lpc_scratch.nn.penalties import Penalty

Rate = float | Sequence[float]
"""A learning rate, or one for each part of a network that has an optimiser of its own."""


class TrainingStep:
    """Gather a minibatch, go forward and back through a network, and update it.

    Parameters
    ----------
    network : Network
        One network or a stack of E; the scale and the shift of its standardisation are what is
        left to do to a minibatch.
    optimizer : Optimizer or Parts
        Works on the network's parameters.
    loss : Loss
        Cross-entropy on the logits.
    penalty : Penalty or None
        What pulls the latent activations to the origin.
    x_train, y_train : array
        The training set on the network's device.
    batch_size : int
        B.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer | Parts,
        loss: Loss,
        penalty: Penalty | None,
        x_train: Array,
        y_train: Array,
        batch_size: int,
    ) -> None:
        self.network, self.optimizer = network, optimizer
        self.loss, self.penalty = loss, penalty
        self.x_train, self.y_train = x_train, y_train
        self._factors = network.standardisation.factors(network.dtype, network.backend)
        self.ops = network.backend.ops

        # The minibatch, and the gradients that the losses write: made once, for every step.
        empty, batch = network.backend.xp.empty, (*network.stack, batch_size)
        self._raw = empty((*batch, network.features), x_train.dtype)
        self._x = empty(self._raw.shape, network.dtype)
        self._labels = empty(batch, y_train.dtype)
        self._dlogits = empty((*batch, network.classes), network.dtype)
        self._dpenalty = empty((*batch, network.latent_dim), network.dtype)

    def __call__(self, rows: Array, learning_rate: Any, gamma: float | Array) -> Array:
        """Take one step.

        Parameters
        ----------
        rows : integer array (..., B)
            Positions of the minibatch's samples in the training set; what a device's `next_rows`
            returns where it replays the step.
        learning_rate : float, or one for each part
            Step size; 0-d arrays on a device that replays the step.
        gamma : float or array (..., 1, 1)
            Strength of the penalty, of all members or of each.

        Returns
        -------
        array (...)
            Loss before the step, cross-entropy plus penalty, in the network's dtype.
        """
        ops, network = self.ops, self.network
        x = ops.gather(self.x_train, rows, *self._factors, self._raw, self._x)
        labels = ops.gather_labels(self.y_train, rows, self._labels)

        logits = network.forward(x, training=True)
        loss, dlogits = self.loss(logits, labels, out=self._dlogits)
        dpenalty = None
        if self.penalty:
            penalty, dpenalty = self.penalty(network.latent, gamma, out=self._dpenalty)
            loss += penalty
        network.backward(dlogits, dpenalty)
        self.optimizer.step(learning_rate)
        return loss


class Executor(Protocol):
    """Takes the steps of an epoch: one after the other, on threads, or as a recorded graph."""

    def start_epoch(self, epoch: int) -> None:
        """Make the networks draw the dropout of an epoch, counted from 0."""

    def take_steps(self, order: Array, learning_rate: Rate, gamma: float | Array) -> Array:
        """Take a step for every whole minibatch of an order of samples.

        Parameters
        ----------
        order : integer array (..., n) on the host
            Positions in the training set.
        learning_rate : float, or one for each part
            Step size.
        gamma : float or array (..., 1, 1)
            Strength of the penalty.

        Returns
        -------
        array (steps, ...) on the device
            Loss before each step; overwritten by the next call.
        """


class Serial:
    """Takes one step after the other; an `Executor`.

    Parameters
    ----------
    step : TrainingStep
        What a step is.
    losses : array (steps, ...)
        Where the losses of an order are written.
    batch_size : int
        B.
    """

    def __init__(self, step: TrainingStep, losses: Array, batch_size: int) -> None:
        self.step, self.losses, self.batch_size = step, losses, batch_size

    def start_epoch(self, epoch: int) -> None:
        """Make the networks draw the dropout of an epoch, counted from 0."""
        self.step.network.start_epoch(epoch)

    def take_steps(self, order: Array, learning_rate: Rate, gamma: float | Array) -> Array:
        """Take a step for every whole minibatch of an order of samples; see `Executor`."""
        rows, B = self.step.network.backend.to_device(order), self.batch_size
        steps = order.shape[-1] // B
        for number in range(steps):
            batch = rows[..., number * B : (number + 1) * B]
            self.losses[number] = self.step(batch, learning_rate, gamma)
        return self.losses[:steps]
