"""Where in a network do the classes collapse? Its layers measured one after the other."""

from collections.abc import Iterator

import numpy as np

from lpc_scratch.backend import Array
from lpc_scratch.evaluation.measurement import Measurement
from lpc_scratch.evaluation.subject import Subject
from lpc_scratch.metrics.axes import entry_kurtosis
from lpc_scratch.metrics.classes import group_by_class
from lpc_scratch.metrics.collapse import etf_distance, within_class_variability
from lpc_scratch.nn.inference import hidden_layers


def evaluate_depth(subject: Subject, samples: int, seed: int) -> Iterator[Measurement]:
    """Measure collapse after every activation of the main path, and in the latent layer.

    On at most so many `samples` of the training set, which `seed` decides; the level is the number
    of the layer, from 1. Images count by the mean of every channel over rows and columns. The
    kurtosis is that of the class means about their mean, since what leaves an activation need not
    be around 0, and without coordinates that are the same for all classes.
    """
    data = subject.dataset
    chosen = np.random.default_rng(seed).permutation(len(data.x_train))[:samples]
    labels = data.y_train[chosen]
    settings = f"{len(labels)} training samples, seed {seed}"
    layers = hidden_layers(subject.run.network, data.x_train[chosen])
    for depth, (name, features) in enumerate(layers.items(), 1):
        of_members = features.reshape(subject.members, *features.shape[-2:])
        measured = np.array([_measure(z, labels) for z in of_members])
        for column, measure in enumerate(("NC1", "ETF distance", "kurtosis")):
            yield Measurement("depth", name, measure, measured[:, column], depth, settings)


def _measure(features: Array, labels: Array) -> tuple[float, float, float]:
    """Return NC1, ETF distance and kurtosis of features (N, F)."""
    groups = group_by_class(features.astype(np.float64), labels)
    centred = groups.centered_means
    alive = np.any(np.abs(centred) > 0, axis=0)
    kurtosis = entry_kurtosis(centred[:, alive]) if alive.any() else np.nan
    return within_class_variability(groups), etf_distance(centred), kurtosis
