import dataclasses

import numpy as np
import pytest

from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import TrivialCollapseWarning
from lpc_scratch.metrics import measure
from lpc_scratch.nn.inference import latent_and_logits
from lpc_scratch.theory.free_features import centred, optimum
from lpc_scratch.theory.phases import only_guesses
from lpc_scratch.training import Recorder, load_configured_dataset, train
from lpc_scratch.training.result import COLUMNS, EDGES
from lpc_scratch.training.trainer import Trainer

SMALL = TrainConfig(
    dataset="gaussians",
    hidden=(16,),
    latent_dim=4,
    learning_rate=5e-3,
    epochs=5,
    evaluate_every=2,
    seeds=(0, 1),
)
TINY = dataclasses.replace(SMALL, gaussian_classes=2, seeds=(0,))


@pytest.fixture(scope="module")
def result():
    return train(SMALL)


def test_result_has_a_row_for_every_measured_epoch_and_member(result):
    measured = [(row["epoch"], row["member"], row["seed"]) for row in result.rows]
    assert measured == [(e, m, m) for e in (0, 2, 4, 5) for m in (0, 1)]
    assert all(tuple(row) == COLUMNS for row in result.rows)
    assert result.column("epoch", member=1).tolist() == [0, 2, 4, 5]


def test_rows_describe_each_network_on_the_whole_training_set(result):
    dataset, row = load_configured_dataset(SMALL), result.rows[-1]
    latent, logits = (outputs[1] for outputs in latent_and_logits(result.network, dataset.x_train))
    predictions = logits.argmax(-1)
    measured = measure(
        latent,
        dataset.y_train,
        predictions=predictions,
        classifier_weight=result.network.classifier.W[1],
        initial_classifier=Trainer(SMALL, dataset).network.classifier.W[1],
    )
    assert {name: row[name] for name in measured} == pytest.approx(measured)
    A = centred(result.network.classifier.W[1])
    assert row["predicted_norm"] == pytest.approx(optimum(A, 10, "exp").norm)
    assert row["train_accuracy"] == np.mean(predictions == dataset.y_train) > 0.9
    assert row["loss"] == row["cross_entropy"] + row["penalty"]
    assert row["penalty"] == pytest.approx(10 * np.exp(np.mean(np.square(latent, dtype="f8"))))


def test_validation_accuracy_is_that_of_the_part_that_is_not_trained_on():
    config = dataclasses.replace(TINY, validation_share=0.25, training_samples=100, epochs=1)
    result, dataset = train(config), load_configured_dataset(config)
    whole = load_configured_dataset(TINY)
    assert len(dataset.x_train) == 100
    assert len(dataset.x_validation) == round(len(whole.x_train) / 4)
    _, logits = latent_and_logits(result.network, dataset.x_validation)
    expected = np.mean(logits.argmax(-1) == dataset.y_validation)
    assert result.rows[-1]["validation_accuracy"] == expected
    assert np.isnan(train(dataclasses.replace(TINY, epochs=0)).rows[-1]["validation_accuracy"])


@pytest.mark.parametrize(
    "settings", [{"architecture": "none"}, {"gamma": 0.0}, {"loss": "double-softmax"}], ids=str
)
def test_no_norm_is_predicted_without_a_penalty_or_for_another_loss(settings):
    (row,) = train(dataclasses.replace(TINY, epochs=0, **settings)).rows
    assert np.isnan(row["predicted_norm"])
    assert 0 <= row["initial_code"] <= 1


def test_rows_hold_the_settings_of_the_epoch_that_led_to_them():
    config = dataclasses.replace(
        TINY, gamma=0.1, gamma_schedule="geometric", gamma_every=1, evaluate_every=1, epochs=3
    )
    assert train(config).column("gamma").tolist() == [0.1, 0.1, 0.2, 0.4]


@pytest.mark.parametrize(("every", "kept"), [(1, [0, 1, 2, 3, 4, 5]), (3, [0, 2, 3, 4, 5])])
def test_measured_epochs_are_kept_and_as_many_others_as_asked(every, kept):
    epochs = []

    class Epochs(Recorder):
        def save(self, trainer, result, new_rows):
            epochs.append(new_rows[0]["epoch"])

        def checkpoint(self, trainer, epoch):
            epochs.append(epoch)

    train(dataclasses.replace(TINY, checkpoint_every=every), recorder=Epochs())
    assert epochs == kept


def test_measuring_more_often_does_not_change_the_training(result):
    often = train(dataclasses.replace(SMALL, evaluate_every=1))
    assert np.array_equal(often.network.parameters, result.network.parameters)


