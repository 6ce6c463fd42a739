"""Transfer, few labels and wrong labels: does collapse help or hurt? Trains networks anew."""

from collections.abc import Iterator

import numpy as np
from sklearn.linear_model import LogisticRegression

from lpc_scratch.backend import Array
from lpc_scratch.evaluation.measurement import Measurement
from lpc_scratch.evaluation.retraining import retrain, train_without_half
from lpc_scratch.evaluation.splits import (
    smaller,
    with_wrong_labels,
    without_classes,
)
from lpc_scratch.evaluation.subject import Subject, accuracy
from lpc_scratch.inference import CHUNK, latent_and_logits
from lpc_scratch.metrics import class_means
from lpc_scratch.nn.network import Network

SHOTS = (1, 5, 20)
NOISE = (0.1, 0.2, 0.3, 0.4)
DRAWS = 10
"""Times that the shots are drawn anew."""


def evaluate_transfer(
    subject: Subject, steps: int, samples: int, seed: int
) -> Iterator[Measurement]:
    """Measure what the features are worth for new classes, and what training is with poor labels.

    Parameters
    ----------
    subject : Subject
        Its settings and data are used, not its networks.
    steps : int
        Optimiser steps of every training.
    samples : int
        At most so many training samples are used in tests of wrong labels, and as the largest of
        the small training sets.
    seed : int
        Decides the held-out classes, the shots, and the wrong labels.
    """
    trained = f"{steps} steps, schedules stretched to them"
    yield from _few_shots(subject, steps, seed)
    data = subject.dataset
    config = subject.run.config
    for size in _sizes(min(samples, len(data.x_train)), data.num_classes):
        network = retrain(config, smaller(data, size, seed), steps)
        right = _accuracy(network, subject.x, subject.y)
        yield Measurement("transfer", "training size", "accuracy", right, size, trained)
    part = smaller(data, samples, seed)
    for share in NOISE:
        noisy = with_wrong_labels(part, share, seed)
        network = retrain(config, noisy, steps)
        right = _accuracy(network, subject.x, subject.y)
        fitted = _accuracy(network, noisy.x_train, noisy.y_train)
        settings = f"{trained}, {len(part.x_train)} training samples"
        yield Measurement("transfer", "wrong labels", "accuracy", right, share, settings)
        yield Measurement("transfer", "wrong labels", "fitted labels", fitted, share, settings)


def _few_shots(subject: Subject, steps: int, seed: int) -> Iterator[Measurement]:
    """Train on half of the classes, and tell the others apart by their features."""
    data = subject.dataset
    if data.num_classes < 4:  # half of them are no two
        return
    network, _, new = train_without_half(subject, steps, seed)
    others = without_classes(data, np.setdiff1d(np.arange(data.num_classes), new))
    train, test = (_features(network, x) for x in (others.x_train, others.x_test))
    names = ", ".join(data.class_names[label] for label in new)
    settings = f"classes {names} after {steps} steps on the others; mean of {DRAWS} draws"
    for shots in SHOTS:
        if shots > np.bincount(others.y_train).min():
            continue
        draws = [_draw(others.y_train, shots, seed, number) for number in range(DRAWS)]
        for layer in train:
            for name, classify in (("nearest mean", _nearest_mean), ("linear probe", _probe)):
                shares = [
                    [
                        np.mean(classify(x[rows], others.y_train[rows], t) == others.y_test)
                        for rows in draws
                    ]
                    for x, t in zip(train[layer], test[layer], strict=True)
                ]
                right = np.mean(shares, axis=1)
                test_name = f"few shots, {layer}, {name}"
                yield Measurement("transfer", test_name, "accuracy", right, shots, settings)


def _features(network: Network, x: Array) -> dict[str, Array]:
    """Return the features (E, N, F) of inputs as stored: the latent and the last hidden layer."""
    members = len(network.seeds)
    found: dict[str, list[Array]] = {"latent": [], "hidden": []}
    for start in range(0, len(x), CHUNK):
        y = network.standardise(x[start : start + CHUNK])
        count = len(y)
        for name, part in (("hidden", network.backbone), ("latent", network.latent_layer)):
            y = part.predict(y)
            found[name].append(network.backend.to_host(y).reshape(members, count, -1).copy())
    return {name: np.concatenate(parts, axis=1) for name, parts in found.items()}


def _draw(labels: Array, shots: int, seed: int, number: int) -> Array:
    """Return the positions of so many samples of each class."""
    order = np.random.default_rng((seed, number)).permutation(len(labels))
    return np.concatenate([order[labels[order] == c][:shots] for c in np.unique(labels)])


def _nearest_mean(x: Array, y: Array, test: Array) -> Array:
    means = class_means(x.astype(np.float64), y)
    return (np.sum(means**2, axis=1) - 2 * test @ means.T).argmin(axis=1)


def _probe(x: Array, y: Array, test: Array) -> Array:
    deviation = x.std() or 1.0  # one for all: a collapsed feature must not be blown up
    centre = x.mean(axis=0)
    probe = LogisticRegression(max_iter=500).fit((x - centre) / deviation, y)
    return probe.predict((test - centre) / deviation)


def _sizes(largest: int, classes: int) -> list[int]:
    """Return sizes of training sets: 100, 300, 1000, … up to the largest."""
    steps = [100 * 10 ** (n // 2) * (1 if n % 2 == 0 else 3) for n in range(10)]
    return [size for size in steps if 10 * classes <= size < largest] + [largest]


def _accuracy(network: Network, x: Array, y: Array) -> Array:
    """Return the share (E,) of inputs as stored that a network classifies as labelled."""
    _, logits = latent_and_logits(network, x)
    return accuracy(network.backend.to_host(logits), y)
