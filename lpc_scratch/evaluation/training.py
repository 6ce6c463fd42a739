"""Overfitting, as the run itself has recorded it: nothing is computed anew."""

from collections.abc import Iterator

import numpy as np

from lpc_scratch.evaluation.measurement import Measurement
from lpc_scratch.evaluation.subject import Subject


def evaluate_training(subject: Subject) -> Iterator[Measurement]:
    """Return the accuracies of the whole training and test set at every measured epoch.

    The level is the epoch; the gap is training minus test accuracy.
    """
    result, members = subject.run.result, range(subject.members)
    settings = "whole training and test set, level: epoch"
    epochs = result.column("epoch")
    train, test = (
        np.stack([result.column(f"{part}_accuracy", member) for member in members], axis=1)
        for part in ("train", "test")
    )
    for measure, values in (
        ("train accuracy", train),
        ("test accuracy", test),
        ("gap", train - test),
    ):
        for epoch, of_members in zip(epochs, values, strict=True):
            yield Measurement("training", "epochs", measure, of_members, int(epoch), settings)