def test_snapshots_hold_histograms_class_means_and_the_initial_classifier(result):
    arrays = result.snapshots.to_arrays()
    assert arrays["epochs"].tolist() == [0, 2, 4, 5]
    assert arrays["counts"].shape == (4, 2, len(EDGES) - 1)
    assert (arrays["counts"].sum(-1) == 2000 * 4).all()
    assert arrays["class_means"].shape == (4, 2, 4, 4)
    first = Trainer(SMALL, load_configured_dataset(SMALL)).network.classifier.W
    assert np.array_equal(arrays["classifier_initial"], first)
    centres = (EDGES[1:] + EDGES[:-1]) / 2
    variance = arrays["counts"] @ centres**2 / arrays["counts"].sum(-1)
    assert variance == pytest.approx(1, abs=0.05)  # every coordinate is standardised


def test_default_run_ends_in_a_binary_code_for_every_digit():
    last = train(TrainConfig()).rows[-1]
    assert last["nc1"] < 0.005
    assert last["same_code"] >= 0.97
    assert last["distinct_codes"] == 10
    assert last["peak_distance"] >= 9
    assert last["test_accuracy"] >= 0.975


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["cnn", "resnet"])
def test_convolutions_know_the_digits_and_give_each_a_code(backbone):
    result = train(TrainConfig(backbone=backbone, seeds=(0, 1, 2), evaluate_every=100))
    last = result.rows[-3:]
    assert np.mean([row["test_accuracy"] for row in last]) > 0.98
    assert [row["distinct_codes"] for row in last] == [10, 10, 10]


def test_only_the_penalty_collapses_the_classes():
    config = TrainConfig(hidden=(64,), learning_rate=2e-3, epochs=20)
    nc1 = {}
    for architecture in ("binary", "linear", "nonlinear", "none"):
        result = train(dataclasses.replace(config, architecture=architecture))
        nc1[architecture] = result.rows[-1]["nc1"]
        assert result.rows[-1]["test_accuracy"] > 0.94
    assert nc1["binary"] < 0.2 * min(nc1["linear"], nc1["nonlinear"], nc1["none"])


@pytest.mark.parametrize(
    "settings",
    [
        {"gamma": 1e6},
        # still drawn in when training ends, a quarter as far from the minimum as it began
        {"gamma": 1e3, "latent_dim": 8, "learning_rate": 5e-4, "epochs": 2},
        {"gamma": 1e3, "latent_dim": 2, "learning_rate": 5e-4, "epochs": 3, "penalty": "l2"},
    ],
    ids=str,
)
def test_collapse_to_one_point_is_warned_about(settings):
    config = dataclasses.replace(SMALL, seeds=(7,), **settings)
    with pytest.warns(TrivialCollapseWarning, match="seed 7 has collapsed to one") as warned:
        train(config)
    assert len(warned) == 1


def test_collapse_that_passes_is_not_warned_about():
    config = dataclasses.replace(SMALL, evaluate_every=1)  # warnings are errors in these tests
    result = train(config)
    assert result.column("train_accuracy", member=1)[1] < 0.3 < result.rows[-1]["train_accuracy"]
    train(dataclasses.replace(SMALL, learning_rate=1e-7))  # untrained, not collapsed


@pytest.mark.parametrize(
    ("shares", "cross_entropy", "accuracy", "guesses"),
    [
        ([5, 5], 1.0, 0.5, True),
        ([5, 5], 0.86, 0.6, True),
        ([5, 5], 0.84, 0.5, False),  # it tells some classes apart
        ([5, 5], 0.95, 0.65, False),  # right, with flat probabilities, or as sure as noise lets it
        ([95, 5, 0], 1.0, 0.95, True),
        ([95, 5, 0], 0.7, 0.95, False),  # ranks well, and never predicts the rare class
        ([95, 5, 0], 0.95, 0.98, False),
        ([0, 7], 1.0, 1.0, False),
    ],
    ids=str,
)
def test_guess_is_neither_surer_nor_righter_than_the_shares(
    shares, cross_entropy, accuracy, guesses
):
    p = np.array(shares)[np.nonzero(shares)] / sum(shares)
    entropy = -np.sum(p * np.log(p))
    labels = np.repeat(np.arange(len(shares)), shares)
    assert only_guesses(cross_entropy * entropy, accuracy, labels) == guesses


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine"])
def test_no_epochs_give_the_untrained_network(schedule):
    result = train(dataclasses.replace(TINY, epochs=0, learning_rate_schedule=schedule))
    untrained = Trainer(TINY, load_configured_dataset(TINY)).network
    assert np.array_equal(result.network.parameters, untrained.parameters)
    assert [row["epoch"] for row in result.rows] == [0]


def test_outputs_do_not_depend_on_the_chunks_they_are_computed_in(result, monkeypatch):
    dataset = load_configured_dataset(SMALL)
    whole = latent_and_logits(result.network, dataset.x_train)
    monkeypatch.setattr("lpc_scratch.nn.inference.CHUNK", 300)
    for full, parts in zip(whole, latent_and_logits(result.network, dataset.x_train), strict=True):
        assert parts.shape == full.shape
        assert np.allclose(full, parts, rtol=1e-5, atol=1e-6)
