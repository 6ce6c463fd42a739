import dataclasses
import inspect
import itertools
import pickle
import tracemalloc
import warnings

import joblib
import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_dict_unchanged,
    check_estimators_pickle,
    check_fit_idempotent,
    parametrize_with_checks,
)

from data_utils import Dataset
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import DivergenceError
from lpc_scratch.estimator import LPCClassifier
from lpc_scratch.metrics import largest_gamma, within_class_variability
from lpc_scratch.nn.inference import latent_and_logits
from lpc_scratch.training import train
from lpc_scratch.training.build import make_network

NOT_OF_AN_ESTIMATOR = {
    *("dataset", "data_dir", "data_seed", "gaussian_classes", "gaussian_dims"),
    *("seeds", "gammas", "evaluate_every", "checkpoint_every", "classifier_basis"),
    *("per_channel", "validation_share", "training_samples"),
}
QUICK = {"hidden": (32,), "learning_rate": 5e-3, "epochs": 20}
SMALL = {
    "hidden": (24, 20),
    "latent_dim": 6,
    "gamma": 1,
    "learning_rate": 5e-3,
    "batch_size": 100,
    "epochs": 12,
}
IMAGES = SMALL | {"channels": (4, 6), "crop": 1, "flip": True, "image_shape": (8, 8)}
IMAGES |= {"epochs": 3, "gamma": 0.01}

# For tests of what does not depend on how well a network is trained.
may_not_converge = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return ((X - 8) / 8).astype(np.float32)[:600], y[:600]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def fitted(digits):
    return LPCClassifier(**SMALL).fit(*digits)


def as_dataset(X, y):
    names = tuple(map(str, np.unique(y)))
    return Dataset(
        name="mine",
        x_train=X,
        y_train=y,
        x_test=X[:50],
        y_test=y[:50],
        scale=1.0,
        shift=0.0,
        class_names=names,
        image_shape=X.shape[1:],
    )


def assert_same_bits(found, expected):
    assert found.keys() == expected.keys()
    for name in found:
        assert found[name].dtype == expected[name].dtype
        assert np.array_equal(found[name], expected[name]), name


def assert_same_state(found, expected):
    assert_same_bits(found.parameters_, expected.parameters_)
    assert_same_bits(found._moments, expected._moments)
    assert found._steps == expected._steps
    assert found.n_iter_ == expected.n_iter_
    assert found.loss_curve_ == expected.loss_curve_
    for name in ("classes_", "codes_", "sample_codes_"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


def copied(estimator):
    return pickle.loads(pickle.dumps(estimator))


@pytest.fixture
def array_api(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # without it, scikit-learn skips a check


@may_not_converge
@pytest.mark.usefixtures("array_api")
@parametrize_with_checks([LPCClassifier(**QUICK)])
def test_estimator_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


@may_not_converge
@pytest.mark.parametrize(
    "check", [check_dict_unchanged, check_estimators_pickle, check_fit_idempotent]
)
def test_estimator_with_its_defaults_passes_what_takes_little_time(check):
    check("LPCClassifier", LPCClassifier())


def test_arguments_are_the_settings_of_a_run_with_their_defaults():
    settings = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
    expected = {name: it for name, it in settings.items() if name not in NOT_OF_AN_ESTIMATOR}
    expected |= {"seed": TrainConfig().seeds[0], "epochs": "auto", "gamma": "auto"}
    expected |= {"image_shape": None}
    arguments = inspect.signature(LPCClassifier).parameters
    assert {name: argument.default for name, argument in arguments.items()} == expected
    assert LPCClassifier().get_params() == expected


@may_not_converge
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"architecture": "none", "dropout": 0.2, "seed": 3},
        {"architecture": "nonlinear", "optimizer": "sgd", "dtype": "float64"},
        {"optimizer": "adamw", "weight_decay": 0.1, "loss": "double-softmax", "gamma": 0.1},
        IMAGES | {"backbone": "cnn"},
        IMAGES | {"backbone": "resnet"},
        IMAGES,
    ],
    ids=str,
)
def test_fit_trains_as_the_training_loop_does_to_the_bit(digits, settings):
    settings = SMALL | settings
    X, y = digits[0].astype(settings.get("dtype", "float32")), digits[1]
    estimator = LPCClassifier(**settings).fit(X, y)
    settings["seeds"] = settings.pop("seed", 0)
    shape = settings.pop("image_shape", (64,))
    data = dataclasses.replace(as_dataset(X, y), image_shape=shape)
    network = train(TrainConfig(**settings), data).network
    assert_same_bits(estimator.parameters_, network.named_parameters() | network.named_state())
    assert estimator.n_iter_ == len(estimator.loss_curve_) == settings["epochs"]
    assert estimator.decision_function(X) == pytest.approx(network.predict(X), rel=1e-3, abs=1e-3)


