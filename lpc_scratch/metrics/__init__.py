"""Measures of latent point collapse: pure functions of float64 arrays on the host.

``collapse`` asks whether the points of a class meet and the class means form a simplex;
``binarity`` asks whether every latent coordinate takes two values and every class one code, and
``codes`` how far apart these codes are; ``axes`` asks whether that is a matter of the axes of the
latent, and whose signs a code repeats; ``entropy`` asks how little room the points leave one
another; ``measure`` computes all of it at once, and ``registry`` says how each value is shown.
``equilibrium`` asks where the pull of cross-entropy and the push of the penalty on the latent
balance.

``calibration`` asks whether a network is as sure as it is right, ``detection`` whether its scores
tell what it knows from what it does not, with scores of others in ``rivals``, and ``selection``
what it gets wrong if it answers only where it is sure.

The package stands alone, for networks of any origin: it imports NumPy, and SciPy and
scikit-learn where a function needs them, but nothing of :mod:`lpc_scratch` but the closed forms of
``theory``, two of which it hands on.
"""

from lpc_scratch.metrics.axes import entry_kurtosis, initial_code_share, rotated_kurtosis
from lpc_scratch.metrics.binarity import (
    MixtureFit,
    class_codes,
    distinct_codes,
    fit_mixtures,
    hamming_distances,
    latent_norm,
    same_code_share,
    sign_purity,
)
from lpc_scratch.metrics.calibration import (
    Reliability,
    adaptive_calibration_error,
    brier_score,
    classwise_calibration_error,
    expected_calibration_error,
    fit_temperature,
    max_log_probability,
    negative_log_likelihood,
    reliability,
    softmax_probabilities,
)
from lpc_scratch.metrics.classes import ClassGroups, group_by_class
from lpc_scratch.metrics.codes import CodeGeometry, code_geometry
from lpc_scratch.metrics.collapse import (
    cdnv,
    centered_class_means,
    class_means,
    classifier_mean_share,
    equiangularity,
    equinorm,
    etf_distance,
    max_angle,
    mean_class_distance,
    nearest_class_mean_disagreement,
    self_duality,
    variability_quotient,
    within_class_scatter_trace,
    within_class_variability,
)
from lpc_scratch.metrics.detection import (
    Mahalanobis,
    aupr,
    auroc,
    distance_to_class_mean,
    distance_to_code,
    energy,
    fpr_at_tpr,
)
from lpc_scratch.metrics.entropy import latent_entropy
from lpc_scratch.metrics.equilibrium import Balance, balance, margin
from lpc_scratch.metrics.features import Measured, measure_features, measure_layers
from lpc_scratch.metrics.generalised import (
    direction_kernels,
    duality_cosines,
    duality_structure,
    orthogonality_to_unknown,
)
from lpc_scratch.metrics.measure import measure
from lpc_scratch.metrics.perclass import class_table, far_samples, pair_table
from lpc_scratch.metrics.rivals import Neco, Neighbours, nci
from lpc_scratch.metrics.selection import aurc, excess_aurc, risk_coverage
from lpc_scratch.theory.codes import simplex_hamming
from lpc_scratch.theory.onset import largest_gamma

__all__ = [
    "Balance",
    "ClassGroups",
    "CodeGeometry",
    "Mahalanobis",
    "Measured",
    "MixtureFit",
    "Neco",
    "Neighbours",
    "Reliability",
    "adaptive_calibration_error",
    "aupr",
    "aurc",
    "auroc",
    "balance",
    "brier_score",
    "cdnv",
    "centered_class_means",
    "class_codes",
    "class_means",
    "class_table",
    "classifier_mean_share",
    "classwise_calibration_error",
    "code_geometry",
    "direction_kernels",
    "distance_to_class_mean",
    "distance_to_code",
    "distinct_codes",
    "duality_cosines",
    "duality_structure",
    "energy",
    "entry_kurtosis",
    "equiangularity",
    "equinorm",
    "etf_distance",
    "excess_aurc",
    "expected_calibration_error",
    "far_samples",
    "fit_mixtures",
    "fit_temperature",
    "fpr_at_tpr",
    "group_by_class",
    "hamming_distances",
    "initial_code_share",
    "largest_gamma",
    "latent_entropy",
    "latent_norm",
    "margin",
    "max_angle",
    "max_log_probability",
    "mean_class_distance",
    "measure",
    "measure_features",
    "measure_layers",
    "nci",
    "nearest_class_mean_disagreement",
    "negative_log_likelihood",
    "orthogonality_to_unknown",
    "pair_table",
    "reliability",
    "risk_coverage",
    "rotated_kurtosis",
    "same_code_share",
    "self_duality",
    "sign_purity",
    "simplex_hamming",
    "softmax_probabilities",
    "variability_quotient",
    "within_class_scatter_trace",
    "within_class_variability",
]
