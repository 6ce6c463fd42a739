"""The members of a stack trained side by side, in groups on the threads of the CPU."""

from collections.abc import Callable

from lpc_scratch.backend import Array
from lpc_scratch.backend.threads import in_threads, split
from lpc_scratch.nn.network import Network
from lpc_scratch.nn.optim import Optimizer
from lpc_scratch.nn.optim.parts import Parts
from lpc_scratch.training.step import Rate, Serial, TrainingStep


class Members:
    """Takes the steps of groups of members, each group on a thread; an `Executor`.

    Parameters
    ----------
    make_step : callable
        Returns the step of a network with its optimiser.
    network : Network
        The stack of E.
    optimizer : Optimizer or Parts
        Works on its parameters; counts its steps.
    losses : array (steps, E)
        Where the losses of an order are written.
    batch_size : int
        B.
    count : int
        Number of groups.
    """

    def __init__(
        self,
        make_step: Callable[[Network, Optimizer | Parts], TrainingStep],
        network: Network,
        optimizer: Optimizer | Parts,
        losses: Array,
        batch_size: int,
        count: int,
    ) -> None:
        self.optimizer, self.losses = optimizer, losses
        self._groups: list[tuple[slice, Serial]] = []
        for part in split(len(network.seeds), count):
            part_optimizer = optimizer.restricted_to(network.stretches(part))
            step = make_step(network.members(part), part_optimizer)
            self._groups.append((part, Serial(step, losses[:, part], batch_size)))

    def start_epoch(self, epoch: int) -> None:
        """Make the networks draw the dropout of an epoch, counted from 0."""
        for _, group in self._groups:
            group.start_epoch(epoch)

    def take_steps(self, order: Array, learning_rate: Rate, gamma: float | Array) -> Array:
        """Take a step for every whole minibatch of an order of samples; see `Executor`."""
        taken = self.optimizer.steps

        def train(members_and_group: tuple[slice, Serial]) -> int:
            members, group = members_and_group
            group.step.optimizer.steps = taken
            strength = gamma if isinstance(gamma, float) else gamma[members]
            return len(group.take_steps(order[members], learning_rate, strength))

        steps = in_threads(train, self._groups)[0]
        self.optimizer.steps = taken + steps
        return self.losses[:steps]