def test_outputs_are_those_of_the_trained_network(digits, fitted):
    network = train(TrainConfig(**SMALL), as_dataset(*digits)).network
    latent, logits = latent_and_logits(network, digits[0])
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    assert fitted.transform(digits[0]) == pytest.approx(latent, abs=1e-5)
    assert fitted.decision_function(digits[0]) == pytest.approx(logits, abs=1e-4)
    assert fitted.predict_proba(digits[0]) == pytest.approx(shares, abs=1e-5)
    assert np.mean(fitted.predict(digits[0]) == logits.argmax(axis=1)) > 0.99
    assert fitted.score(*digits) > 0.7


def test_output_of_a_sample_does_not_depend_on_the_others(digits, fitted):
    together = fitted.transform(digits[0])
    assert together.dtype == np.float64
    order = np.random.default_rng(0).permutation(600)[:77]
    assert fitted.transform(digits[0][order]) == pytest.approx(together[order], abs=1e-12)


def test_same_seed_gives_the_same_bits_and_another_seed_others(digits, fitted):
    again = LPCClassifier(**SMALL).fit(*digits)
    assert_same_state(again, fitted)
    other = LPCClassifier(**SMALL, seed=1).fit(*digits)
    assert not np.array_equal(other.parameters_["latent.W"], fitted.parameters_["latent.W"])


def test_codes_are_the_signs_of_latent_points_and_of_their_class_means(iris):
    estimator = LPCClassifier(latent_dim=5, learning_rate=5e-3, epochs=100).fit(*iris)
    latent = estimator.transform(iris[0])
    means = np.stack([latent[iris[1] == label].mean(axis=0) for label in range(3)])
    assert estimator.codes_.dtype == estimator.sample_codes_.dtype == np.int8
    assert np.array_equal(estimator.codes_, np.where(means > 0, 1, -1))
    assert np.array_equal(estimator.sample_codes_, np.where(latent > 0, 1, -1))
    assert len(np.unique(estimator.codes_, axis=0)) == 3  # the classes have collapsed to codes
    assert np.mean((estimator.sample_codes_ == estimator.codes_[iris[1]]).all(axis=1)) > 0.9


@may_not_converge
@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.2},
        {"optimizer": "sgd", "learning_rate_schedule": "cosine", "epochs": 4},
        {"gamma_schedule": "geometric", "gamma_every": 1, "warmup_epochs": 2},
        IMAGES | {"backbone": "resnet", "epochs": 4},
    ],
    ids=str,
)
def test_partial_fit_epoch_by_epoch_is_fit_to_the_bit(digits, settings):
    settings = SMALL | {"epochs": 4} | settings
    whole = LPCClassifier(**settings).fit(*digits)
    parts = LPCClassifier(**settings).partial_fit(*digits, classes=range(10))
    for _ in range(3):
        parts = copied(parts).partial_fit(*digits)
    assert parts.n_iter_ == 4
    assert_same_state(parts, whole)


def test_codes_of_classes_that_partial_fit_has_not_seen_are_zero(iris):
    X, y = iris
    estimator = LPCClassifier(**SMALL).partial_fit(X[:100], y[:100], classes=[2, 1, 0])
    assert estimator.codes_.shape == (3, 6)
    assert np.array_equal(np.abs(estimator.codes_[:, 0]), [1, 1, 0])
    seen = estimator.codes_
    estimator.partial_fit(X[100:], y[100:])
    assert np.array_equal(estimator.codes_[:2], seen[:2])
    assert set(np.unique(estimator.codes_[2])) <= {-1, 1}
    assert len(estimator.sample_codes_) == 50
    assert estimator.predict_proba(X).shape == (150, 3)


