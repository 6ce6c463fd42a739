"""The proof that ours and torch's take the same step."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.configurations import GAMMA, LEARNING_RATE, Configuration
from benchmarks.errors import BenchmarkError
from benchmarks.images import ImageConfiguration
from data_utils import Dataset
from lpc_scratch.backend import Device
from lpc_scratch.training.trainer import Trainer

TOLERANCE = 1e-5
_KINK = 5e-6  # far above the rounding of a pre-activation in float32


@dataclass(frozen=True)
class Agreement:
    """Relative differences between one step of ours and of torch's.

    Attributes
    ----------
    loss, gradients, parameters : float
        |a - b| / |b| of the loss, of the vector of all gradients, and of all parameters after
        Adam's step.
    """

    loss: float
    gradients: float
    parameters: float

    def require(self, name: str) -> None:
        """Raise BenchmarkError if one of them is not below the tolerance."""
        for what, difference in asdict(self).items():
            if not difference < TOLERANCE:  # nan is refused too
                raise BenchmarkError(
                    f"ours and torch's do not take the same step of {name}: the relative "
                    f"difference of the {what} is {difference:.1e}, not below {TOLERANCE:.0e}, "
                    "so nothing is timed"
                )


def compare_steps(
    configuration: Configuration, dataset: Dataset, device: Device = "cpu", fused: bool = False
) -> Agreement:
    """Take one step of ours and one of torch's from the same weights, without dropout.

    Parameters
    ----------
    configuration : Configuration
        The network and its batch size.
    dataset : Dataset
        Where the minibatch is taken from.
    device : {"cpu", "gpu"}
        Where both run.
    fused : bool
        Take torch's fused Adam.

    Raises
    ------
    ModuleNotFoundError
        If torch is not installed.
    """
    import torch

    from benchmarks.peers.torch_peer import TorchPeer

    configuration = configuration.without_dropout()
    trainer = Trainer(configuration.train_config(device=device), dataset)
    to_host = trainer.backend.to_host

    def host(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: np.array(to_host(value)) for name, value in values.items()}

    weights = host(trainer.network.named_parameters())
    rows = _rows_off_the_kink(configuration, dataset, weights)
    ours = trainer.take_steps(rows, LEARNING_RATE, GAMMA)[0]
    gradients = np.array(to_host(trainer.network.gradients))

    name = {"cpu": "cpu", "gpu": "cuda"}[device]
    peer = TorchPeer(configuration, dataset, name, fused=fused)
    peer.network.load(weights)
    theirs = peer.step(torch.from_numpy(rows).to(name)).item()
    return Agreement(
        abs(float(ours) - theirs) / abs(theirs),
        relative_difference(gradients, _flat(peer.network.as_ours("grad"), weights)),
        relative_difference(
            np.array(to_host(trainer.network.parameters)), _flat(peer.network.as_ours(), weights)
        ),
    )


def compare_image_steps(
    configuration: ImageConfiguration, device: Device = "cpu", channels_last: bool = False
) -> Agreement:
    """Take one step of ours and one of torch's from the same weights, in float64.

    The running statistics of batch normalisation count as parameters.

    Raises
    ------
    ModuleNotFoundError
        If torch is not installed.
    """
    import torch

    from benchmarks.peers.our_images import OurImages
    from benchmarks.peers.torch_images import TorchImages

    place = {"cpu": "cpu", "gpu": "cuda"}[device]
    dataset = configuration.dataset()
    ours = OurImages(configuration, dataset, device, np.float64)
    theirs = TorchImages(configuration, dataset, place, channels_last, np.float64)
    rows = ours.order[: configuration.batch]
    losses = float(ours.take(rows)[0]), theirs.step(torch.from_numpy(rows).to(place)).item()

    def flat(arrays: dict[str, Any]) -> np.ndarray:
        return np.concatenate([np.ravel(arrays[name]) for name in after])

    network, to_host = ours.network, ours.backend.to_host
    after = network.named_parameters() | network.named_state()
    found = flat({name: to_host(array) for name, array in after.items()})
    expected = flat(theirs.network.as_ours() | theirs.network.statistics())
    after = network.named_parameters()  # the gradients are those of these alone
    return Agreement(
        abs(losses[0] - losses[1]) / abs(losses[1]),
        relative_difference(to_host(network.gradients), flat(theirs.network.as_ours("grad"))),
        relative_difference(found, expected),
    )


def sentence(proof: Sequence[Mapping[str, Any]], condition: str) -> str:
    """Return what was proved, and under which condition; or that nothing was."""
    if not proof:
        return "torch is not installed: that ours takes torch's step could not be proved."
    worst = {what: max(entry[what] for entry in proof) for what in Agreement.__annotations__}
    return (
        f"Ours and torch's take the same step from the same weights {condition}. The largest "
        "relative differences are "
        + ", ".join(f"{value:.1e} ({what})" for what, value in worst.items())
        + f"; {TOLERANCE:.0e} is allowed."
    )


def relative_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return |a - b| / |b| in the Euclidean norm."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def _flat(values: dict[str, np.ndarray], layout: dict[str, np.ndarray]) -> np.ndarray:
    """Return the values one after another, in the order of our flat vectors."""
    return np.concatenate([values[name].ravel() for name in layout])


def _rows_off_the_kink(
    configuration: Configuration, dataset: Dataset, weights: dict[str, np.ndarray]
) -> np.ndarray:
    """Return a minibatch without pre-activations that could round to either side of 0.

    The slope of ReLU jumps there. One unit on different sides changes the gradient by up to 1e-3,
    and with millions of activations there is nearly always one, though neither side is wrong.
    """
    rng = np.random.default_rng(0)
    candidates = rng.permutation(len(dataset.x_train))[: 4 * configuration.batch]
    h = dataset.x_train[candidates] * dataset.scale + dataset.shift  # float64
    nearest = np.full(len(candidates), np.inf)
    for index in range(len(configuration.hidden)):
        h = h @ weights[f"hidden.{index}.W"] + weights[f"hidden.{index}.b"]
        nearest = np.minimum(nearest, np.abs(h).min(axis=1))
        np.maximum(h, 0, out=h)
    rows = candidates[nearest > _KINK][: configuration.batch]
    if len(rows) < configuration.batch:
        raise BenchmarkError(
            f"only {len(rows)} of {len(candidates)} samples of {configuration.name} are away from "
            "the kink of ReLU, too few for a minibatch to compare the steps on"
        )
    return rows
