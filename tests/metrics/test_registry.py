import numpy as np
import pytest

from lpc_scratch.metrics import measure
from lpc_scratch.metrics.registry import BY_NAME, METRICS, SECTIONS
from lpc_scratch.training.result import COLUMNS

H2 = np.array([[1, 1], [1, -1]])
CODES = np.kron(np.kron(H2, H2), H2)[:, 1:]  # eight equally far codes of seven bits


@pytest.fixture
def measured(rng):
    """What `measure` says of a latent without structure, and of one that has collapsed."""
    labels = np.arange(400) % 8
    noise = rng.normal(size=(400, 7))
    means, W = rng.normal(size=(2, 8, 7))
    scattered = 1 + means[labels] + noise  # most coordinates are positive: codes are shared
    cases = (scattered, W.T), (CODES[labels] + 0.01 * noise, CODES.T)
    return [
        measure(
            z,
            labels,
            predictions=(z @ W).argmax(axis=1),
            classifier_weight=W,
            initial_classifier=CODES.T,
        )
        for z, W in cases
    ]


def test_the_columns_of_metrics_csv_keep_their_names_and_order():
    names = (
        *("epoch", "member", "seed", "gamma", "learning_rate"),
        *("loss", "cross_entropy", "penalty", "train_accuracy", "test_accuracy"),
        *("nc1", "cdnv", "equinorm", "equiangular", "max_angle", "etf_distance", "nc3", "nc4"),
        *("gmm_score", "gmm_sigma", "peak_distance", "sign_purity", "same_code", "distinct_codes"),
        *("latent_norm", "latent_entropy", "code_distance", "code_spread"),
        *("margin", "classifier_norm", "predicted_norm", "norm_bound", "seconds"),
        *("kurtosis", "kurtosis_rotated", "two_values", "nc0", "initial_code", "nc1_quotient"),
        "validation_accuracy",
    )
    assert names == COLUMNS
    assert len(BY_NAME) == len(METRICS)
    assert {metric.section for metric in METRICS} == set(SECTIONS)


def test_what_is_registered_of_the_latent_is_what_measure_returns(measured):
    of_latent = [m.name for m in METRICS if m.section in ("collapse", "binarity", "latent")]
    assert of_latent == list(measured[0])


def test_collapse_lowers_every_metric_but_those_of_binarity_and_the_norm(measured):
    scattered, collapsed = measured
    higher = {name for name, before in scattered.items() if collapsed[name] > before}
    assert higher - {"latent_norm"} == {
        *("gmm_score", "peak_distance", "sign_purity", "same_code", "distinct_codes"),
        *("code_distance", "initial_code"),
    }
    assert all(collapsed[name] != before for name, before in scattered.items())