def test_partial_fit_goes_on_after_fit(digits, fitted):
    longer = LPCClassifier(**SMALL | {"epochs": 13}).fit(*digits)
    parts = copied(fitted).partial_fit(*digits)
    assert_same_state(parts, longer)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_shape": None}, "backbone cnn needs images: say with image_shape"),
        ({"image_shape": None, "backbone": "mlp", "crop": 0}, "flip True needs images"),
        ({"image_shape": (8, 9)}, r"image_shape \(8, 9\) makes 72 features, and X has 64"),
        ({"image_shape": (64,)}, r"image_shape must be whole numbers above 0, .* not \(64,\)"),
        ({"image_shape": "8x8"}, "image_shape must be whole numbers above 0, .* not '8x8'"),
        ({"channels": (4,) * 4}, r"cannot take inputs of the shape \(8, 8\)"),
        ({"crop": 9}, "a crop by 9 pixels is too much for images of 8 x 8"),
    ],
)
def test_images_that_cannot_be_are_refused(digits, changes, message):
    estimator = LPCClassifier(**IMAGES | {"backbone": "cnn"} | changes)
    with pytest.raises(ValueError, match=message):
        estimator.fit(*digits)
    assert not hasattr(estimator, "classes_")


@may_not_converge
def test_shape_of_images_stays_until_the_next_fit(digits):
    estimator = LPCClassifier(**IMAGES | {"backbone": "cnn"}).fit(*digits)
    latent = estimator.transform(digits[0])
    estimator.set_params(image_shape=(4, 16))
    assert np.array_equal(copied(estimator).transform(digits[0]), latent)
    with pytest.raises(ValueError, match=r"cannot go on with image_shape \(4, 16\)"):
        estimator.partial_fit(*digits)


@pytest.mark.parametrize("labels", [("a", "bc", "d"), (-7, 0, 10**12), (1.0, 2.0, 5.0)], ids=str)
def test_labels_of_any_type_come_back(iris, labels):
    y = np.array(labels)[iris[1]]
    estimator = LPCClassifier(**SMALL | {"epochs": 60}).fit(iris[0], y)
    assert estimator.classes_.tolist() == list(labels)
    assert estimator.predict(iris[0]).dtype == y.dtype
    assert estimator.score(iris[0], y) > 0.85


def test_of_two_classes_the_decision_is_the_second_against_the_first(iris):
    X, y = iris[0], iris[1] == 0
    estimator = LPCClassifier(**SMALL | {"epochs": 60}).fit(X, y)
    decision = estimator.decision_function(X)
    assert decision.shape == (150,)
    assert np.array_equal(decision > 0, estimator.predict(X))
    assert estimator.predict_proba(X)[:, 1] == pytest.approx(1 / (1 + np.exp(-decision)))
    assert estimator.score(X, y) == 1


def test_estimator_works_in_pipelines_and_searches():
    X, y = load_wine(return_X_y=True)  # features from 0.1 to 1700
    pipeline = make_pipeline(StandardScaler(), LPCClassifier(**QUICK))
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.9
    grid = {"lpcclassifier__gamma": [1, 1e6], "lpcclassifier__latent_dim": np.array([4])}
    with pytest.warns(ConvergenceWarning, match="lower gamma"):
        search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_params_ == {"lpcclassifier__gamma": 1, "lpcclassifier__latent_dim": 4}
    assert search.best_estimator_.transform(X).shape == (178, 4)


def test_defaults_collapse_a_table_of_one_batch_to_codes(iris):
    X, y = iris[0][::2][:64], iris[1][::2][:64]
    estimator = LPCClassifier().fit(X, y)
    assert estimator.n_iter_ == 1000
    assert estimator.gamma_ == pytest.approx(largest_gamma(16, 3, 1000 * 5e-4) / 7)
    assert estimator.score(*iris) > 0.93
    assert within_class_variability(estimator.transform(X), y) < 0.05
    assert np.array_equal(estimator.sample_codes_, estimator.codes_[y])


def test_defaults_suit_few_latent_dimensions_and_few_steps(wine):
    assert cross_val_score(LPCClassifier(latent_dim=2), *wine, cv=3).mean() > 0.93
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    narrow = LPCClassifier(hidden=(64,), latent_dim=8, epochs=30)
    assert cross_val_score(narrow, X, y, cv=3).mean() > 0.93


