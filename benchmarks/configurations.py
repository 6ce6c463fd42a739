"""The networks that are timed, the data they are trained on, and the arithmetic of a step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from data_utils import Dataset
from lpc_scratch.backend import Device
from lpc_scratch.config import TrainConfig

CLASSES = 10
LEARNING_RATE = 1e-4
GAMMA = 10.0


@dataclass(frozen=True)
class Configuration:
    """A network with its minibatch.

    Attributes
    ----------
    features : int
        Length of an input.
    hidden : tuple of int
        Widths of the hidden layers.
    latent : int
        Dimensions of the latent layer.
    batch : int
        Samples of a step.
    dropout : float
        Share of activations dropped between hidden layers.
    """

    features: int
    hidden: tuple[int, ...]
    latent: int
    batch: int
    dropout: float = 0.0

    @property
    def network(self) -> str:
        """The widths of all layers, with the latent one in brackets."""
        return "-".join(map(str, (self.features, *self.hidden, f"[{self.latent}]", CLASSES)))

    @property
    def name(self) -> str:
        """Network, batch size and dropout in words."""
        dropout = f", dropout {self.dropout:g}" if self.dropout else ""
        return f"{self.network}, batch {self.batch}{dropout}"

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(I, O) of every linear map."""
        return list(pairwise((self.features, *self.hidden, self.latent, CLASSES)))

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum(fan_in * fan_out + fan_out for fan_in, fan_out in self.shapes)

    @property
    def flops(self) -> int:
        """Floating-point operations of a step's matrix products.

        Each map has three products of 2 B I O operations: forward, the gradient of W and that of
        the input, which the first layer does not need.
        """
        products = sum(fan_in * fan_out for fan_in, fan_out in self.shapes)
        fan_in, fan_out = self.shapes[0]
        return 6 * self.batch * products - 2 * self.batch * fan_in * fan_out

    def without_dropout(self) -> "Configuration":
        """Return the same network with nothing dropped."""
        return replace(self, dropout=0.0)

    def train_config(self, seeds: Sequence[int] = (0,), device: Device = "cpu") -> TrainConfig:
        """Return the settings of a training run with this network."""
        return TrainConfig(
            hidden=self.hidden,
            latent_dim=self.latent,
            batch_size=self.batch,
            dropout=self.dropout,
            penalty="exp",
            gamma=GAMMA,
            learning_rate=LEARNING_RATE,
            seeds=tuple(seeds),
            device=device,
        )


DIGITS = Configuration(64, (256, 256), 16, 64)
_WIDE = Configuration(784, (512, 512), 64, 128)
_LARGE = Configuration(784, (2048, 2048, 2048), 64, 128)
CONFIGURATIONS: tuple[Configuration, ...] = (
    DIGITS,
    Configuration(784, (128,), 32, 128),
    _WIDE,
    replace(_WIDE, dropout=0.5),
    replace(_LARGE, batch=64),
    replace(_LARGE, batch=64, dropout=0.5),
    _LARGE,
    replace(_LARGE, dropout=0.5),
    replace(_LARGE, batch=1024),
)
"""What `benchmarks.step` times. Dropout stands between hidden layers, so it needs two of them."""


def make_dataset(features: int, samples: int | None = None) -> Dataset:
    """Return random pixels and labels, uint8 as images are stored.

    What a step costs does not depend on their values. By default there are as many samples as
    MNIST has for its 784 features, and as the embedded digits for other inputs.
    """
    samples = samples or (60_000 if features == 784 else 1_437)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (samples, features), dtype=np.uint8)
    y = rng.integers(0, CLASSES, samples)
    y[:CLASSES] = np.arange(CLASSES)
    return Dataset(
        name="random",
        x_train=x,
        y_train=y,
        x_test=x[:CLASSES],
        y_test=y[:CLASSES],
        scale=2 / 255,
        shift=-1.0,
        class_names=tuple(map(str, range(CLASSES))),
        image_shape=(features,),
    )


def make_order(dataset: Dataset, batch: int, seed: int = 0) -> np.ndarray:
    """Return a random order of the samples, without those of a partial last minibatch."""
    samples = len(dataset.x_train)
    return np.random.default_rng(seed).permutation(samples)[: samples - samples % batch]
