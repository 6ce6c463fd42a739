"""The settings of a training run: the one place where a setting is named.

Every field of `TrainConfig` is a flag of `python -m lpc_scratch.train` (`latent_dim` is
`--latent-dim`), a key of a configuration file and a keyword argument; the text under a field
is its help. Values are checked when a configuration is made.
"""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
import tyro

from lpc_scratch.errors import ConfigError
from lpc_scratch.nn import schedules
from lpc_scratch.nn.network import Architecture
from lpc_scratch.nn.optim import LEARNING_RATES
from lpc_scratch.settings import Facts, coerced, setting

Optimizer = Literal[
    "sgd", "adam", "adamw", "rmsprop", "signum", "lion", "normalized", "muon", "pnorm"
]
Rates = Literal["constant", "step", "cosine"]

_OF_IMAGES = ("cnn", "resnet")
_LARGEST = 1_000_000  # a width beyond any use, far below where NumPy's sizes overflow


@dataclass(frozen=True)
class TrainConfig:
    """What is trained, on what, and how.

    Raises
    ------
    ConfigError
        For a value of the wrong type or out of range; the message names field and value.
    """

    dataset: str = setting("digits", "data")
    """Data set: digits, mnist, fashion-mnist, kmnist, cifar-10, cifar-100, gaussians, or the path
    of your own .npz file or folder with x_train, y_train, x_test, y_test."""
    data_dir: Path | None = setting(None, "data", axis=False, on_resume=True, in_results=False)
    """Folder that holds the files of mnist, cifar-10 and the like; looked in first."""
    data_seed: int = setting(0, "data", at_least=0, at_most=2**32 - 1)
    """Seed of the split of digits, of the points of gaussians, and of what validation-share and
    training-samples draw."""
    gaussian_classes: int = setting(4, "data", at_least=2, at_most=10_000)
    """Number of classes of gaussians."""
    gaussian_dims: int = setting(20, "data", at_least=1, at_most=_LARGEST)
    """Number of dimensions of gaussians."""
    per_channel: bool = setting(False, "data", later=True)
    """Standardise images by the mean and deviation of each channel in place of to [-1, 1]."""
    validation_share: float = setting(0.0, "data", share=True, later=True)
    """Share of the training set that is held out and measured on, by class, from 0 to below 1."""
    training_samples: int = setting(0, "data", at_least=0, later=True)
    """Samples of the training set that are trained on, drawn by class; 0 for all."""

    architecture: Architecture = setting("binary", "model")
    """Latent layer: binary (linear, penalised), linear, nonlinear (ReLU) or none."""
    hidden: tuple[int, ...] = setting((256, 256), "model", axis=False, backbones=("mlp",))
    """Widths of the hidden layers, in units."""
    latent_dim: int = setting(16, "model", at_least=1, at_most=_LARGEST)
    """Dimensions of the latent layer; not used by the architecture none."""
    activation: Literal["relu", "silu", "tanh"] = setting("relu", "model")
    """Activation of the hidden layers."""
    dropout: float = setting(0.0, "training", share=True, backbones=("mlp",))
    """Share of activations dropped between hidden layers in training, from 0 to below 1."""
    backbone: Literal["mlp", "cnn", "resnet"] = setting("mlp", "model", later=True)
    """What is before the latent layer: mlp is a perceptron with the layers of hidden; cnn
    (convolutions and pooling) and resnet (residual blocks) take images, and have channels."""
    channels: tuple[int, ...] = setting(
        (16, 32), "model", axis=False, later=True, backbones=_OF_IMAGES
    )
    """Channels of each stage of cnn and resnet; every stage halves rows and columns, but for the
    first one of resnet."""
    blocks: int = setting(1, "model", at_least=1, at_most=1000, later=True, backbones=_OF_IMAGES)
    """Convolutions in a stage of cnn, residual blocks in one of resnet."""
    batch_norm: bool = setting(True, "model", later=True, backbones=_OF_IMAGES)
    """Batch normalisation after every convolution of cnn and resnet."""
    stem_stride: int = setting(
        1, "model", at_least=1, at_most=1000, later=True, backbones=("resnet",)
    )
    """Stride of the first convolution of resnet, in pixels; 2 makes a quarter of the work."""
    crop: int = setting(0, "training", at_least=0, at_most=16_383, later=True)
    """Pixels by which a training image is padded on every side before an image of its size is cut
    out at random; 0 for never. Padding is mid-grey, or with per-channel the mean."""
    flip: bool = setting(False, "training", later=True)
    """Show half of the training images, drawn at random, mirrored left for right."""
    initialization: Literal["pytorch", "he", "glorot"] = setting("pytorch", "training")
    """Distribution of the initial weights; pytorch is the default of torch.nn.Linear."""

    loss: Literal["softmax", "double-softmax"] = setting("softmax", "training")
    """Cross-entropy of the softmax, or of the softmax of the softmax as in the 2023 code."""
    penalty: Literal["exp", "exp-coordinate", "exp-sample", "l2", "lp", "max"] = setting(
        "exp", "training"
    )
    """Penalty on the latent layer of the architecture binary; the others have none."""
    penalty_power: float = setting(4.0, "training", at_least=1, later=True)
    """Power p of the penalty lp, the mean of |z|^p, at least 1."""
    gamma: float = setting(10.0, "training", at_least=0)
    """Strength of the penalty, at least 0; the first value of a gamma schedule."""
    gammas: tuple[float, ...] = setting((), "training", axis=False)
    """gamma of each network, as many as seeds (which may then repeat), in place of gamma."""
    gamma_schedule: Literal["constant", "geometric"] = setting("constant", "training")
    """How gamma changes over training: not, or growing by factors up to a cap."""
    gamma_every: int = setting(5, "training", at_least=1)
    """Epochs between two rises of the geometric gamma."""
    gamma_factor: float = setting(2.0, "training", above=1)
    """Growth at each rise below gamma-switch, above 1."""
    gamma_switch: float = setting(1e3, "training", above=0)
    """gamma from which it grows by gamma-late-factor."""
    gamma_late_factor: float = setting(1.25, "training", at_least=1)
    """Growth at each rise from gamma-switch on, at least 1."""
    gamma_max: float = setting(1e6, "training", above=0)
    """Cap of the geometric gamma."""

    optimizer: Optimizer = setting("adam", "training")
    """Optimiser; epsilon is added to sqrt(v) after the bias correction, as in torch."""
    descent_power: float = setting(3.0, "training", above=1, later=True)
    """Power p of the optimiser pnorm, steepest descent in the entrywise p-norm, above 1."""
    learning_rate: float | None = setting(None, "training", above=0)
    """Step size of the optimiser, above 0, its own default where there is none; the first value of
    its schedule."""
    learning_rate_schedule: Rates = setting("constant", "training")
    """Constant, multiplied by a factor every so many epochs, or half a cosine to 0."""
    learning_rate_every: int = setting(5, "training", at_least=1)
    """Epochs between two changes of the step schedule."""
    learning_rate_factor: float = setting(0.5, "training", above=0)
    """Factor of the step schedule, above 0."""
    warmup_epochs: int = setting(0, "training", at_least=0)
    """Epochs of linear warm-up at the start of any learning-rate schedule."""
    momentum: float = setting(0.9, "training", share=True)
    """Momentum of sgd, signum, normalized, muon and pnorm, from 0 to below 1."""
    beta1: float = setting(0.9, "training", share=True)
    """Decay of the first moment of adam, adamw and lion, from 0 to below 1."""
    beta2: float = setting(0.999, "training", share=True)
    """Decay of the second moment of adam, adamw and rmsprop and of the mean of lion, from 0 to
    below 1."""
    epsilon: float = setting(1e-8, "training", above=0)
    """Added to the denominator of adam, adamw and rmsprop, above 0."""
    classifier_optimizer: Literal["same", "none", Optimizer] = setting(
        "same", "training", later=True
    )
    """Optimiser of the classifier, its weight and bias: that of the rest, none, or another; what
    they share but for the rate is set once, such as epsilon. none leaves it as it is at first."""
    classifier_learning_rate: float | None = setting(None, "training", above=0, later=True)
    """Step size of the classifier's optimiser, above 0: where there is none, that of the rest if
    the optimiser is the same, and else its own default."""
    classifier_learning_rate_schedule: Literal["same", Rates] = setting(
        "same", "training", later=True
    )
    """Schedule of the classifier's step size; what describes it is that of the rest."""
    classifier_initialization: Literal["same", "simplex"] = setting("same", "training", later=True)
    """First weight of the classifier: drawn as the rest, or a code that is binary and a simplex, of
    which there is none for some numbers of classes and latent dimensions."""
    classifier_code: Path | None = setting(None, "training", axis=False, later=True)
    """File .npy with a code of one's own to start from, (K, D) of +1 and -1, a row for each
    class."""
    classifier_code_scale: float = setting(0.2, "training", above=0, later=True)
    """What the entries of such a code are multiplied by, above 0."""
    classifier_basis: tyro.conf.Suppress[Literal["axes", "rotated"]] = setting(
        "axes", "training", later=True
    )
    """Axes in which the classifier's weight is kept and trained: those of the latent layer, or a
    random basis. No flag of the commands: for the experiment on the optimiser's geometry."""
    weight_decay: float = setting(0.0, "training", at_least=0)
    """Decay of all parameters, at least 0; in the gradient of sgd, adam and rmsprop, decoupled in
    the others."""

    batch_size: int = setting(64, "training", at_least=1)
    """Samples of a step. More than there are means all of them; otherwise the last, partial
    batch of an epoch is dropped."""
    epochs: int = setting(100, "training", at_least=0, on_resume=True)
    """Passes over the training set; 0 writes the untrained network."""
    seeds: Annotated[tuple[int, ...], tyro.conf.arg(aliases=["--seed"])] = setting(
        (0,), "training", axis=False
    )
    """Seed of the weights, shuffles and dropout; several train as many networks at once."""
    device: Literal["cpu", "gpu"] = setting("cpu", "output", axis=False, on_resume=True)
    """Where arrays live: cpu is NumPy, gpu is CuPy."""
    dtype: Literal["float32", "float64"] = setting("float32", "model")
    """Floating-point type of weights and activations."""
    evaluate_every: int = setting(20, "output", at_least=1, axis=False, on_resume=True)
    """Epochs between two measurements; the last epoch is always measured."""
    checkpoint_every: int = setting(
        1, "output", at_least=1, axis=False, on_resume=True, in_results=False
    )
    """Epochs between two checkpoints, from which --resume goes on; every measurement makes one, and
    of epochs within a second one is enough."""

    def __post_init__(self) -> None:
        for name, value in coerced(self).items():
            object.__setattr__(self, name, value)  # the dataclass is frozen
        self._check_ranges()

    def steps_per_epoch(self, samples: int) -> int:
        """Return the steps of an epoch over so many samples; a partial batch is dropped."""
        return samples // min(self.batch_size, samples)

    @property
    def takes_images(self) -> bool:
        """Whether the backbone sees inputs as images."""
        return self.backbone != "mlp"

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the backbone: of its hidden layers, or the channels of its stages."""
        return self.channels if self.takes_images else self.hidden

    @property
    def classifier_kind(self) -> str:
        """The classifier's optimiser by its own name; none for none."""
        own = self.classifier_optimizer
        return self.optimizer if own == "same" else own

    @property
    def initial_learning_rate(self) -> float:
        """Step size of the optimiser at the start of its schedule."""
        return self.learning_rate or LEARNING_RATES[self.optimizer]

    @property
    def initial_classifier_learning_rate(self) -> float:
        """Step size of the classifier's optimiser at the start of its schedule; 0 for none."""
        if self.classifier_kind == self.optimizer:
            return self.classifier_learning_rate or self.initial_learning_rate
        if self.classifier_kind == "none":
            return 0.0
        return self.classifier_learning_rate or LEARNING_RATES[self.classifier_kind]

    @property
    def in_parts(self) -> bool:
        """Whether the classifier is trained otherwise than the rest."""
        own = (self.classifier_optimizer, self.classifier_learning_rate_schedule)
        return own != ("same", "same")

    def learning_rate_at(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        return self._rate_at(epoch, self.initial_learning_rate, self.learning_rate_schedule)

    def classifier_learning_rate_at(self, epoch: int) -> float:
        """Return the classifier's learning rate of an epoch, counted from 0."""
        own = self.classifier_learning_rate_schedule
        schedule = self.learning_rate_schedule if own == "same" else own
        return self._rate_at(epoch, self.initial_classifier_learning_rate, schedule)

    def learning_rates_at(self, epoch: int) -> float | tuple[float, float]:
        """Return what the optimiser's step takes in an epoch: a rate, or one for each part."""
        rate = self.learning_rate_at(epoch)
        return (rate, self.classifier_learning_rate_at(epoch)) if self.in_parts else rate

    def with_learning_rates(self) -> Self:
        """Return the same configuration with the numbers for learning rates left to defaults."""
        own = self.classifier_optimizer not in ("same", "none")
        return dataclasses.replace(
            self,
            learning_rate=self.initial_learning_rate,
            classifier_learning_rate=self.initial_classifier_learning_rate if own else None,
        )

    def _rate_at(self, epoch: int, rate: float, schedule: str) -> float:
        if schedule == "step":
            every, factor = self.learning_rate_every, self.learning_rate_factor
            rate = schedules.step_rate(epoch, rate, every, factor)
        elif schedule == "cosine":
            rate = schedules.cosine_rate(epoch, rate, self.epochs)
        return rate * schedules.warmup_factor(epoch, self.warmup_epochs)

    @property
    def initial_gammas(self) -> tuple[float, ...]:
        """gamma of each network at the start of training, as many as seeds."""
        return self.gammas or (self.gamma,) * len(self.seeds)

    def gammas_at(self, epoch: int) -> tuple[float, ...]:
        """Return the strength of each network's penalty in an epoch, counted from 0."""
        if self.gamma_schedule == "constant":
            return self.initial_gammas
        rises = (self.gamma_every, self.gamma_factor, self.gamma_switch, self.gamma_late_factor)
        return tuple(
            schedules.geometric_gamma(epoch, initial, *rises, self.gamma_max)
            for initial in self.initial_gammas
        )

    def _check_ranges(self) -> None:
        for name, facts in SETTINGS.items():
            value = getattr(self, name)
            if value is None:
                continue
            if facts.at_least is not None and value < facts.at_least:
                raise ConfigError(f"{name} must be at least {facts.at_least}, not {value}")
            if facts.at_most is not None and value > facts.at_most:
                raise ConfigError(f"{name} must be at most {facts.at_most}, not {value}")
            if facts.above is not None and value <= facts.above:
                raise ConfigError(f"{name} must be above {facts.above}, not {value}")
            if facts.share and not 0 <= value < 1:
                raise ConfigError(f"{name} must be from 0 to below 1, not {value}")
        if any(not 1 <= width <= _LARGEST for width in self.hidden):
            raise ConfigError(f"hidden widths must be 1 to {_LARGEST}, not {list(self.hidden)}")
        if not self.channels or any(not 1 <= width <= _LARGEST for width in self.channels):
            raise ConfigError(f"channels must be 1 to {_LARGEST}, not {list(self.channels)}")
        if self.takes_images and self.dropout:
            raise ConfigError(f"dropout {self.dropout} is between hidden layers: use backbone mlp")
        if self.takes_images and self.batch_norm and self.batch_size == 1:
            raise ConfigError(
                "batch_size 1 has no statistics for batch_norm: raise it or do without"
            )
        with np.errstate(over="ignore"):
            epsilon = np.dtype(self.dtype).type(self.epsilon)
        if not 0 < epsilon < math.inf:
            way_out = "lower" if epsilon else "raise"
            raise ConfigError(
                f"epsilon {self.epsilon} is {epsilon:g} in {self.dtype}: {way_out} it"
            )
        if self.architecture == "none" and not self.widths:
            raise ConfigError("architecture none needs at least one hidden layer, and hidden is []")
        if self.classifier_learning_rate and self.classifier_optimizer in ("same", "none"):
            raise ConfigError(
                f"classifier_learning_rate {self.classifier_learning_rate} is that of no optimizer:"
                " name one with classifier_optimizer, the same as optimizer if it is"
            )
        if self.classifier_code and self.classifier_initialization == "simplex":
            raise ConfigError(
                f"classifier_code {self.classifier_code} and classifier_initialization simplex are "
                "two beginnings: give one of them"
            )
        if not self.seeds:
            raise ConfigError("seeds is empty: name one or more")
        if min(self.seeds) < 0:
            raise ConfigError(f"seed must be at least 0, not {min(self.seeds)}")
        if self.gammas and len(self.gammas) != len(self.seeds):
            raise ConfigError(
                f"gammas must be as many as seeds, not {len(self.gammas)} for {len(self.seeds)}"
            )
        if min(self.initial_gammas) < 0:
            raise ConfigError(f"gammas must be at least 0, not {list(self.gammas)}")
        if len(set(zip(self.seeds, self.initial_gammas, strict=True))) < len(self.seeds):
            both = f" with gammas {list(self.gammas)}" if self.gammas else ""
            raise ConfigError(f"seeds must differ, and {list(self.seeds)}{both} has one twice")
        for gamma in self.initial_gammas:
            if self.gamma_schedule == "geometric" and not 0 < gamma <= self.gamma_max:
                raise ConfigError(
                    "gamma must be above 0 and at most gamma_max for the geometric schedule, not "
                    f"{gamma} with gamma_max {self.gamma_max}"
                )


SETTINGS: dict[str, Facts] = {
    field.name: field.metadata["facts"] for field in dataclasses.fields(TrainConfig)
}
"""All settings of training, in the order in which they are shown."""
