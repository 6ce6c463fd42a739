import numpy as np
import pytest

from lpc_scratch import metrics
from lpc_scratch.metrics import measure

NAMES = [
    *("nc1", "cdnv", "equinorm", "equiangular", "max_angle", "etf_distance", "nc3", "nc4"),
    *("gmm_score", "gmm_sigma", "peak_distance", "sign_purity", "same_code", "distinct_codes"),
    *("latent_norm", "latent_entropy", "code_distance", "code_spread"),
    *("kurtosis", "kurtosis_rotated", "two_values", "nc0", "initial_code", "nc1_quotient"),
]


@pytest.fixture
def run():
    """Latent, labels, predictions and classifier weight of five classes in three dimensions."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, size=300)
    latent = (rng.normal(size=(5, 3))[labels] + 0.5 * rng.normal(size=(300, 3))).astype(np.float32)
    predictions = np.where(rng.random(300) < 0.1, (labels + 1) % 5, labels)
    return latent, labels, predictions, rng.normal(size=(3, 5))


def test_every_value_is_that_of_its_own_function(run):
    latent, labels, predictions, W = run
    M = metrics.centered_class_means(latent, labels)
    fit = metrics.fit_mixtures(latent, seed=3)
    geometry = metrics.code_geometry(metrics.class_codes(latent, labels))
    W_0 = np.random.default_rng(1).normal(size=(3, 5))
    values = measure(
        latent,
        labels,
        predictions=predictions,
        classifier_weight=W,
        initial_classifier=W_0,
        seed=3,
    )
    means = metrics.class_means(latent, labels)
    assert list(values) == NAMES
    assert all(type(value) is float for value in values.values())
    assert list(values.values()) == pytest.approx(
        [
            metrics.within_class_variability(latent, labels),
            metrics.cdnv(latent, labels),
            metrics.equinorm(M),
            metrics.equiangularity(M),
            metrics.max_angle(M),
            metrics.etf_distance(M),
            metrics.self_duality(M, W),
            metrics.nearest_class_mean_disagreement(latent, labels, predictions),
            fit.gmm_score,
            fit.gmm_sigma,
            fit.peak_distance,
            metrics.sign_purity(latent, labels),
            metrics.same_code_share(latent, labels),
            metrics.distinct_codes(metrics.class_codes(latent, labels)),
            metrics.latent_norm(latent),
            metrics.latent_entropy(latent, seed=3),
            geometry.mean,
            geometry.spread,
            metrics.entry_kurtosis(means),
            metrics.rotated_kurtosis(means, seed=3),
            fit.two_values,
            metrics.classifier_mean_share(W),
            metrics.initial_code_share(means, np.arange(5), W_0),
            metrics.variability_quotient(latent, labels),
        ],
        rel=1e-12,
    )


def test_predictions_can_make_the_classes(run):
    latent, labels, predictions, W = run
    values = measure(latent, labels, predictions=predictions, classifier_weight=W, by="prediction")
    expected = measure(latent, predictions, predictions=predictions, classifier_weight=W)
    assert values == pytest.approx(expected, rel=0, abs=0, nan_ok=True)
    assert values["nc1"] != measure(latent, labels)["nc1"]


def test_self_duality_uses_the_columns_of_the_classes_that_occur(run):
    latent, labels, _, W = run
    kept = labels != 2
    latent, labels = latent[kept], labels[kept]
    M = metrics.centered_class_means(latent, labels)
    expected = metrics.self_duality(M, W[:, [0, 1, 3, 4]])
    assert measure(latent, labels, classifier_weight=W)["nc3"] == pytest.approx(expected)


def test_what_is_not_given_is_nan(run):
    latent, labels, _, _ = run
    values = measure(latent, labels)
    assert [name for name in NAMES if np.isnan(values[name])] == [
        *("nc3", "nc4", "nc0", "initial_code")
    ]


def test_a_classifier_weight_of_another_layout_is_refused_with_the_remedy(run):
    latent, labels, _, W = run
    needed = (
        r"shape \(3, K\), a row for each coordinate of the latent .*, not \(5, 3\): .*weight\.T"
    )
    with pytest.raises(ValueError, match=needed):
        measure(latent, labels, classifier_weight=W.T)


def test_a_classifier_weight_without_columns_for_the_classes_is_refused(run):
    latent, labels, predictions, W = run
    with pytest.raises(ValueError, match=r"classes 0\.\.3, but 0\.\.4 occur"):
        measure(latent, labels, classifier_weight=W[:, :4])
    with pytest.raises(ValueError, match=r"classes 0\.\.4, but -1\.\.3 occur"):
        measure(latent, labels - 1, classifier_weight=W)
    with pytest.raises(ValueError, match=r"classes 0\.\.4, but 0\.\.9 occur"):
        measure(latent, labels, predictions=predictions + 5, classifier_weight=W)


@pytest.mark.parametrize("scatter", [0.0, 2.0], ids=["collapsed", "scattered"])
def test_a_square_classifier_weight_is_refused_where_predictions_tell_that_it_is_transposed(
    scatter, rng
):
    labels, W, bias = np.arange(200) % 6, rng.normal(size=(6, 6)), rng.normal(size=6)
    latent = W.T[labels] + scatter * rng.normal(size=(200, 6)) + 1
    predictions = (latent @ W + bias).argmax(axis=1)
    M = metrics.centered_class_means(latent, labels)
    values = measure(latent, labels, predictions=predictions, classifier_weight=W)
    assert values["nc3"] == pytest.approx(metrics.self_duality(M, W))
    with pytest.raises(ValueError, match=r"\(6, 6\) .* only when it is transposed.*weight\.T"):
        measure(latent, labels, predictions=predictions, classifier_weight=W.T)
    # predictions of another origin, or none, tell nothing
    measure(latent, labels, predictions=rng.integers(6, size=200), classifier_weight=W.T)
    measure(latent, labels, classifier_weight=W.T)


def test_a_network_that_predicts_one_class_is_still_measured(run):
    latent, labels, _, W = run
    values = measure(
        latent,
        labels,
        predictions=np.zeros_like(labels),
        classifier_weight=W,
        by="prediction",
    )
    assert [name for name in NAMES if np.isnan(values[name])] == [
        *(*NAMES[:7], "code_distance", "code_spread", "initial_code", "nc1_quotient")
    ]


def test_collapsed_classes_reach_the_ends_of_the_scales():
    # four corners of a square are binary in both coordinates, and each class is one point
    corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    labels = np.arange(40) % 4
    values = measure(corners[labels], labels, predictions=labels, classifier_weight=corners.T)
    assert [values[name] for name in ("nc1", "cdnv", "equinorm", "nc3", "nc4")] == pytest.approx(
        [0] * 5, abs=1e-20
    )
    assert values["peak_distance"] > 6e4
    assert [values[name] for name in ("kurtosis", "two_values", "nc0", "nc1_quotient")] == [
        1,
        0,
        0,
        0,
    ]
    assert [values[name] for name in ("sign_purity", "same_code", "distinct_codes")] == [1, 1, 4]


def test_malformed_requests_are_refused(run):
    latent, labels, predictions, _ = run
    with pytest.raises(ValueError, match="by must be"):
        measure(latent, labels, predictions=predictions, by="vote")
    with pytest.raises(ValueError, match="needs predictions"):
        measure(latent, labels, by="prediction")
    with pytest.raises(ValueError, match="predictions must have shape"):
        measure(latent, labels, predictions=predictions[1:])
