"""Every measurement in `metrics.csv`, and how figures, logs and reports show it."""

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

Section = Literal["loss", "accuracy", "collapse", "binarity", "latent", "forces", "settings"]

SECTIONS: tuple[Section, ...] = get_args(Section)
"""What a measurement is of, in the order in which sections are shown."""

Limits = tuple[float | None, float | None]

FREE: Limits = (None, None)
SHARE: Limits = (-0.03, 1.03)  # a curve at 0 or 1 is not hidden by the frame


@dataclass(frozen=True)
class Metric:
    """A column of `metrics.csv`, and how it is shown.

    Attributes
    ----------
    name : name of the column
    label : short name, in the heading of a table or in a legend
    title : title of a panel
    unit : what is written along its axis: the unit, or what is computed where there is none
    section : where it stands among the others
    scale : scale of the axis; a logarithmic one leaves out what is not positive
    limits : ends of the axis if it is linear; None where the values decide
    """

    name: str
    label: str
    title: str
    unit: str
    section: Section
    scale: Literal["linear", "log"] = "linear"
    limits: Limits = (0.0, None)


# What the metrics of a section have in common.
_loss = partial(Metric, unit="nats", section="loss", scale="log")
_accuracy = partial(Metric, unit="accuracy", section="accuracy", limits=FREE)
_collapse = partial(Metric, section="collapse")
_binarity = partial(Metric, section="binarity")
_latent = partial(Metric, section="latent")
_force = partial(Metric, section="forces", scale="log")

METRICS = (
    Metric("gamma", "gamma", "Strength of the penalty", "gamma", "settings", "log"),
    Metric("learning_rate", "learning rate", "Learning rate", "learning rate", "settings"),
    _loss("loss", "loss", "Loss"),
    _loss("cross_entropy", "cross-entropy", "Cross-entropy"),
    _loss("penalty", "penalty (times gamma)", "Penalty"),
    _accuracy("train_accuracy", "train accuracy", "Training accuracy"),
    _accuracy("test_accuracy", "test accuracy", "Test accuracy"),
    _collapse("nc1", "NC1", "NC1 (within-class variability)", "tr($Σ_W Σ_B^+$) / C", scale="log"),
    _collapse("cdnv", "CDNV", "CDNV", "variance / distance²", scale="log"),
    _collapse("equinorm", "equinorm", "Equal norms", "std / mean of the norms"),
    _collapse("equiangular", "equiangular", "Equal angles", "std of the cosines"),
    _collapse("max_angle", "max angle", "Maximal angles", "mean |cos + 1/(C−1)|"),
    _collapse("etf_distance", "ETF distance", "Simplex (ETF)", "Frobenius distance"),
    _collapse("nc3", "NC3", "NC3 (self-duality)", "squared distance", scale="log"),
    _collapse("nc4", "NC4", "NC4 (nearest class mean)", "share that disagrees"),
    _binarity("gmm_score", "GMM score", "GMM score", "nats a sample", limits=FREE),
    _binarity("gmm_sigma", "GMM sigma", "GMM sigma", "standard deviations"),
    _binarity("peak_distance", "peak distance", "Peak distance", "standard deviations"),
    _binarity("sign_purity", "same sign", "Same sign", "share of the samples", limits=SHARE),
    _binarity("same_code", "same code", "Same code", "share of the samples", limits=SHARE),
    _binarity("distinct_codes", "distinct codes", "Distinct codes", "number"),
    _latent("latent_norm", "mean norm of z", "Latent norm", "mean ||z||", scale="log"),
    _latent("latent_entropy", "latent entropy", "Latent entropy", "nats", limits=FREE),
    _binarity("code_distance", "Hamming distance", "Code distance", "Hamming distance / D"),
    _binarity(
        "code_spread",
        "its spread",  # it stands beside the distance
        "Unequal code distances",
        "std over pairs / D",
    ),
    _force("margin", "margin", "Margin", "logits"),
    _force("classifier_norm", "|W_y|", "Classifier", "||$W_y$||"),
    _force("predicted_norm", "||z|| predicted by |W_y|", "Predicted norm", "||z||"),
    _force("norm_bound", "bound of ||z|| at equilibrium", "Bound of the norm", "||z||"),
    Metric("seconds", "seconds", "Training time", "seconds", "settings"),
    _binarity("kurtosis", "kurtosis", "Kurtosis", "of the class means", limits=(1.0, None)),
    _binarity(
        "kurtosis_rotated",
        "in a random basis",  # it stands beside the kurtosis
        "Kurtosis in a random basis",
        "of the class means",
        limits=(1.0, None),
    ),
    _binarity("two_values", "two values", "Two values", "variance within the groups", scale="log"),
    _collapse("nc0", "NC0", "NC0 (mean of the classifier)", "share of ||$W_y$||²", scale="log"),
    _binarity("initial_code", "initial code", "Initial code", "share of the bits", limits=SHARE),
    _collapse("nc1_quotient", "NC1 quotient", "NC1 quotient", "tr $Σ_W$ / tr $Σ_B$", scale="log"),
    _accuracy("validation_accuracy", "validation accuracy", "Validation accuracy"),
)
"""All measurements, in the order of their columns."""

BY_NAME = {metric.name: metric for metric in METRICS}
"""The same, by the names of their columns."""
