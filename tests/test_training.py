import dataclasses

import numpy as np
import pytest

from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import TrivialCollapseWarning
from lpc_scratch.history import COLUMNS, EDGES, Snapshots
from lpc_scratch.inference import latent_and_logits
from lpc_scratch.metrics import within_class_variability
from lpc_scratch.trainer import Trainer
from lpc_scratch.training import load_configured_dataset, train

SMALL = TrainConfig(
    dataset="gaussians",
    hidden=(16,),
    latent_dim=4,
    learning_rate=5e-3,
    epochs=5,
    evaluate_every=2,
    seeds=(0, 1),
)


@pytest.fixture(scope="module")
def history():
    return train(SMALL)


def test_history_has_a_row_for_every_measured_epoch_and_member(history):
    measured = [(row["epoch"], row["member"], row["seed"]) for row in history.rows]
    assert measured == [(e, m, m) for e in (0, 2, 4, 5) for m in (0, 1)]
    assert all(tuple(row) == COLUMNS for row in history.rows)
    assert history.column("epoch", member=1).tolist() == [0, 2, 4, 5]


def test_rows_describe_the_network_on_the_whole_training_set(history):
    dataset, row = load_configured_dataset(SMALL), history.rows[-1]
    latent, logits = latent_and_logits(
        history.network, dataset.x_train, dataset.scale, dataset.shift
    )
    nc1 = within_class_variability(latent[1], dataset.y_train)
    accuracy = np.mean(logits[1].argmax(-1) == dataset.y_train)
    assert row["nc1"] == pytest.approx(nc1, rel=1e-9)
    assert row["train_accuracy"] == accuracy > 0.9
    assert row["loss"] == pytest.approx(row["cross_entropy"] + row["penalty"], rel=1e-6)
    assert row["penalty"] == pytest.approx(10 * np.exp(np.mean(latent[1] ** 2)), rel=1e-5)


def test_measuring_more_often_does_not_change_the_training(history):
    often = train(dataclasses.replace(SMALL, evaluate_every=1))
    assert np.array_equal(often.network.parameters, history.network.parameters)


def test_snapshots_hold_histograms_and_class_means(history):
    arrays = history.snapshots.to_arrays()
    assert arrays["epochs"].tolist() == [0, 2, 4, 5]
    assert arrays["counts"].shape == (4, 2, len(EDGES) - 1)
    assert (arrays["counts"].sum(-1) == 2000 * 4).all()
    assert arrays["class_means"].shape == (4, 2, 4, 4)
    assert Snapshots.from_arrays(arrays, last_epoch=4).epochs == [0, 2, 4]


def test_only_the_penalty_collapses_the_classes():
    config = TrainConfig(hidden=(64,), learning_rate=2e-3, epochs=20)
    nc1 = {}
    for architecture in ("binary", "linear", "nonlinear", "none"):
        history = train(dataclasses.replace(config, architecture=architecture))
        nc1[architecture] = history.rows[-1]["nc1"]
        assert history.rows[-1]["test_accuracy"] > 0.94
    assert nc1["binary"] < 0.2 * min(nc1["linear"], nc1["nonlinear"], nc1["none"])


def test_collapse_to_one_point_is_warned_about():
    config = dataclasses.replace(SMALL, gamma=1e6, seeds=(7,))
    with pytest.warns(TrivialCollapseWarning, match="seed 7 has collapsed to one") as warned:
        train(config)
    assert len(warned) == 1


def test_collapse_that_passes_is_not_warned_about():
    config = dataclasses.replace(SMALL, evaluate_every=1)  # warnings are errors in these tests
    history = train(config)
    assert history.column("train_accuracy", member=1)[1] < 0.3 < history.rows[-1]["train_accuracy"]
    train(dataclasses.replace(SMALL, learning_rate=1e-7))  # untrained, not collapsed


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine"])
def test_no_epochs_give_the_untrained_network(schedule):
    history = train(dataclasses.replace(SMALL, epochs=0, learning_rate_schedule=schedule))
    untrained = Trainer(SMALL, load_configured_dataset(SMALL)).network
    assert np.array_equal(history.network.parameters, untrained.parameters)
    assert [row["epoch"] for row in history.rows] == [0, 0]


def test_outputs_do_not_depend_on_the_chunks_they_are_computed_in(history, monkeypatch):
    dataset = load_configured_dataset(SMALL)
    whole = latent_and_logits(history.network, dataset.x_train)
    monkeypatch.setattr("lpc_scratch.inference._CHUNK", 300)
    for full, parts in zip(whole, latent_and_logits(history.network, dataset.x_train), strict=True):
        assert parts.shape == full.shape
        assert np.allclose(full, parts, rtol=1e-5, atol=1e-6)