def test_no_cell_of_a_search_is_poor_and_silent(wine):
    X, y = wine
    held_out = np.arange(len(y)) % 4 == 0
    for latent_dim, width, epochs in itertools.product((2, 4, 8, 16), (32, 64), (20, 50)):
        estimator = LPCClassifier(hidden=(width,), latent_dim=latent_dim, epochs=epochs)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimator.fit(X[~held_out], y[~held_out])
        accuracy = estimator.score(X[held_out], y[held_out])
        assert accuracy > 0.55 or caught, estimator  # the largest class has a share of 0.4
        assert all(warning.category is ConvergenceWarning for warning in caught)
        assert not caught or accuracy < 0.75, estimator


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        (
            {"latent_dim": 2},
            r"lower gamma \(10, while the learning rates of 40 steps bear about 0\.000505\), raise "
            r"epochs \(20\) or change the learning rate \(0\.0005\)",
        ),
        ({"optimizer": "sgd", "latent_dim": 2}, r"lower gamma \(10\), raise epochs \(20\) or"),
        ({"architecture": "linear", "learning_rate": 1e-7}, r"raise epochs \(20\) or change"),
        ({"gamma": "auto", "learning_rate": 1e-7}, r"raise epochs \(20\) or change"),
    ],
    ids=str,
)
def test_network_that_only_guesses_is_warned_of_with_what_to_change(wine, settings, advice):
    estimator = LPCClassifier(**{"gamma": 10, "epochs": 20} | settings)
    found = r"\(training accuracy 0\.\d{3}, share of the largest class 0\.399\): "
    with pytest.warns(ConvergenceWarning, match=found + advice):
        estimator.fit(*wine)
    assert estimator.predict(wine[0]).shape == (178,)


def test_partial_fit_settles_with_the_first_call_and_warns_when_all_epochs_are_done(wine):
    X, y = wine
    settings = QUICK | {"epochs": 4}
    whole = LPCClassifier(**settings).fit(X, y)
    parts = LPCClassifier(**settings).partial_fit(X, y, classes=range(3))
    for _ in range(3):
        parts = copied(parts).partial_fit(X, y)
    assert_same_state(parts, whole)
    assert parts.partial_fit(X[:70], y[:70]).gamma_ == whole.gamma_ < 1
    assert parts.set_params(gamma=2).partial_fit(X, y).gamma_ == 2

    parts = LPCClassifier(hidden=(8,)).partial_fit(X, y, classes=range(3))
    assert parts.gamma_ == pytest.approx(largest_gamma(16, 3, 500 * 2 * 5e-4) / 7)
    parts.set_params(epochs=3).partial_fit(X, y)
    with pytest.warns(ConvergenceWarning, match=r"raise epochs \(3\)"):
        parts.partial_fit(X, y)
    parts.partial_fit(X, y)


def test_data_frames_give_names_and_take_them(iris):
    pandas = pytest.importorskip("pandas", reason="data frames need pandas")
    X = pandas.DataFrame(iris[0], columns=list("abcd"), index=range(1000, 1150))
    y = pandas.Series(iris[1], index=X.index).map({0: "x", 1: "y", 2: "z"})
    settings = SMALL | {"epochs": 40}
    estimator = LPCClassifier(**settings).set_output(transform="pandas").fit(X, y)
    assert estimator.feature_names_in_.tolist() == list("abcd")
    latent = estimator.transform(X)
    assert latent.columns.tolist() == [f"lpcclassifier{d}" for d in range(6)]
    assert latent.index.equals(X.index)
    assert set(estimator.predict(X)) <= {"x", "y", "z"}
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        estimator.predict(X[list("bacd")])


def test_estimator_survives_joblib_with_all_its_state(digits, fitted, tmp_path):
    joblib.dump(fitted, tmp_path / "estimator.joblib")
    for mode in (None, "r"):
        loaded = joblib.load(tmp_path / "estimator.joblib", mmap_mode=mode)
        assert np.array_equal(loaded.transform(digits[0]), fitted.transform(digits[0]))
        assert_same_state(loaded.partial_fit(*digits), copied(fitted).partial_fit(*digits))


