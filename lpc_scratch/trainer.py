"""One epoch of training, and one step: what the whole program is for."""

import time

import numpy as np

from data_utils import Dataset
from lpc_scratch.backend import Array, get_backend
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import DivergenceError
from lpc_scratch.nn.losses import LOSSES, PENALTIES
from lpc_scratch.nn.network import Network
from lpc_scratch.nn.optim import SGD, Adam, AdamW
from lpc_scratch.seeding import generator


class Trainer:
    """Networks in training on one data set: all that an epoch reads and changes.

    Parameters
    ----------
    config : TrainConfig
        All settings.
    dataset : Dataset
        The data; it stays on the device as stored.

    Attributes
    ----------
    network : Network
        One network, or a stack of E if the configuration has several seeds.
    optimizer : SGD, Adam or AdamW
        Works on the network's flat parameters.
    seconds : float
        Time spent in epochs, measurements not counted.

    Raises
    ------
    DeviceError
        If the configuration's device cannot be used.
    """

    def __init__(self, config: TrainConfig, dataset: Dataset) -> None:
        self.config = config
        self.dataset = dataset
        self.backend = get_backend(config.device)
        self.network = Network(
            dataset.num_features,
            dataset.num_classes,
            architecture=config.architecture,
            hidden=config.hidden,
            latent_dim=config.latent_dim,
            activation=config.activation,
            dropout=config.dropout,
            initialization=config.initialization,
            seeds=config.seeds if len(config.seeds) > 1 else config.seeds[0],
            dtype=config.dtype,
            backend=self.backend,
        )
        self.optimizer = _make_optimizer(config, self.network)
        self.loss = LOSSES[config.loss]
        self.penalty = PENALTIES[config.penalty] if config.architecture == "binary" else None
        self.seconds = 0.0

        to_device = self.backend.to_device
        self.x_train, self.y_train = to_device(dataset.x_train), to_device(dataset.y_train)
        self.x_test = to_device(dataset.x_test)
        self.batch_size = min(config.batch_size, len(dataset.x_train))
        self.steps_per_epoch = len(dataset.x_train) // self.batch_size  # drops a partial batch
        self._make_buffers()

    def run_epoch(self, epoch: int) -> float:
        """Train one epoch, counted from 0; return the mean loss of its batches and members.

        Raises
        ------
        DivergenceError
            If a loss was not finite, naming the first such step, or the optimiser's moments are
            not. Both are read once an epoch, so that a GPU is not kept waiting at every step.
        """
        started = time.perf_counter()
        learning_rate, gamma = self.config.learning_rate_at(epoch), self.config.gamma_at(epoch)
        self.network.start_epoch(epoch)
        order = self.backend.to_device(self._shuffle(epoch))
        with np.errstate(over="ignore", invalid="ignore"):  # divergence is reported below
            for step in range(self.steps_per_epoch):
                rows = order[..., step * self.batch_size : (step + 1) * self.batch_size]
                self._losses[step] = self.step(rows, learning_rate, gamma)
        losses = self.backend.to_host(self._losses).reshape(self.steps_per_epoch, -1)
        self.seconds += time.perf_counter() - started
        bad_steps, bad_members = np.nonzero(~np.isfinite(losses))
        if len(bad_steps):
            step, member = bad_steps[0], bad_members[0]
            raise self.divergence(
                f"the loss of seed {self.config.seeds[member]} became {losses[step, member]} in "
                f"step {step + 1} of {self.steps_per_epoch} of epoch {epoch + 1}",
                epoch,
            )
        # Squared gradients overflow before the loss, and then all of Adam's steps are zero.
        isfinite = self.backend.xp.isfinite
        if not all(isfinite(moment).all() for moment in self.optimizer.moments.values()):
            raise self.divergence(
                f"the gradients overflowed by the end of epoch {epoch + 1}", epoch
            )
        return float(losses.mean())

    def step(self, rows: Array, learning_rate: float, gamma: float) -> Array:
        """Take one optimiser step.

        Parameters
        ----------
        rows : integer array (..., B)
            Positions of the minibatch's samples in the training set.
        learning_rate, gamma : float
            Step size and strength of the penalty.

        Returns
        -------
        array (...)
            Loss before the step, cross-entropy plus penalty, in the network's dtype.
        """
        ops, network = self.backend.ops, self.network
        scale, shift = self.dataset.scale, self.dataset.shift
        x = ops.gather(self.x_train, rows, scale, shift, self._raw, self._x)
        labels = ops.gather_labels(self.y_train, rows, self._labels)

        logits = network.forward(x, training=True)
        loss, dlogits = self.loss(logits, labels, out=self._dlogits)
        dpenalty = None
        if self.penalty:
            penalty, dpenalty = self.penalty(network.latent, gamma, out=self._dpenalty)
            loss = loss + penalty
        network.backward(dlogits, dpenalty)
        self.optimizer.step(learning_rate)
        return loss

    def divergence(self, what: str, epoch: int) -> DivergenceError:
        """Return the error that says what diverged in an epoch, from 0, and what to do."""
        causes = [f"the learning rate ({self.config.learning_rate_at(epoch):g})"]
        if self.penalty:
            causes.insert(0, f"gamma ({self.config.gamma_at(epoch):g})")
        return DivergenceError(
            f"training diverged: {what}; lower {' or '.join(causes)} "
            "(what was saved before is kept)"
        )

    def _shuffle(self, epoch: int) -> Array:
        """Return the order of the samples in an epoch, (..., N): each member has its own."""
        samples = len(self.dataset.x_train)
        orders = [generator(s, "shuffle", epoch).permutation(samples) for s in self.config.seeds]
        return np.stack(orders).reshape(*self.network.stack, samples)

    def _make_buffers(self) -> None:
        """Allocate the minibatch, and the gradients that the losses write."""
        network, dtype = self.network, self.network.dtype
        empty, batch = self.backend.xp.empty, (*network.stack, self.batch_size)
        self._raw = empty((*batch, self.dataset.num_features), self.x_train.dtype)
        self._x = empty(self._raw.shape, dtype)
        self._labels = empty(batch, self.y_train.dtype)
        self._dlogits = empty((*batch, self.dataset.num_classes), dtype)
        self._dpenalty = empty((*batch, network.latent_dim), dtype)
        self._losses = empty((self.steps_per_epoch, *network.stack), dtype)


def _make_optimizer(config: TrainConfig, network: Network) -> SGD | Adam:
    vectors = (network.parameters, network.gradients)
    if config.optimizer == "sgd":
        return SGD(*vectors, momentum=config.momentum, weight_decay=config.weight_decay)
    return {"adam": Adam, "adamw": AdamW}[config.optimizer](
        *vectors,
        betas=(config.beta1, config.beta2),
        epsilon=config.epsilon,
        weight_decay=config.weight_decay,
    )
