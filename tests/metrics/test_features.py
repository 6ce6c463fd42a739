"""Features of any origin, at any size: the formulas, the chunks, and what cannot be measured."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from lpc_scratch import metrics
from lpc_scratch.metrics import (
    arrays,
    class_table,
    far_samples,
    features,
    measure_features,
    pair_table,
)
from lpc_scratch.metrics.definitions import DEFINITIONS


class Offers:
    """Something that is no array, but offers one."""

    def __init__(self, array, *names):
        for name in names:
            setattr(self, name, getattr(array, name))


class Wrapped:
    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)


class NeedsGradient:
    requires_grad = True


@pytest.fixture
def head(rng):
    """Features after a ReLU of unequal classes, as float32, and a classifier as torch has it."""
    labels = rng.integers(0, 6, size=500) ** 2 // 5  # 0, 1, 3 and 5 of unequal sizes
    means = 2 * rng.normal(size=(6, 9))
    z = np.maximum(means[labels] + rng.normal(size=(500, 9)), 0).astype(np.float32)
    return z, labels, rng.normal(size=(7, 9)), rng.normal(size=7)


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def small_chunks(request, monkeypatch):
    monkeypatch.setattr(arrays, "_NUMBERS", 300)  # 33 rows, of which the last has few
    return request.param


def direct(z, y, W, b):
    """Return numbers of features straight from their definitions; W is (K, D)."""
    z = z.astype(np.float64)
    classes = np.unique(y)
    C = len(classes)
    mu = np.array([z[y == c].mean(0) for c in classes])
    M = mu - mu.mean(0)
    within = sum(np.cov(z[y == c].T, bias=True) for c in classes) / C
    between = M.T @ M / C
    v = np.array([((z[y == c] - m) ** 2).sum(1).mean() for c, m in zip(classes, mu, strict=True)])
    pairs = [(i, j) for i in range(C) for j in range(i)]
    gram, simplex = M @ M.T, (np.eye(C) - 1 / C) / np.sqrt(C - 1)
    U = M / np.linalg.norm(M, axis=1, keepdims=True)
    d = np.array([np.linalg.norm(U[i] - U[j]) for i, j in pairs])
    Wc = W[classes]
    A = Wc @ M.T
    cosines = np.sum(Wc * U, axis=1) / np.linalg.norm(Wc, axis=1)
    nearest = classes[((z[:, None] - mu) ** 2).sum(2).argmin(1)]
    predicted = (z @ W.T + b).argmax(1)
    return {
        "nc1": np.trace(within @ np.linalg.pinv(between, rcond=1e-10)) / C,
        "nc1_pinv": np.trace(within @ np.linalg.pinv(between, rcond=1e-10)) / C,
        "nc1_quotient": np.trace(within) / np.trace(between),
        "cdnv": np.mean([(v[i] + v[j]) / 2 / np.sum((mu[i] - mu[j]) ** 2) for i, j in pairs]),
        "etf_distance": np.linalg.norm(gram / np.linalg.norm(gram) - simplex),
        "gnc2_distance": d.var(),
        "gnc2_log": np.log(1 / d).mean(),
        "gnc2_log_variance": np.log(1 / d).var(),
        "gnc2_riesz": np.mean(1 / d),
        "nc3": np.sum((Wc / np.linalg.norm(Wc) - M / np.linalg.norm(M)) ** 2),
        "nc3_structure": np.linalg.norm(A / np.linalg.norm(A) - simplex),
        "nc3_cosine": cosines.mean(),
        "nc3_uniform": cosines.std(),
        "nc4": np.mean(nearest != predicted),
        "accuracy": np.mean(predicted == y),
        "nearest_mean_accuracy": np.mean(nearest == y),
    }


def test_numbers_are_those_of_direct_formulas(head, small_chunks):
    z, y, W, b = head
    found = measure_features(
        z, y, classifier_weight=W, classifier_bias=b, unknown=z[:50] ** 2, jobs=small_chunks
    )
    expected = direct(z, y, W, b)
    assert {name: found.values[name] for name in expected} == pytest.approx(expected, rel=1e-8)
    mu, unknown = metrics.class_means(z, y), np.mean(z[:50].astype(float) ** 2, axis=0)
    cosines = mu @ unknown / np.linalg.norm(mu, axis=1) / np.linalg.norm(unknown)
    assert found.values["nc5"] == pytest.approx(np.abs(cosines).mean(), rel=1e-8)
    assert list(found.values) == [definition.name for definition in DEFINITIONS]


def test_chunks_give_the_numbers_of_the_whole(head, small_chunks):
    z, y, W, b = head
    found = measure_features(z, y, classifier_weight=W, classifier_bias=b, jobs=small_chunks)
    predictions = (z @ W.T + b).argmax(1)
    whole = metrics.measure(z, y, predictions=predictions, classifier_weight=W.T)
    del whole["initial_code"]
    common = {name: found.values[name] for name in whole}
    assert common == pytest.approx(whole, rel=1e-10)
    as_logits = measure_features(z, y, logits=z @ W.T + b)
    assert as_logits.values["nc4"] == found.values["nc4"]


def test_a_simplex_with_its_own_classifier_has_collapsed(rng):
    simplex = np.eye(5) - 1 / 5
    y = np.arange(100) % 5
    found = measure_features(simplex[y], y, classifier_weight=simplex, weight_layout="rows").values
    zeros = ("nc1", "nc1_quotient", "cdnv", "equinorm", "etf_distance", "gnc2_distance", "nc4")
    zeros += ("nc3", "nc3_structure", "nc3_uniform", "nc0", "gnc2_log_variance")
    assert [found[name] for name in zeros] == pytest.approx([0] * len(zeros), abs=1e-7)
    side = np.sqrt(2 * 5 / 4)
    kernels = [found["gnc2_log"], found["gnc2_riesz"], found["nc3_cosine"]]
    assert kernels == pytest.approx([-np.log(side), 1 / side, 1])


def test_a_pseudo_inverse_drops_directions_that_singular_values_keep(rng):
    means, y = np.diag([1.0, 1e-8, 0])[[0, 1, 2]], np.arange(300) % 3
    found = measure_features(means[y] + 1e-9 * rng.normal(size=(300, 3)), y).values
    assert found["nc1_pinv"] < 1e-10 < 1e-3 < found["nc1"]


def test_tables_of_pandas_are_taken_too(head):
    pandas = pytest.importorskip("pandas")
    z, y, *_ = head
    found = measure_features(pandas.DataFrame(z), pandas.Series(y))
    assert found.values == pytest.approx(measure_features(z, y).values, nan_ok=True)


@pytest.mark.parametrize("make", [list, Wrapped, np.asfortranarray])
def test_features_may_be_of_any_library(head, make):
    z, y, *_ = head
    assert measure_features(make(z), list(y)).values["nc1"] == pytest.approx(
        measure_features(z, y).values["nc1"], rel=1e-12
    )


def test_features_may_come_by_dlpack(head):
    z = head[0]
    offered = Offers(z, "__dlpack__", "__dlpack_device__")
    assert np.array_equal(arrays.as_array(offered, "z"), z)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"features": [[0, 1], [np.nan, 1]]},
            "features must be finite, but row 1, column 0 is nan",
        ),
        ({"features": [[0, 1], [0, -np.inf]]}, "row 1, column 1 is -inf"),
        ({"features": np.zeros((2, 0))}, r"features must be \(N, D\) and not empty"),
        ({"features": np.zeros(2)}, r"features must be \(N, D\)"),
        ({"features": np.array([[{}], [None]])}, "features holds Python objects"),
        ({"features": [["a"], ["b"]]}, "features holds values of dtype <U1"),
        ({"features": np.ones((2, 2), complex)}, "dtype complex128"),
        ({"features": csr_array(np.eye(2))}, r"sparse matrix: pass features.toarray\(\)"),
        ({"features": NeedsGradient()}, r"needs a gradient.*: pass features.detach\(\)"),
        ({"features": [[1], [1, 2]]}, "features is no array that NumPy can read"),
        ({"labels": [0, 1, 1]}, r"labels must have shape \(2,\)"),
        ({"labels": [0.0, 1.0]}, "labels must be integers, not float64"),
        ({"classifier_weight": np.ones((5, 4))}, "neither side is the 2 coordinates"),
        ({"classifier_weight": np.ones((2, 2))}, "as many classes as coordinates: say whether"),
        (
            {"classifier_weight": np.ones((2, 3)), "weight_layout": "rows"},
            "3 coordinates where weight_layout says 'rows'",
        ),
        (
            {"classifier_weight": np.ones((2, 1))},
            "has 1 classes, 0 to 0, and labels go from 0 to 1",
        ),
        ({"classifier_bias": [1, 2]}, "without a classifier_weight"),
        (
            {"classifier_weight": np.ones((3, 2)), "classifier_bias": [1, 2]},
            "classifier_bias must be 3 finite numbers",
        ),
        ({"logits": np.ones((3, 2))}, "logits has 3 rows for 2 samples"),
        ({"unknown": np.ones((3, 5))}, "unknown has 5 coordinates"),
        ({"jobs": 0}, "jobs at least 1"),
        ({"about": "median"}, "'median'"),
    ],
)
def test_what_cannot_be_measured_gets_a_sentence(changes, sentence):
    arguments = {"features": np.eye(2), "labels": [0, 1]} | changes
    with pytest.raises(ValueError, match=sentence):
        measure_features(**arguments)


@pytest.mark.parametrize(
    ("z", "y", "undefined", "note"),
    [
        (np.eye(3), [4, 4, 4], {"nc1", "cdnv", "etf_distance"}, "all samples are of class 4"),
        (np.eye(3), [0, 1, 2], {"nc1", "nc1_quotient", "cdnv"}, "every class has one sample"),
        (np.ones((4, 2)), [0, 0, 1, 1], {"nc1", "cdnv", "gmm_score"}, "class means coincide"),
        ([[0.0], [1], [2], [5]], [0, 0, 1, 2], set(), "2 of 3 classes have one sample"),
        (np.ones((4, 2)) + np.eye(4)[:, :2], [0, 0, 1, 1], {"nc3"}, "no feature is negative"),
    ],
    ids=["one class", "one sample a class", "constant", "one coordinate", "positive"],
)
def test_what_is_not_defined_is_nan_and_said_why(z, y, undefined, note):
    found = measure_features(z, y)
    assert {name for name in undefined if not np.isnan(found.values[name])} == set()
    assert note in " ".join(found.notes)


def test_a_memory_map_that_shrinks_is_an_error_and_ends_no_process(tmp_path):
    path = tmp_path / "z.npy"
    np.save(path, np.zeros((5000, 8)))
    rows = arrays.as_rows(np.load(path, mmap_mode="r"), "features")
    with path.open("r+b") as file:
        file.truncate(4000)
    with pytest.raises(ValueError, match="features has lost its end"):
        rows.read(4000, 5000)


def test_wrong_labels_are_found_by_their_distance(rng):
    y = np.arange(300) % 3
    z = 5 * np.eye(3)[y] + 0.1 * rng.normal(size=(300, 3))
    wrong = y.copy()
    wrong[[30, 61]] = 2, 0  # of the classes 0 and 1
    found = measure_features(z, wrong, farthest=2)
    first, second = sorted(far_samples(found)[:2], key=lambda sample: sample.row)
    assert (first.row, first.label, first.nearest) == (30, 2, 0)
    assert (second.row, second.label, second.nearest) == (61, 0, 1)
    sigma = np.sqrt(found.spread.variances[2])
    expected = np.linalg.norm(z[30] - z[wrong == 2].mean(0)) / sigma
    assert first.distance == pytest.approx(expected)
    assert len(far_samples(found)) == 6


def test_classes_are_listed_with_the_least_collapsed_first(rng):
    y = np.arange(400) % 4
    z = (
        np.array([[4, 0], [0, 4], [-4, 0], [0, -4.0]])[y]
        + rng.normal(size=(400, 2)) * (np.array([0.1, 1, 0.1, 0.1])[y, None])
    )
    z[y == 3] += [3, 3]  # near to class 0
    rows = {row.label: row for row in class_table(measure_features(z, y))}
    assert next(iter(rows)) == 1
    mu = np.array([z[y == c].mean(0) for c in range(4)])
    v = ((z[y == 3] - mu[3]) ** 2).sum(1).mean()
    distance = np.linalg.norm(mu[3] - mu[0])
    assert (rows[3].nearest, rows[3].samples) == (0, 100)
    assert (rows[3].variance, rows[3].distance) == pytest.approx((v, distance))
    assert rows[3].margin == pytest.approx(distance / 2 / np.sqrt(v))
    on_code = ((z[y == 1] > 0) == (mu[1] > 0)).all(1).mean()
    assert rows[1].off_code == pytest.approx(1 - on_code)
    pairs = pair_table(measure_features(z, y))
    assert len(pairs) == 6
    assert pairs[0].cdnv == max(pair.cdnv for pair in pairs)


def test_test_samples_are_judged_by_the_means_of_the_training_set(rng):
    y = np.arange(100) % 2
    train = measure_features(np.eye(2)[y] + 0.1 * rng.normal(size=(100, 2)), y)
    z = np.eye(2)[y] + [1.5, 0]  # all are nearer to the training set's class 0
    test = measure_features(z, y, judge=train.judge)
    assert (test.values["nearest_mean_accuracy"], test.spread.misplaced.tolist()) == (0.5, [0, 1])
    assert measure_features(z, y).values["nearest_mean_accuracy"] == 1


def test_codes_can_be_about_the_mean(rng):
    y = np.arange(80) % 4
    z = 10 + np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])[y] + 0.1 * rng.normal(size=(80, 2))
    assert measure_features(z, y).values["distinct_codes"] == 1
    about = measure_features(z, y, about="mean").values
    assert (about["distinct_codes"], about["same_code"]) == (4, 1)
    assert about["kurtosis"] == pytest.approx(1, abs=0.01)


def test_layers_are_measured_by_name_and_the_last_has_the_classifier(head):
    z, y, W, b = head
    found = metrics.measure_layers({"first": z[:, :3], "second": z}, y, classifier_weight=W)
    assert np.isnan(found["first"].values["nc3"])
    assert found["second"].values["nc3"] == pytest.approx(direct(z, y, W, b)["nc3"])
    with pytest.raises(ValueError, match=r"^first: features must be finite"):
        metrics.measure_layers({"first": z * np.nan, "second": z}, y)
    with pytest.raises(ValueError, match="layers is empty"):
        metrics.measure_layers({}, y)


def test_no_more_memory_is_taken_than_is_stated(rng, monkeypatch):
    monkeypatch.setattr(arrays, "_NUMBERS", 2**16)
    monkeypatch.setattr(features, "MAX_MIXTURES", 2)  # each takes time, and little memory
    N, D, C = 20_000, 40, 300
    z, y = rng.normal(size=(N, D)).astype(np.float32), rng.integers(0, C, size=N)
    measure_features(z[:50], y[:50])  # imports
    rows = []
    tracemalloc.start()
    measure_features(z, y, jobs=2, progress=rows.append)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < arrays.memory_needed(N, D, C, jobs=2)
    assert sum(rows) == 2 * N


def test_the_page_on_measuring_defines_every_number():
    page = Path(__file__).parents[2] / "docs" / "measuring.md"
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in page.read_text(encoding="utf-8").splitlines()
    ]
    for d in DEFINITIONS:
        assert [d.label, d.formula, d.unit, d.range, d.collapsed, d.source] in rows