@may_not_converge
def test_network_of_predictions_is_made_once_and_neither_pickled_nor_cloned(
    digits, fitted, monkeypatch
):
    X, y = digits
    estimator = LPCClassifier(**SMALL | {"epochs": 1}).fit(X, y)
    expected = estimator.transform(X)

    made = []

    def counted(*args, **kwargs):
        made.append(make_network(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr("lpc_scratch.estimator.classifier.make_network", counted)
    estimator.set_params(hidden=(7,))  # of the next fit
    for predict in (estimator.transform, estimator.predict, estimator.predict_proba):
        predict(X)
    assert not made
    loaded = copied(estimator)
    assert not hasattr(loaded, "_network")
    assert not hasattr(clone(estimator), "_network")
    loaded.predict(X)
    assert np.array_equal(loaded.transform(X), expected)
    assert len(made) == 1
    loaded.set_params(hidden=SMALL["hidden"]).partial_fit(X, y)
    assert len(made) == 2
    assert not np.array_equal(loaded.transform(X), expected)
    assert len(made) == 2


def test_threads_share_the_network_of_predictions(digits, fitted):
    parts = np.array_split(digits[0], 40)
    expected = [fitted.transform(part) for part in parts]
    for _ in range(5):
        estimator = copied(fitted)  # its threads make the network too
        found = joblib.Parallel(n_jobs=8, backend="threading")(
            joblib.delayed(estimator.transform)(part) for part in parts
        )
        assert all(map(np.array_equal, found, expected))


@may_not_converge
def test_training_leaves_only_the_network_and_its_moments_in_memory(rng):
    X, y = rng.normal(size=(3000, 500)).astype(np.float32), rng.integers(0, 2, 3000)
    estimator = LPCClassifier(hidden=(40,), epochs=1, batch_size=1000)
    estimator.fit(X[:10], y[:10])
    tracemalloc.start()
    try:
        estimator.fit(X, y)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    parameters = sum(array.nbytes for array in estimator.parameters_.values())
    # in float32 the parameters and two moments, in float64 the parameters and their gradients, zero
    assert kept < 7 * parameters + estimator.sample_codes_.nbytes + 200_000
    assert kept < 0.05 * peak


@pytest.mark.parametrize("before", ["fitted", "unfitted"])
def test_estimator_keeps_what_it_had_if_training_diverges(digits, iris, fitted, before):
    estimator = copied(fitted) if before == "fitted" else LPCClassifier()
    estimator.set_params(learning_rate=1e6, epochs=5)
    kept = vars(copied(estimator))
    with pytest.raises(DivergenceError, match="training diverged"):
        estimator.fit(*iris)
    np.testing.assert_equal(vars(estimator), kept)
    with pytest.raises(DivergenceError, match="training diverged"):
        estimator.partial_fit(*digits, classes=range(10))
    np.testing.assert_equal(vars(estimator), kept)


SCALE_THEM = (
    r"the features are far from order 1 \(root mean square up to {}\); scale them, as in "
    r"make_pipeline\(StandardScaler\(\), LPCClassifier\(\)\)"
)


def test_features_that_nobody_scaled_are_warned_of(rng):
    X, y = load_breast_cancer(return_X_y=True)
    settings = {"hidden": (64,), "epochs": 30}
    with pytest.warns(
        ConvergenceWarning, match="weights.*because " + SCALE_THEM.format(r"1\.05e\+03")
    ):
        LPCClassifier(**settings).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="a guess.*: " + SCALE_THEM.format(r"1\.05e\+03")):
        LPCClassifier(gamma=100, **settings).fit(X, y)
    X, y = 1e-3 * rng.normal(size=(100, 3)), rng.integers(0, 2, 100)
    with pytest.warns(ConvergenceWarning, match="a guess.*: " + SCALE_THEM.format(r"0\.00\d+")):
        LPCClassifier(**QUICK).fit(X, y)


def test_features_that_nobody_scaled_do_not_overflow_or_the_error_says_so(rng, iris):
    X, y = rng.normal(100, 1, size=(100, 2)).astype(np.float32), rng.integers(0, 2, 100)
    with pytest.raises(DivergenceError):
        train(TrainConfig(epochs=1), as_dataset(X, y))
    with pytest.warns(ConvergenceWarning):
        estimator = LPCClassifier(epochs=20).fit(X, y)
    assert max(estimator.loss_curve_) < 100
    for scale, size in ((1e3, r"1e\+03"), (1e36, r"1e\+36")):
        with pytest.raises(DivergenceError, match="diverged because " + SCALE_THEM.format(size)):
            LPCClassifier().fit(iris[0] * scale, iris[1])


def test_estimator_trains_on_a_gpu_and_predicts_on_the_host(cupy_stand_in, digits, fitted):
    estimator = LPCClassifier(**SMALL, device="gpu").fit(*digits).partial_fit(*digits)
    assert all(type(array) is np.ndarray for array in estimator.parameters_.values())
    expected = copied(fitted).partial_fit(*digits)
    assert estimator.transform(digits[0]) == pytest.approx(expected.transform(digits[0]), abs=1e-3)
    with pytest.warns(ConvergenceWarning, match="StandardScaler"):
        large = LPCClassifier(**SMALL, device="gpu").fit(digits[0] * 1000, digits[1])
    assert np.isfinite(large.loss_curve_).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gamma": -1}, "gamma must be at least 0, not -1"),
        ({"penalty": "exponential"}, "unknown penalty 'exponential': choose one of exp"),
        ({"seed": None}, "^seed must be a whole number, not None$"),
        ({"seed": -1}, "^seed must be at least 0, not -1$"),
        ({"hidden": (), "architecture": "none"}, "architecture none needs at least one hidden"),
        ({"classifier_initialization": "simplex"}, "3 classes have a code of ±1 that is a simplex"),
        ({"classifier_code": "none.npy"}, "classifier_code none.npy cannot be read"),
    ],
    ids=str,
)
def test_settings_are_checked_when_training_begins(iris, settings, message):
    estimator = LPCClassifier(**settings)
    with pytest.raises(ValueError, match=message):
        estimator.fit(*iris)
    with pytest.raises(ValueError, match=message):
        estimator.partial_fit(*iris, classes=[0, 1, 2])
    with pytest.raises(NotFittedError):
        estimator.predict(iris[0])


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda X, y: (csr_array(X), y), TypeError, "Sparse data was passed.*dense"),
        (lambda X, y: (np.where(X > 1, np.nan, X), y), ValueError, "Input X contains NaN"),
        (lambda X, y: (X * 1e39, y), ValueError, r"too large for dtype\('float32'\)"),
        (lambda X, y: (X, 0 * y), ValueError, "there is only one class, 0: a classifier needs"),
        (lambda X, y: (X, y[1:]), ValueError, "inconsistent numbers of samples"),
    ],
    ids=["sparse", "nan", "beyond-float32", "one-class", "lengths"],
)
def test_data_that_cannot_be_used_is_refused(iris, spoil, error, message):
    with pytest.raises(error, match=message):
        LPCClassifier().fit(*spoil(*iris))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"y": [7, 0, 1]}, "y holds the label 7, which is not among the classes"),
        ({"y": ["0", "1", "2"]}, "y holds the label '0', which is not among the classes"),
        ({"classes": [0, 1]}, r"classes are \[0, 1\], but were \[0, 1, 2\] before"),
    ],
    ids=str,
)
def test_partial_fit_refuses_labels_and_classes_that_do_not_fit(iris, call, message):
    estimator = LPCClassifier(**SMALL)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        estimator.partial_fit(*iris)
    estimator.partial_fit(*iris, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=message):
        estimator.partial_fit(iris[0][:3], **{"y": [0, 1, 2]} | call)
    assert estimator.n_iter_ == 1


def test_partial_fit_takes_new_rates_but_no_other_network(digits, fitted):
    estimator = copied(fitted).set_params(learning_rate=1e-9)
    latent = estimator.partial_fit(*digits).transform(digits[0])
    assert latent == pytest.approx(fitted.transform(digits[0]), abs=1e-4)
    estimator.set_params(hidden=[24, 30])
    with pytest.raises(ValueError, match=r"cannot go on with hidden \(24, 30\) in place of \(24"):
        estimator.partial_fit(*digits)
    assert np.array_equal(estimator.transform(digits[0]), latent)
