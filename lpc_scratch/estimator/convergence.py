"""What an estimator's training needs to converge, and what to say where it did not."""

import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from lpc_scratch.backend import Array
from lpc_scratch.config import TrainConfig
from lpc_scratch.metrics import largest_gamma
from lpc_scratch.nn.inference import latent_and_logits
from lpc_scratch.nn.optim import SIGN_LIKE
from lpc_scratch.theory.phases import only_guesses
from lpc_scratch.training.growth import NEAR_L2
from lpc_scratch.training.trainer import Trainer

LEAST_STEPS = 1000
"""Steps in which iris, wine, breast cancer and the digits reach a complete binary collapse, all
else at its default; 800 are too few for the digits."""
MARGIN = 7.0
"""Times gamma that the learning rates of a run should bear, as those of `TrainConfig` on the digits
do: with less, probabilities stay flat, and training may end before it has begun to learn."""

_ORDER_ONE = (0.1, 10.0)  # root mean squares of features that need no scaling
_LARGEST_PENALTY = 1e6  # of an untrained network, with gamma 1


def settle(config: TrainConfig, auto: Collection[str], samples: int, classes: int) -> TrainConfig:
    """Return a configuration with the `epochs` and `gamma` that fit N samples of K classes.

    `config` has the least that epochs may be, and the most that gamma may be; `auto` names those
    that may change. Epochs become more where they are fewer than LEAST_STEPS steps, and then a
    constant gamma less where the learning rates do not bear MARGIN times as much.
    """
    if "epochs" in auto:
        enough = math.ceil(LEAST_STEPS / config.steps_per_epoch(samples))
        config = replace(config, epochs=max(config.epochs, enough))
    if "gamma" in auto and config.gamma_schedule == "constant":
        most = bearable_gamma(config, samples, classes) / MARGIN
        config = replace(config, gamma=min(config.gamma, most))
    return config


def bearable_gamma(config: TrainConfig, samples: int, classes: int) -> float:
    """Return the `largest_gamma` of a run; infinity for what it does not describe.

    That is another optimiser of the classifier, or a penalty that is not near l2 at the origin.
    """
    if config.classifier_kind not in SIGN_LIKE or config.penalty not in NEAR_L2:
        return math.inf
    rates = math.fsum(map(config.classifier_learning_rate_at, range(config.epochs)))
    return largest_gamma(config.latent_dim, classes, rates * config.steps_per_epoch(samples))


def shrink_latent(trainer: Trainer) -> str:
    """Scale the latent layer of an untrained network to a mean z² of 1, if its penalty is huge.

    Features that nobody scaled can make it exp(100), from where no optimiser comes back. Batch
    normalisation scales them, in training. Return what to say of it; nothing where nothing was
    done.
    """
    normalised = trainer.config.takes_images and trainer.config.batch_norm
    if not trainer.penalty or normalised:
        return ""
    with np.errstate(over="ignore", invalid="ignore"):  # what is left of it, training reports
        z, _ = latent_and_logits(trainer.network, trainer.x_train)
        z = trainer.backend.to_host(z).astype(np.float64)
        penalty, _ = trainer.penalty(z, 1.0)
        size = float(np.sqrt(np.mean(z**2)))
    if not penalty > _LARGEST_PENALTY:
        return ""
    for name, parameter in trainer.network.named_parameters().items():
        if name.startswith("latent."):
            parameter /= size
    scale = scale_advice(trainer.dataset.x_train, images=trainer.config.takes_images)
    return scale and f"the initial weights of the latent layer were scaled down because {scale}"


def guess_advice(trainer: Trainer, logits: Array) -> str:
    """Say what to change where a trained network only guesses; nothing where it does not.

    `logits` (N, K) are its outputs for the training set after the last epoch, on the host.
    """
    dataset, images = trainer.dataset, trainer.config.takes_images
    loss, _ = trainer.loss(logits, dataset.y_train)
    accuracy = float(np.mean(logits.argmax(axis=1) == dataset.y_train))
    if not only_guesses(float(loss), accuracy, dataset.y_train):
        return ""
    share = np.bincount(dataset.y_train).max() / len(dataset.y_train)
    return (
        f"training ended in a network that hardly does better than a guess (training accuracy "
        f"{accuracy:.3f}, share of the largest class {share:.3f}): "
        f"{scale_advice(dataset.x_train, images=images) or _budget_advice(trainer)}"
    )


def scale_advice(X: Array, smallest: float = _ORDER_ONE[0], images: bool = False) -> str:
    """Say that features X (N, I) are far from order 1, and what to do; nothing where they are not.

    Pixels of `images` are all scaled alike.

    They are too small where the root mean square of the largest feature is below `smallest`.
    """
    with np.errstate(over="ignore"):
        size = float(np.sqrt(np.mean(np.square(X, dtype=np.float64), axis=0)).max())
    if smallest <= size <= _ORDER_ONE[1]:
        return ""
    way = "scale them, as in make_pipeline(StandardScaler(), LPCClassifier())"
    if images:
        way = "scale all pixels by one number, to between -1 and 1"
    return f"the features are far from order 1 (root mean square up to {size:.3g}); {way}"


def _budget_advice(trainer: Trainer) -> str:
    """Say what of gamma, epochs and learning rate to change, so that learning begins."""
    config, dataset = trainer.config, trainer.dataset
    last = max(config.epochs - 1, 0)
    gamma, rate = config.gammas_at(last)[0], config.learning_rate_at(last)
    advice = f"raise epochs ({config.epochs}) or change the learning rate ({rate:g})"
    bearable = bearable_gamma(config, len(dataset.x_train), dataset.num_classes)
    if not trainer.penalty or gamma <= bearable < math.inf:
        return advice
    steps = config.epochs * trainer.steps_per_epoch
    known = f", while the learning rates of {steps} steps bear about {bearable:.3g}"
    return f"lower gamma ({gamma:g}{known if bearable < math.inf else ''}), {advice}"
