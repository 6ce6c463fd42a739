"""All scores of one network: how much an input seems to be of the kind that it was trained on."""

import numpy as np

from lpc_scratch.backend import Array
from lpc_scratch.evaluation.odin import EPSILON, TEMPERATURE, odin_scores
from lpc_scratch.evaluation.subject import Subject
from lpc_scratch.metrics import class_means
from lpc_scratch.metrics.calibration import max_log_probability
from lpc_scratch.metrics.detection import (
    Mahalanobis,
    distance_to_class_mean,
    distance_to_code,
    energy,
)
from lpc_scratch.metrics.rivals import Neco, Neighbours, nci

Scores = dict[str, Array]
"""How much each sample seems to be of the known kind, (N,), by the name of the score."""

NEIGHBOURS = 50

SETTINGS = f"ODIN at temperature {TEMPERATURE:g} and epsilon {EPSILON:g}, KNN with k {NEIGHBOURS}"
"""What scores depend on beside the network and its training set."""


class Detector:
    """The scores of one network, fitted to latent (N, D) and labels (N,) of its training set.

    `weights` (D, K) and `bias` (K,) are those of the output layer. `coded` says whether the latent
    layer has signs, so that there are codes to be close to: after a ReLU there are none. NECO is
    left out where D is below K, for then there is nothing but the space of the classes. NCI's alpha
    makes its two terms equally large on the training set, whatever the size of the latent; its
    authors tune it for each network.
    """

    def __init__(
        self, latent: Array, labels: Array, weights: Array, bias: Array, coded: bool
    ) -> None:
        self.coded, self.weights = coded, weights
        self.means, self.centre = class_means(latent, labels), latent.mean(axis=0)
        # Codes of a latent that is all 0 are at 0 too, but for a length that is nothing.
        self.size = float(np.abs(self.means).mean()) or np.finfo(np.float64).tiny
        self.mahalanobis = Mahalanobis.fit(latent, labels)
        self.neighbours = Neighbours.fit(latent, NEIGHBOURS)
        dimensions = weights.shape[1] - 1
        self.neco = Neco.fit(latent, dimensions) if dimensions < len(weights) else None
        nearness = nci(latent, latent @ weights + bias, weights, self.centre).mean()
        length = np.abs(latent).sum(axis=1).mean()
        self.alpha = max(nearness, 0.0) / length if length else 0.0

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
        if self.neco:
            found["NECO"] = self.neco.score(latent)
            found["NECO x largest logit"] = found["NECO"] * logits.max(axis=1)
        found["NCI"] = nci(latent, logits, self.weights, self.centre, self.alpha)
        found["KNN"] = self.neighbours.score(latent)
        return found


class Detectors:
    """The detectors of all networks of a subject, fitted to its training set."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        network, data = subject.run.network, subject.dataset
        coded = subject.run.config.architecture in ("binary", "linear")
        to_host, layer = network.backend.to_host, network.classifier
        weights = to_host(layer.W).reshape(-1, network.latent_dim, network.classes)
        biases = to_host(layer.b).reshape(-1, network.classes)
        of_members = (subject.latent(data.x_train), weights.astype(np.float64), biases)
        self._detectors = [
            Detector(latent, data.y_train, weight, bias, coded)
            for latent, weight, bias in zip(*of_members, strict=True)
        ]

    def scores(self, x: Array) -> list[Scores]:
        """Return every score of inputs (N, I) as stored, of each network."""
        subject = self.subject
        of_members = (subject.latent(x), subject.logits(x), odin_scores(subject.run, x))
        return [
            detector.scores(latent, logits) | {"ODIN": odin}
            for detector, latent, logits, odin in zip(self._detectors, *of_members, strict=True)
        ]
