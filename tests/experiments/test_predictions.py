import math
from dataclasses import replace

import pytest

from lpc_scratch.config import TrainConfig
from lpc_scratch.experiments.cells import Result
from lpc_scratch.experiments.grid import make_cells
from lpc_scratch.experiments.prediction_report import (
    compare_predictions,
    free_axes,
    write_predictions,
)
from lpc_scratch.experiments.predictions import measured, predict
from lpc_scratch.experiments.presets import PRESETS
from lpc_scratch.theory.onset import onset_rate_sum
from lpc_scratch.theory.prediction import Prediction

DIGITS = TrainConfig().with_learning_rates()
ALL = (
    *("kurtosis", "kurtosis_rotated", "peak_distance", "etf_distance"),
    *("distinct_codes", "latent_norm", "onset_step"),
)


def predicted(metrics=ALL, **settings):
    """Return the predictions for the digits by their metrics."""
    found = predict(replace(DIGITS, **settings), 10, 1437, metrics)
    return {prediction.metric: prediction for prediction in found}


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "signum", "lion"])
def test_signs_are_predicted_to_make_a_binary_code_whatever_trains_the_rest(optimizer):
    for rest in ("adam", "sgd"):
        found = predicted(optimizer=rest, classifier_optimizer=optimizer)
        assert found["kurtosis"].value == pytest.approx(1.15, abs=0.02)
        assert found["peak_distance"] == Prediction("peak_distance", 8.0)


@pytest.mark.parametrize("optimizer", ["sgd", "normalized", "muon", "none"])
def test_other_geometries_are_predicted_to_make_none(optimizer):
    found = predicted(classifier_optimizer=optimizer)
    assert 1.9 < found["kurtosis"].value < 2.2
    assert found["peak_distance"] == Prediction("peak_distance", 0.0, 6.0)
    assert ("etf_distance" in found) == (optimizer == "muon")


def test_a_rotated_basis_is_predicted_to_take_the_code_with_it():
    found = predicted(classifier_basis="rotated")
    assert found["kurtosis"] == Prediction("kurtosis", 1.8)
    assert found["kurtosis_rotated"] == Prediction("kurtosis_rotated", 1.0, 1.4)


@pytest.mark.parametrize(
    ("settings", "low", "high"),
    [
        ({"penalty": "max"}, 1.0, 1.3),
        ({"penalty": "lp", "penalty_power": 4.0}, 1.0, 1.4),
        ({"penalty": "lp", "penalty_power": 2.0}, 1.7, 2.4),
        ({"penalty": "lp", "penalty_power": 1.5}, 2.2, math.inf),
    ],
    ids=str,
)
def test_penalties_are_predicted_with_gradient_descent(settings, low, high):
    found = predicted(optimizer="sgd", learning_rate=0.05, **settings)["kurtosis"]
    assert low <= found.low < found.high <= high


def test_what_theory_does_not_know_is_not_predicted():
    assert not predicted(penalty="exp-coordinate", metrics=["kurtosis"])
    assert not predicted(penalty="lp", penalty_power=1.0)
    start = {"classifier_initialization": "simplex", "latent_dim": 18}
    assert not predicted(**start, gamma=1e4)  # the run is too short for it
    assert set(predicted(**start)) == {"kurtosis", "etf_distance"}


@pytest.mark.parametrize(
    "settings",
    [
        *({"architecture": "linear"}, {"loss": "double-softmax"}, {"initialization": "he"}),
        *({"weight_decay": 0.1}, {"gamma": 0.0}, {"epochs": 0}, {"classifier_code": "code.npy"}),
        {"gamma_schedule": "geometric"},
        {"classifier_optimizer": "muon", "classifier_basis": "rotated"},
        {"classifier_initialization": "simplex"},
    ],
    ids=str,
)
def test_nothing_is_predicted_of_what_this_theory_does_not_speak_of(settings):
    assert not predicted(**settings, metrics=["kurtosis", "kurtosis_rotated", "etf_distance"])


def test_the_onset_is_the_first_step_whose_learning_rates_suffice():
    needed = onset_rate_sum(16, 10, 10.0)
    assert predicted()["onset_step"].value == math.ceil(needed / 5e-4)
    assert predicted(gamma=1e6)["onset_step"].value == math.inf


def with_cross_entropies(*values, status="finished"):
    rows = [{"epoch": 2 * i, "cross_entropy": value} for i, value in enumerate(values)]
    return Result(DIGITS, status, rows=rows, class_names=tuple("0123456789"))


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ((2.3, 2.0, 0.5), 2 * 10 + 20 * (2.0 - math.log(10) / 2) / 1.5),
        ((2.3, 2.0, 1.9), math.inf),
        ((0.1, 0.1), 0.0),
    ],
)
def test_onset_is_measured_between_two_measurements(values, step):
    assert measured(with_cross_entropies(*values), "onset_step", 10) == pytest.approx(step)


def test_a_cell_that_diverged_has_no_measurement_and_no_prediction_holds():
    value = measured(with_cross_entropies(2.3, status="diverged"), "cross_entropy", 10)
    assert math.isnan(value)
    assert not Prediction("cross_entropy").holds(value)


@pytest.mark.parametrize("preset", [name for name, it in PRESETS.items() if it.predicted])
def test_every_preset_predicts_something_for_most_of_its_cells(preset):
    cells = make_cells(TrainConfig(), preset, [])[::5]
    predictions = [predict(cell, 10, 1437, PRESETS[preset].predicted) for cell in cells]
    assert sum(map(bool, predictions)) > 0.5 * len(cells)


def test_a_report_says_what_was_predicted_what_was_measured_and_whether_it_holds(tmp_path):
    base = TrainConfig(
        dataset="gaussians", hidden=(8,), latent_dim=4, gamma=0.1, epochs=1, seeds=(0, 1)
    )
    cells = make_cells(base, None, ["optimizer=adam,sgd"])
    axes = free_axes(cells, ["optimizer", "learning_rate"])
    assert axes == ["optimizer"]
    before = compare_predictions(cells, axes, ["kurtosis"])
    assert "–" in write_predictions(before, axes, tmp_path)
    assert not (tmp_path / "plots").exists()

    rows = {"adam": before[0].prediction.value, "sgd": 9.0}
    results = {c: Result(c, "finished", rows=[{"kurtosis": rows[c.optimizer]}]) for c in cells}
    compared = compare_predictions(cells, axes, ["kurtosis"], results)
    table = write_predictions(compared, axes, tmp_path).splitlines()
    adam, sgd = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table[2:])
    assert (adam[0], adam[-1]) == ("adam", "yes")
    assert (sgd[0], sgd[-2:]) == ("sgd", ["9.00 ± 0", "no"])
    assert "1 of 2 predictions hold" in (tmp_path / "predictions.md").read_text()
    assert (tmp_path / "plots" / "predictions.png").exists()
