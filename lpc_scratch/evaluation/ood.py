"""Does a network know what it does not know? Inputs of another kind, and its own mistakes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from lpc_scratch.backend import Array
from lpc_scratch.evaluation.detector import SETTINGS, Detectors, Scores
from lpc_scratch.evaluation.foreign import MISTAKES, foreign_inputs
from lpc_scratch.evaluation.measurement import Finding, LeftOut, Measurement, unless_diverged
from lpc_scratch.evaluation.retraining import train_without_half
from lpc_scratch.evaluation.splits import held_out_classes
from lpc_scratch.evaluation.subject import Subject
from lpc_scratch.metrics.detection import aupr, auroc, fpr_at_tpr
from lpc_scratch.metrics.selection import aurc, excess_aurc


def evaluate_ood(
    subject: Subject, steps: int, seed: int, data_dir: Path | None
) -> Iterator[Finding]:
    """Measure how well each score tells known from foreign inputs, and right from wrong answers.

    Foreign inputs are *near* where they are real inputs of other classes: those that a network was
    not trained on, for which networks are trained anew, and the other image sets of the same shape
    that are on this machine. They are *far* where they show nothing: shuffled inputs and noise. See
    `foreign`. A kind that the data do not allow, that is not on this machine, or whose networks
    diverge is left out.

    `steps` are those of the optimiser on half of the classes; `seed` decides the shuffles, the
    noise, the held-out classes, and which foreign images are shown; other image sets are looked for
    in `data_dir` first.
    """
    detectors = Detectors(subject)
    inside = detectors.scores(subject.x)
    if "NECO" not in inside[0]:
        reason = "the latent has no dimension beyond the space of all classes"
        yield LeftOut("ood", "NECO", reason)
    yield from _mistakes(subject, inside)
    yield from unless_diverged("ood", "held-out classes", _held_out(subject, steps, seed))
    for foreign in foreign_inputs(subject, seed, data_dir):
        if isinstance(foreign, LeftOut):
            yield foreign
            continue
        name, x = foreign
        settings = f"{len(subject.x)} test samples against {len(x)} foreign; {SETTINGS}"
        yield from _detection(name, inside, detectors.scores(x), settings)


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
    detectors = Detectors(trained)
    known, foreign = (detectors.scores(subject.x[rows]) for rows in (inside, ~inside))
    settings = f"classes {names}, {steps} steps on the others; {SETTINGS}"
    yield from _detection(test, known, foreign, settings)


def _mistakes(subject: Subject, scores: list[Scores]) -> Iterator[Measurement]:
    """Measure how well each score tells right from wrong answers; nan without a wrong one."""
    right = subject.logits(subject.x).argmax(-1) == subject.y
    settings = f"{len(subject.y)} test samples, right against wrong answers; {SETTINGS}"
    yield from _detection(MISTAKES, _part(scores, right), _part(scores, ~right), settings)
    for score in scores[0]:
        for measure, function in (("AURC", aurc), ("E-AURC", excess_aurc)):
            values = [function(s[score], ~r) for s, r in zip(scores, right, strict=True)]
            test = f"{MISTAKES}, {score}"
            yield Measurement("ood", test, measure, np.array(values), None, settings)


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
