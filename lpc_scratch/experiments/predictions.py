"""What theory says of a cell before it is trained, and whether what was measured agrees.

Everything here follows from settings, the number of classes and the number of steps; nothing is
read off a trained network. Bounds that are no formula are stated here, as constants.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lpc_scratch.config import TrainConfig
from lpc_scratch.experiments.cells import Result
from lpc_scratch.experiments.foretold import foretell
from lpc_scratch.metrics import distinct_codes
from lpc_scratch.metrics.axes import entry_kurtosis
from lpc_scratch.nn.optim import SIGN_LIKE
from lpc_scratch.theory.descent import grown_points
from lpc_scratch.theory.free_features import ROUND, fading_epsilon, optimum_of_norm
from lpc_scratch.theory.onset import onset_constant, onset_step
from lpc_scratch.theory.phases import BINARY_PEAKS
from lpc_scratch.theory.prediction import Prediction
from lpc_scratch.theory.simplex_codes import simplex_dims
from lpc_scratch.training.growth import grows_by_signs, rate_sums

WITHIN = 0.15
"""How far a measurement may be from a predicted number, as a share of it."""
BLURRED_PEAKS = 6.0
"""Peak distance below which coordinates have not two values; above BINARY_PEAKS they have."""
IN_ANOTHER_BASIS = 1.8, 1.4
"""Least kurtosis in the axes of the latent of a code that is binary in a rotated basis, and most in
that basis."""
SPARSE = 2.2
"""Least kurtosis of a sparse code."""
SIMPLEX_KURTOSIS, SIMPLEX_ETF = 1.05, 0.06
"""Most of a code that starts as a binary simplex, in a run long enough to begin to learn."""
SPECTRAL_ETF, FLAT_SPECTRAL_ETF, SIGN_ETF = 0.10, 0.15, 0.30
"""Most ETF distance of the spectral norm up to gamma 10 and above, least of signs from 100 on."""

_EPSILON = ("adam", "adamw", "rmsprop")  # optimisers that have one
_NO_EPSILON = 1e-6  # far below a gradient's entry


def predict(
    config: TrainConfig, classes: int, samples: int, metrics: Sequence[str]
) -> list[Prediction]:
    """Return what theory predicts of some measurements of a cell, as far as it does.

    It is silent about other architectures than binary, losses than the plain softmax, random starts
    than the default's, decay, and a gamma that is 0 or grows.

    Parameters
    ----------
    config : TrainConfig
        The cell.
    classes, samples : int
        Of the training set.
    metrics : sequence of str
        Of ``kurtosis, kurtosis_rotated, peak_distance, etf_distance, distinct_codes, latent_norm,
        onset_step``.
    """
    random = config.initialization == "pytorch" and config.classifier_code is None
    constant = config.gamma > 0 and config.gamma_schedule == "constant"
    plain = config.architecture == "binary" and config.loss == "softmax" and not config.weight_decay
    if not (random and constant and plain and config.epochs):
        return []  # of which this theory does not speak
    found = _code(config, classes, float(rate_sums(config, samples)[-1]))
    norm = foretell(config, samples, classes)["settings_norm"]
    if norm is not None:
        found["latent_norm"] = _about("latent_norm", norm)
    if grows_by_signs(config):
        epochs, steps = range(config.epochs), config.steps_per_epoch(samples)
        rates = np.repeat([config.classifier_learning_rate_at(epoch) for epoch in epochs], steps)
        step = onset_step(rates.tolist(), config.latent_dim, classes, config.gamma)
        found["onset_step"] = _about("onset_step", math.inf if step is None else float(step))
    return [found[metric] for metric in metrics if metric in found]


def measured(result: Result, metric: str, steps_per_epoch: int) -> float:
    """Return a measurement of a cell; nan where it has not finished.

    ``onset_step`` is the step at which cross-entropy on the training set falls below (log K)/2, by
    a straight line between two measurements; infinity where it has not.
    """
    if not result.finished:
        return math.nan
    if metric != "onset_step":
        return float(result.rows[-1][metric])
    half = math.log(len(result.class_names)) / 2
    epochs = [row["epoch"] for row in result.rows]
    values = [row["cross_entropy"] for row in result.rows]
    after = next((i for i, value in enumerate(values) if value < half), None)
    if after is None:
        return math.inf
    if after == 0:
        return 0.0
    before, drop = after - 1, values[after - 1] - values[after]
    share = (values[before] - half) / drop
    return steps_per_epoch * (epochs[before] + share * (epochs[after] - epochs[before]))


def _code(config: TrainConfig, classes: int, rate_sum: float) -> dict[str, Prediction]:
    """Return what the code of a cell is, by the geometry of its optimiser and of its penalty."""
    kind, D, gamma = config.classifier_kind, config.latent_dim, config.gamma
    power = _penalty_power(config)
    if config.classifier_initialization == "simplex":
        if D not in simplex_dims(classes, D) or config.classifier_basis == "rotated":
            return {}
        # its entries are ±c at the start and ±(c + the learning rates) then
        grown = D * (config.classifier_code_scale + rate_sum) ** 2
        if kind not in SIGN_LIKE or grown < onset_constant(classes) * gamma / D:
            return {}
        return _by_name(
            Prediction("kurtosis", 1.0, SIMPLEX_KURTOSIS),
            Prediction("etf_distance", 0.0, SIMPLEX_ETF),
        )
    if power is None:
        return {}
    if config.classifier_basis == "rotated":
        if kind not in SIGN_LIKE or power != 2:
            return {}
        return _by_name(
            Prediction("kurtosis", IN_ANOTHER_BASIS[0]),
            Prediction("kurtosis_rotated", 1.0, IN_ANOTHER_BASIS[1]),
            Prediction("peak_distance", 0.0, BLURRED_PEAKS),
        )
    points = _points(config, classes, rate_sum, power)
    kurtosis = float(np.mean([entry_kurtosis(z) for z in points]))
    codes = [distinct_codes(z > 0) for z in points]
    found = [Prediction("distinct_codes", min(codes), max(codes), float(np.mean(codes)))]
    favours_large = power < 2 or (kind == "pnorm" and config.descent_power < 2)
    if favours_large and kurtosis > SPARSE:  # it grows without end, to first order
        found.append(Prediction("kurtosis", SPARSE))
    elif kind == "sgd" and power > 2:  # how far the classifier has grown is not known
        start = _points(config, classes, 0.0, power)
        most = float(np.mean([entry_kurtosis(z) for z in start]))
        found.append(Prediction("kurtosis", 1.0, most * (1 + WITHIN)))
        kurtosis = most
    else:
        found.append(_about("kurtosis", kurtosis, least=1.0))
    if kurtosis < 1.35:
        found.append(Prediction("peak_distance", BINARY_PEAKS))
    elif kurtosis > 1.7 and not favours_large:
        found.append(Prediction("peak_distance", 0.0, BLURRED_PEAKS))
    if power == 2 and kind == "muon":
        found.append(
            Prediction("etf_distance", 0.0, SPECTRAL_ETF if gamma <= 10 else FLAT_SPECTRAL_ETF)
        )
    elif power == 2 and kind in SIGN_LIKE and gamma >= 100:
        found.append(Prediction("etf_distance", SIGN_ETF))
    return _by_name(*found)


def _points(config: TrainConfig, classes: int, rate_sum: float, power: float) -> np.ndarray:
    """Return the points of some starts as `grown_points`, by the classifier's optimiser."""
    kind, D = config.classifier_kind, config.latent_dim
    descents: Mapping[str, Any] = {
        **dict.fromkeys(SIGN_LIKE, math.inf),
        **dict.fromkeys(("sgd", "normalized"), 2.0),
        "pnorm": config.descent_power,
        "muon": "spectral",
    }
    share = None
    if kind in _EPSILON and config.penalty in ROUND and config.epsilon > _NO_EPSILON:

        def share(norm: float) -> float:
            there = optimum_of_norm(norm, config.gamma, classes, D, config.penalty)
            return config.epsilon / max(fading_epsilon(there, classes, D), 1e-300)

    growth = 0.0 if kind == "none" else rate_sum
    return grown_points(classes, D, growth, descents.get(kind, 2.0), power, share, starts=16)


def _penalty_power(config: TrainConfig) -> float | None:
    """Return the power of the penalty's norm; None where theory has none."""
    if config.penalty in ROUND:
        return 2.0
    if config.penalty == "max":
        return math.inf
    return config.penalty_power if config.penalty == "lp" and config.penalty_power > 1 else None


def _about(metric: str, value: float, least: float = 0.0) -> Prediction:
    return Prediction(metric, max(least, value * (1 - WITHIN)), value * (1 + WITHIN), value)


def _by_name(*predictions: Prediction) -> dict[str, Prediction]:
    return {prediction.metric: prediction for prediction in predictions}
