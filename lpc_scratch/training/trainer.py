"""Networks in training: epochs of steps, on one thread, on several, or as a recorded graph."""

import math
import time
import warnings
from contextlib import nullcontext
from functools import cached_property

import numpy as np

from data_utils import Dataset
from lpc_scratch.backend import Array, get_backend
from lpc_scratch.backend.threads import num_threads, single_blas_thread
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError, DivergenceError, NoKernelWarning
from lpc_scratch.nn.fusion import fused
from lpc_scratch.nn.inference import latent_and_logits, standardised
from lpc_scratch.nn.inputs import Standardisation
from lpc_scratch.nn.layers import Conv2d, walk
from lpc_scratch.nn.losses import LOSSES
from lpc_scratch.nn.network import Network
from lpc_scratch.nn.optim import Optimizer
from lpc_scratch.nn.optim.parts import Parts
from lpc_scratch.nn.penalties import penalty_of
from lpc_scratch.nn.seeding import generator
from lpc_scratch.training.build import make_network, make_optimizer
from lpc_scratch.training.members import Members
from lpc_scratch.training.step import Executor, Rate, Serial, TrainingStep
from lpc_scratch.training.step_graph import StepGraph

# Thresholds on the multiplications in the largest matrix product of a step, measured on two cores.
# They rest on the sizes of one member alone: a stack must give the bits of the single runs, and
# those can depend on the number of BLAS threads.
_SMALL_PRODUCT = 8_000_000  # below, BLAS gains nothing by a second thread
_GROUP_PRODUCT = 1_000_000  # below, threads wait for the interpreter more than they work
_GROUP = 2  # the same for the members of a thread


