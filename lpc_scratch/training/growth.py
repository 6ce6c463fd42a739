"""How far the classifier can grow by its learning rates, and a gamma that grows further.

An optimiser that moves every entry along a sign moves it by the learning rate, so that the sum of
the learning rates bounds the classifier, and with it the gamma under which classes stay apart: see
:mod:`lpc_scratch.theory.onset`. All of this is known before training.
"""

import warnings

import numpy as np

from lpc_scratch.backend import Array
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import GrowingGammaWarning
from lpc_scratch.nn.optim import SIGN_LIKE
from lpc_scratch.theory.onset import onset_gamma
from lpc_scratch.theory.phases import GUESSED_ENTROPY

NEAR_L2 = ("exp", "exp-coordinate", "exp-sample", "l2")
"""Penalties that are l2 near the origin, up to a constant."""


def grows_by_signs(config: TrainConfig) -> bool:
    """Return whether theory knows from the settings alone how large the classifier becomes.

    That is where it starts with random weights of the default size, is moved along signs, and the
    latent layer has the plain softmax and a penalty that is near l2 at the origin.
    """
    random = config.initialization == "pytorch" and config.classifier_initialization == "same"
    return (
        config.architecture == "binary"
        and config.loss == "softmax"
        and config.penalty in NEAR_L2
        and config.classifier_kind in SIGN_LIKE
        and random
        and config.classifier_code is None
    )


def rate_sums(config: TrainConfig, samples: int) -> Array:
    """Return the sum of the classifier's learning rates of all steps by the end of each epoch.

    It is float64 (epochs,). `samples` is the size of the training set.
    """
    rates = [config.classifier_learning_rate_at(epoch) for epoch in range(config.epochs)]
    return config.steps_per_epoch(samples) * np.cumsum(rates)


def warn_of_growing_gamma(config: TrainConfig, samples: int, classes: int) -> None:
    """Warn of a growing gamma that the classifier cannot follow, which is known from the settings.

    It is the epoch from which on gamma is larger than what the learning rates bear by then, though
    it was not before, or the last epoch if gamma is too large all along. Too large is a gamma under
    which even a classifier that has used up its learning rates hardly does better than a guess:
    its cross-entropy is above GUESSED_ENTROPY log K. That is 4.6 times the gamma of (log K)/2 for
    ten classes. A real one lags behind, because it does not grow while gamma asks for little.

    Warns
    -----
    GrowingGammaWarning
        Naming the epoch, gamma and what is borne, with what to do.
    """
    if config.gamma_schedule == "constant" or not config.epochs or not grows_by_signs(config):
        return
    sums = rate_sums(config, samples)
    borne = onset_gamma(config.latent_dim, classes, sums, GUESSED_ENTROPY)
    gammas = np.array([max(config.gammas_at(epoch)) for epoch in range(config.epochs)])
    above = gammas > borne
    learning = np.flatnonzero(~above)
    first = learning[0] if learning.size else config.epochs - 1
    crossed = first + np.flatnonzero(above[first:])
    if not crossed.size:
        return
    epoch = crossed[0]
    warnings.warn(
        f"gamma grows faster than the classifier can: in epoch {epoch + 1} it is "
        f"{gammas[epoch]:.3g}, and what the learning rates can bear by then is "
        f"{borne[epoch]:.3g}, so that all classes fall to one point: raise gamma more slowly, cap "
        "it with gamma_max, or give the classifier a higher learning rate or a constant schedule",
        GrowingGammaWarning,
        stacklevel=3,
    )
