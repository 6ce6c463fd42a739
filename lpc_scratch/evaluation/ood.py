"""Does a network know what it does not know? Inputs of another kind, and its own mistakes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_utils import DatasetError, load_dataset
from data_utils.sources import SOURCES
from lpc_scratch.backend import Array
from lpc_scratch.evaluation.measurement import Finding, LeftOut, Measurement, unless_diverged
from lpc_scratch.evaluation.retraining import train_without_half
from lpc_scratch.evaluation.splits import held_out_classes
from lpc_scratch.evaluation.subject import Subject
from lpc_scratch.metrics import class_means
from lpc_scratch.metrics.calibration import max_log_probability
from lpc_scratch.metrics.detection import (
    Mahalanobis,
    aupr,
    auroc,
    distance_to_class_mean,
    distance_to_code,
    energy,
    fpr_at_tpr,
)

Scores = dict[str, Array]
"""How much each sample seems to be of the known kind, (N,), by the name of the score."""


class Detector:
    """The scores of one network, fitted to latent (N, D) and labels (N,) of its training set.

    `coded` says whether the latent layer has signs, so that there are codes to be close to: after a
    ReLU there are none.
    """

    def __init__(self, latent: Array, labels: Array, coded: bool) -> None:
        self.coded = coded
        self.means = class_means(latent, labels)
        # Codes of a latent that is all 0 are at 0 too, but for a length that is nothing.
        self.size = float(np.abs(self.means).mean()) or np.finfo(np.float64).tiny
        self.mahalanobis = Mahalanobis.fit(latent, labels)

    def scores(self, latent: Array, logits: Array) -> Scores:
        """Return every score of samples with such latent activations (N, D) and logits (N, K)."""
        found = {
            "max probability": max_log_probability(logits),  # in the same order, without ties at 1
            "energy": energy(logits),
            "Mahalanobis": self.mahalanobis.score(latent),
            "class mean": distance_to_class_mean(latent, self.means),
        }
        if self.coded:
            found["code"] = distance_to_code(latent, self.means > 0, self.size)
        return found


def evaluate_ood(
    subject: Subject, steps: int, seed: int, data_dir: Path | None
) -> Iterator[Finding]:
    """Measure how well each score tells known from foreign inputs, and right from wrong answers.

    Foreign inputs are the other image sets of the same shape that are on this machine, the
    sample's own inputs shuffled, and the classes that a network was not trained on, for which
    networks are trained anew. Images have their pixels shuffled, each in its own way. Of vectors,
    whose features have scales of their own, every feature is shuffled among the samples, which
    keeps its values and takes away what features have to do with one another. A kind that the data
    do not allow, that is not on this machine, or whose networks diverge is left out.

    `steps` are those of the optimiser on half of the classes; `seed` decides the shuffles, the
    held-out classes, and which foreign images are shown; other image sets are looked for in
    `data_dir` first.
    """
    detectors = _detectors(subject)
    inside = _scores(subject, detectors, subject.x)
    yield from _mistakes(subject, inside)
    for foreign in _foreign_inputs(subject, seed, data_dir):
        if isinstance(foreign, LeftOut):
            yield foreign
            continue
        name, x = foreign
        settings = f"{len(subject.x)} test samples against {len(x)} foreign"
        yield from _detection(name, inside, _scores(subject, detectors, x), settings)
    yield from unless_diverged("ood", "held-out classes", _held_out(subject, steps, seed))


def _foreign_inputs(
    subject: Subject, seed: int, data_dir: Path | None
) -> Iterator[tuple[str, Array] | LeftOut]:
    """Yield the name and the inputs, as stored, of every foreign kind but the held-out classes."""
    data, known = subject.dataset, subject.x
    generator = np.random.default_rng(seed)
    if len(data.image_shape) > 1:
        yield "shuffled pixels", generator.permuted(known, axis=1)
    elif min(known.shape) > 1:
        yield "shuffled features", generator.permuted(known, axis=0)
    else:
        yield LeftOut("ood", "shuffled features", "it takes two samples and two features or more")
    for name, source in SOURCES.items():
        if name == data.name or source.image_shape != data.image_shape:
            continue
        try:
            x = load_dataset(name, data_dir, progress=False, download=False).x_test
        except DatasetError as error:
            yield LeftOut("ood", name, str(error))
        else:
            yield name, x[generator.permutation(len(x))[: len(known)]]


def _held_out(subject: Subject, steps: int, seed: int) -> Iterator[Finding]:
    """Train on half of the classes; the others are foreign."""
    data, test = subject.dataset, "held-out classes"
    if data.num_classes < 3:
        yield LeftOut("ood", test, "it takes three classes or more, two of them to train on")
        return
    new = held_out_classes(data.num_classes, seed)
    inside = np.isin(subject.y, new, invert=True)
    names = ", ".join(data.class_names[label] for label in new)
    if inside.all() or not inside.any():
        count = "none" if inside.all() else "all"
        yield LeftOut("ood", test, f"{count} of the test samples are of the classes {names}")
        return
    network, part = train_without_half(subject, steps, seed)
    trained = replace(
        subject, run=replace(subject.run, network=network), dataset=part, x=part.x_test
    )
    detectors = _detectors(trained)
    known, foreign = (_scores(trained, detectors, subject.x[rows]) for rows in (inside, ~inside))
    settings = f"classes {names}, {steps} steps on the others"
    yield from _detection(test, known, foreign, settings)


def _detectors(subject: Subject) -> list[Detector]:
    coded = subject.run.config.architecture in ("binary", "linear")
    latents = subject.latent(subject.dataset.x_train)
    return [Detector(latent, subject.dataset.y_train, coded) for latent in latents]


def _scores(subject: Subject, detectors: list[Detector], x: Array) -> list[Scores]:
    both = zip(detectors, subject.latent(x), subject.logits(x), strict=True)
    return [detector.scores(latent, logits) for detector, latent, logits in both]


def _mistakes(subject: Subject, scores: list[Scores]) -> Iterator[Measurement]:
    """Measure how well each score tells right from wrong answers; nan without a wrong one."""
    right = subject.logits(subject.x).argmax(-1) == subject.y
    settings = f"{len(subject.y)} test samples; right against wrong answers"
    yield from _detection("own mistakes", _part(scores, right), _part(scores, ~right), settings)


def _part(scores: list[Scores], rows: Array) -> list[Scores]:
    """Return the scores of some samples (E, N) of each network."""
    return [
        {name: score[chosen] for name, score in of_member.items()}
        for of_member, chosen in zip(scores, rows, strict=True)
    ]


def _detection(
    test: str, inside: list[Scores], outside: list[Scores], settings: str
) -> Iterator[Measurement]:
    measures = {"AUROC": auroc, "FPR at 95 % TPR": fpr_at_tpr, "AUPR": aupr}
    for score in inside[0]:
        for measure, function in measures.items():
            values = [
                function(i[score], o[score]) if len(i[score]) and len(o[score]) else np.nan
                for i, o in zip(inside, outside, strict=True)
            ]
            yield Measurement("ood", f"{test}, {score}", measure, np.array(values), None, settings)