class Trainer:
    """Networks in training on one data set: all that an epoch reads and changes.

    Parameters
    ----------
    config : TrainConfig
        All settings.
    dataset : Dataset
        The data.
    keep_going : bool
        Whether the other members of a stack train on after one of them has diverged.

    Attributes
    ----------
    network : Network
        One network, or a stack of E if the configuration has several seeds.
    optimizer : Optimizer or Parts
        Works on the network's flat parameters.
    x_train, x_test, x_validation, y_train : array
        The data on the device; inputs in the form that `latent_and_logits` takes. `x_validation`
        is None where there is no such part.
    seconds : float
        Time spent in epochs, measurements not counted.
    samples_per_second : float
        Throughput of the last epoch; a sample counts once for each member.
    diverged : dict of int to str
        What happened to the members that are no longer in training, by their position.

    Raises
    ------
    ConfigError
        If the data are not for the backbone, or a single sample that has no statistics.
    DeviceError
        If the configuration's device cannot be used.

    Warns
    -----
    NoKernelWarning
        If the device has no kernel for a layer, its optimiser or penalty.
    """

    def __init__(self, config: TrainConfig, dataset: Dataset, keep_going: bool = False) -> None:
        self.config = config
        self.dataset = dataset
        self.keep_going = keep_going
        self.diverged: dict[int, str] = {}
        if config.takes_images and config.batch_norm and len(dataset.x_train) == 1:
            raise ConfigError("a single training sample has no statistics: do without batch_norm")
        self.backend = get_backend(config.device)
        self.network = make_network(config, dataset, self.backend)
        self.optimizer = make_optimizer(config, self.network)
        self.loss = LOSSES[config.loss]
        self.penalty = None
        if config.architecture == "binary":
            self.penalty = penalty_of(config.penalty, config.penalty_power)
        self.seconds = 0.0
        self.samples_per_second = 0.0

        self.batch_size = min(config.batch_size, len(dataset.x_train))
        self.steps_per_epoch = config.steps_per_epoch(len(dataset.x_train))
        self._reader, inputs = self._bring_inputs()
        self.x_train, self.x_test, *validation = inputs
        self.x_validation = validation[0] if validation else None
        self.y_train = self.backend.to_device(dataset.y_train)
        self._executor = self._choose_executor()

    def run_epoch(self, epoch: int) -> float:
        """Train one epoch, counted from 0; return the mean loss of its batches and members.

        Raises
        ------
        DivergenceError
            If a loss was not finite, naming the first such step, or weights or the optimiser's
            moments are not, unless the others are to keep going. All are read once an epoch, so
            that a GPU is not kept waiting at every step.
        """
        started = time.perf_counter()
        self.start_epoch(epoch)
        rates, gamma = self.config.learning_rates_at(epoch), self.gamma_at(epoch)
        losses = self.take_steps(self._shuffle(epoch), rates, gamma)
        losses = losses.reshape(self.steps_per_epoch, -1)
        elapsed = time.perf_counter() - started
        self.seconds += elapsed
        self.samples_per_second = losses.size * self.batch_size / elapsed
        for member, seed in self.in_training():
            bad_steps = np.flatnonzero(~np.isfinite(losses[:, member]))
            if len(bad_steps):
                step = bad_steps[0]
                self.report_divergence(
                    member,
                    f"the loss of seed {seed} became {losses[step, member]} in step {step + 1} of "
                    f"{self.steps_per_epoch} of epoch {epoch + 1}",
                    epoch,
                )
        # Squared gradients overflow before the loss, and then all of Adam's steps are zero; weights
        # overflow in the last step without a loss to show it, and must not be saved.
        for member, seed in () if self._is_finite() else self.in_training():
            if not self._is_finite(member):
                self.report_divergence(
                    member,
                    f"gradients or weights of seed {seed} overflowed by the end of epoch "
                    f"{epoch + 1}",
                    epoch,
                )
        members = [member for member, _ in self.in_training()]
        return float(losses[:, members].mean()) if members else math.nan

    def in_training(self) -> list[tuple[int, int]]:
        """Return position and seed of every member that has not diverged."""
        return [m for m in enumerate(self.config.seeds) if m[0] not in self.diverged]

    def start_epoch(self, epoch: int) -> None:
        """Make the networks draw the dropout of an epoch, counted from 0."""
        self._executor.start_epoch(epoch)

    def gamma_at(self, epoch: int) -> float | Array:
        """Return the strength of the penalty in an epoch, from 0: one for all, or (E, 1, 1)."""
        gammas = self.config.gammas_at(epoch)
        if len(set(gammas)) == 1:
            return gammas[0]
        return self.backend.to_device(np.array(gammas).reshape(-1, 1, 1))

    def take_steps(self, order: Array, learning_rate: Rate, gamma: float | Array) -> Array:
        """Take one optimiser step for every whole minibatch of an order of samples.

        Parameters
        ----------
        order : integer array (..., n) on the host, n at most the size of the training set
            Positions in the training set.
        learning_rate : float, or one for each of two parts
            Step size, as `TrainConfig.learning_rates_at` returns it.
        gamma : float or array (E, 1, 1)
            Strength of the penalty, as `gamma_at` returns it.

        Returns
        -------
        array (steps, ...) on the host
            Loss before each step.
        """
        threads = single_blas_thread() if self._is_small() else nullcontext()
        # Divergence shows in the losses: let it pass until they are read.
        with threads, np.errstate(over="ignore", invalid="ignore"):
            losses = self._executor.take_steps(order, learning_rate, gamma)
        return self.backend.to_host(losses)

    def latent_and_logits(self, x: Array) -> tuple[Array, Array]:
        """Return latent (..., n, D) and logits (..., n, K) of `x_train` and the like, as they are.

        Without dropout, on the device.
        """
        return latent_and_logits(self._reader, x)

    def report_divergence(self, member: int, what: str, epoch: int) -> None:
        """Raise DivergenceError with what happened in an epoch, from 0, and what to do.

        Where the other members are to keep going, note it in `diverged` instead.
        """
        causes = [f"the learning rate ({self.config.learning_rate_at(epoch):g})"]
        if self.penalty:
            causes.insert(0, f"gamma ({self.config.gammas_at(epoch)[member]:g})")
        message = f"training diverged: {what}; lower {' or '.join(causes)}"
        if not self.keep_going:
            raise DivergenceError(f"{message} (what was saved before is kept)")
        self.diverged[member] = message

    def _is_finite(self, member: int | None = None) -> bool:
        """Return whether all weights and moments are finite, of one member or of all."""
        stretches, optimizer = [slice(None)], self.optimizer
        if member is not None:
            stretches = self.network.stretches(slice(member, member + 1))
            optimizer = optimizer.restricted_to(stretches)
        isfinite, parameters = self.backend.xp.isfinite, self.network.parameters
        return all(isfinite(parameters[p]).all() for p in stretches) and optimizer.is_finite()

    def _shuffle(self, epoch: int) -> Array:
        """Return the order of the samples in an epoch, (..., N): each member has its own."""
        samples = len(self.dataset.x_train)
        orders = [generator(s, "shuffle", epoch).permutation(samples) for s in self.config.seeds]
        return np.stack(orders).reshape(*self.network.stack, samples)

    def _bring_inputs(self) -> tuple[Network, list[Array]]:
        """Return the inputs on the device, and the network that takes them so.

        They are those of training, test and, where there is one, the validation part. Pixels stay
        as stored, in one byte each, and are standardised a minibatch at a time. Features of one's
        own are standardised here once, in float64.
        """
        data = self.dataset
        inputs = [x for x in (data.x_train, data.x_test, data.x_validation) if x is not None]
        if data.feature_mean is None:
            return self.network, [self.backend.to_device(x) for x in inputs]
        there = [standardised(self.network, x) for x in inputs]
        return self.network.shown(Standardisation()), there

    def _make_step(self, network: Network, optimizer: Optimizer | Parts) -> TrainingStep:
        data = (self.x_train, self.y_train)
        return TrainingStep(network, optimizer, self.loss, self.penalty, *data, self.batch_size)

    def _choose_executor(self) -> Executor:
        """Return what takes the steps: a recorded graph, threads for members, or one by one."""
        shape = (self.steps_per_epoch, *self.network.stack)
        losses = self.backend.xp.empty(shape, self.network.dtype)
        stack = (self._reader, self.optimizer)
        count = min(num_threads(), len(self.config.seeds) // _GROUP)
        busy = self._convolves or self._largest_product >= _GROUP_PRODUCT
        if count > 1 and self._is_small() and busy:
            return Members(self._make_step, *stack, losses, self.batch_size, count)
        if self.backend.graph and self._has_kernels():
            step = self._make_step(fused(self._reader), self.optimizer)
            return StepGraph(step, losses, len(self.dataset.x_train), self.batch_size)
        return Serial(self._make_step(*stack), losses, self.batch_size)

    def _has_kernels(self) -> bool:
        """Return whether the device has kernels for the optimisers and the penalty; warn if not."""
        penalty = (self.penalty.primitive,) if self.penalty else ()
        layers = tuple(name for _, layer in walk(self.network) for name in layer.primitives)
        used = {"layers": layers, "optimiser": self.optimizer.primitives, "penalty": penalty}
        there = self.backend.ops.overrides
        lacking = [name for name, primitives in used.items() if not all(map(there, primitives))]
        if lacking:
            warnings.warn(
                f"{self.config.device} has no kernel for the {' and the '.join(lacking)} of this "
                "run: it trains step by step, by the reference, which takes some times as long",
                NoKernelWarning,
                stacklevel=4,
            )
        return not lacking

    def _is_small(self) -> bool:
        """Return whether BLAS gains nothing by a second thread; convolutions have their own."""
        small = self._convolves or self._largest_product < _SMALL_PRODUCT
        return self.backend.name == "cpu" and small

    @cached_property
    def _convolves(self) -> bool:
        return any(isinstance(layer, Conv2d) for layer in self.network.leaves())

    @cached_property
    def _largest_product(self) -> int:
        """Return the multiplications in the largest matrix product of a member's step."""
        weights = self.network.named_parameters().values()
        return self.batch_size * max(W.shape[-2] * W.shape[-1] for W in weights)
