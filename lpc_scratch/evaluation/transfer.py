"""Transfer, few labels and wrong labels: does collapse help or hurt? Trains networks anew."""

from collections.abc import Iterator

import numpy as np
from sklearn.linear_model import LogisticRegression

from data_utils import Dataset
from lpc_scratch.backend import Array
from lpc_scratch.evaluation.measurement import Finding, LeftOut, Measurement, unless_diverged
from lpc_scratch.evaluation.retraining import retrain, train_without_half
from lpc_scratch.evaluation.splits import (
    held_out_classes,
    smaller,
    with_wrong_labels,
    without_classes,
)
from lpc_scratch.evaluation.subject import Subject, accuracy
from lpc_scratch.metrics import class_means
from lpc_scratch.nn.inference import chunk_of, latent_and_logits
from lpc_scratch.nn.network import Network

SHOTS = (1, 5, 20)
NOISE = (0.1, 0.2, 0.3, 0.4)
DRAWS = 10
"""Times that the shots are drawn anew."""


def evaluate_transfer(subject: Subject, steps: int, samples: int, seed: int) -> Iterator[Finding]:
    """Measure what the features are worth for new classes, and what training is with poor labels.

    Settings and data of the subject are used, not its networks. What the data are too few for is
    left out, and so is a test whose networks diverge. Every training takes so many `steps` of the
    optimiser; at most so many training `samples` are used in tests of wrong labels, and as the
    largest of the small training sets; `seed` decides the held-out classes, the shots, and the
    wrong labels.
    """
    data = subject.dataset
    yield from unless_diverged("transfer", "few shots", _few_shots(subject, steps, seed))
    for size in _sizes(min(samples, len(data.x_train)), data.num_classes):
        measured = _training_size(subject, smaller(data, size, seed), steps)
        yield from unless_diverged("transfer", f"training size {size}", measured)
    part = smaller(data, samples, seed)
    for share in NOISE:
        measured = _wrong_labels(subject, part, share, steps, seed)
        yield from unless_diverged("transfer", f"wrong labels {share:g}", measured)


def _training_size(subject: Subject, part: Dataset, steps: int) -> Iterator[Finding]:
    """Train on a part of the training set."""
    network = retrain(subject.run.config, part, steps)
    right = _accuracy(network, subject.x, subject.y)
    size, settings = len(part.x_train), _trained(steps)
    yield Measurement("transfer", "training size", "accuracy", right, size, settings)


def _wrong_labels(
    subject: Subject, part: Dataset, share: float, steps: int, seed: int
) -> Iterator[Finding]:
    """Train on labels of which a share is wrong."""
    noisy, test = with_wrong_labels(part, share, seed), "wrong labels"
    if np.array_equal(noisy.y_train, part.y_train):
        reason = f"rounded, this share of the training labels ({len(part.y_train)}) is none"
        yield LeftOut("transfer", f"{test} {share:g}", reason)
        return
    network = retrain(subject.run.config, noisy, steps)
    right = _accuracy(network, subject.x, subject.y)
    fitted = _accuracy(network, noisy.x_train, noisy.y_train)
    settings = f"{_trained(steps)}, {len(part.x_train)} training samples"
    yield Measurement("transfer", test, "accuracy", right, share, settings)
    yield Measurement("transfer", test, "fitted labels", fitted, share, settings)


def _trained(steps: int) -> str:
    return f"{steps} steps, schedules stretched to them"


def _few_shots(subject: Subject, steps: int, seed: int) -> Iterator[Finding]:
    """Train on half of the classes, and tell the others apart by their features."""
    data = subject.dataset
    if data.num_classes < 4:
        reason = "it takes four classes or more, two to train on and two to tell apart"
        yield LeftOut("transfer", "few shots", reason)
        return
    new = held_out_classes(data.num_classes, seed)
    others = without_classes(data, np.setdiff1d(np.arange(data.num_classes), new))
    names = ", ".join(data.class_names[label] for label in new)
    if not len(others.y_test):
        yield LeftOut("transfer", "few shots", f"the test set has none of the classes {names}")
        return
    network, _ = train_without_half(subject, steps, seed)
    train, test = (_features(network, x) for x in (others.x_train, others.x_test))
    settings = f"classes {names} after {steps} steps on the others; mean of {DRAWS} draws"
    fewest = np.bincount(others.y_train).min()
    for shots in SHOTS:
        if shots > fewest:
            reason = f"the smallest of the classes {names} has only {fewest} to draw from"
            yield LeftOut("transfer", f"few shots {shots}", reason)
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
    rows = chunk_of(network.widest)
    for start in range(0, len(x), rows):
        y = network.standardise(x[start : start + rows])
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
    # OpenBLAS may flag what lies in memory beyond a small matrix; x itself is checked to be finite.
    with np.errstate(invalid="ignore"):
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
