"""Inputs as stored are what every door takes, and the data of a run are those it was trained on."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from data_utils import load_dataset
from lpc_scratch import evaluate, load_run, sweep, train
from lpc_scratch.attacks import PixelModel
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import RunFolderError, UncheckedDataWarning
from lpc_scratch.experiments.foretold import FORETOLD
from lpc_scratch.files.tensors import load_tensors
from lpc_scratch.training import train as train_networks
from lpc_scratch.training.result import ADDED, COLUMNS

FORMER = Path(__file__).parent / "runs_of_0_1_0"
QUICK = [*("--hidden", "32", "--latent-dim", "8", "--gamma", "0.1", "--learning-rate", "1e-2")]


@pytest.fixture(autouse=True)
def in_temporary_folder(tmp_path, monkeypatch, undrawn):
    monkeypatch.chdir(tmp_path)


def write_features(path, rng, samples=500):
    """Write features far from 0, three classes apart, as a user may have them."""
    y = np.arange(samples) % 3
    x = 50 + 4 * np.array([[1, 0, 0, 1], [0, 1, 0, -1], [0, 0, 1, 0]])[y]
    x = x + rng.normal(0, 0.5, (samples, 4))
    train, test = slice(0, 3 * samples // 5), slice(3 * samples // 5, None)
    np.savez(path, x_train=x[train], y_train=y[train], x_test=x[test], y_test=y[test])


def write_images(path, rng, samples=300):
    """Write uint8 images, each class with a bright row of its own."""
    y = np.arange(samples) % 3
    x = rng.integers(0, 120, (samples, 5, 5))
    x[np.arange(samples), y] += 100
    x, half = x.astype(np.uint8), samples // 2
    np.savez(path, x_train=x[:half], y_train=y[:half], x_test=x[half:], y_test=y[half:])


def change(path, **arrays):
    """Replace arrays of an .npz file."""
    with np.load(path) as file:
        stored = dict(file)
    np.savez(path, **{**stored, **arrays})


def evaluated(folder):
    with open(folder / "evaluation.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("write", [write_features, write_images, None])
def test_every_door_standardises_inputs_as_stored_once(rng, write):
    name = "mine.npz" if write else "digits"
    if write:
        write(name, rng)
    config = TrainConfig(dataset=name, hidden=(32,), gamma=0.1, learning_rate=1e-2, epochs=4)
    assert (
        train.main(["--dataset", name, *QUICK, "--epochs", "4", "--output", "run", "--quiet"]) == 0
    )
    trained = train_networks(config)
    data, last = load_dataset(name), trained.rows[-1]
    norm = np.linalg.norm(trained.network.embed(data.x_train), axis=-1).mean()
    assert norm == pytest.approx(last["latent_norm"], rel=1e-5)
    right = trained.network.predict(data.x_test).argmax(-1) == data.y_test
    assert right.mean() == last["test_accuracy"] > 0.8
    run = load_run("run")
    assert (run.predict(data.x_test) == data.y_test).mean() == run.result.rows[-1]["test_accuracy"]
    assert np.array_equal(run.load_dataset().x_test, data.x_test)


@pytest.mark.parametrize("stand_in", ["cupy_stand_in", "cuda_stand_in"])
def test_features_on_a_device_are_standardised_there(rng, request, stand_in):
    backend = request.getfixturevalue(stand_in)
    write_features("mine.npz", rng)
    config = TrainConfig(dataset="mine.npz", hidden=(16,), epochs=1, device="gpu", dtype="float64")
    trained = train_networks(config)
    data = load_dataset("mine.npz")
    to_device, to_host = backend.to_device, backend.to_host
    of_host = to_host(trained.network.embed(data.x_test))
    assert to_host(trained.network.embed(to_device(data.x_test))) == pytest.approx(of_host)
    means = (data.x_test - data.x_train.mean(axis=0)) / data.x_train.std(axis=0)
    assert to_host(trained.network.standardise(data.x_test)) == pytest.approx(means)


def test_forward_refuses_inputs_as_stored():
    digits = load_dataset("digits")
    network = train_networks(TrainConfig(epochs=0)).network
    with pytest.raises(
        TypeError, match="takes standardised inputs in float32, and these are uint8"
    ):
        network.forward(digits.x_train)
    assert np.array_equal(
        network.forward(network.standardise(digits.x_test)), network.predict(digits.x_test)
    )


def test_attacks_in_pixel_units_see_the_network_as_it_was_trained():
    network = train_networks(TrainConfig(epochs=1)).network
    digits = load_dataset("digits")
    model = PixelModel(network, digits)
    pixels = model.pixels(digits.x_test)
    assert (pixels.min(), pixels.max()) == (0, 1)
    assert model.logits(pixels) == pytest.approx(network.predict(digits.x_test), abs=1e-6)


@pytest.mark.parametrize("write", [write_features, write_images, None])
def test_every_suite_finds_the_accuracy_that_the_run_has_measured(rng, write, capsys):
    name = "mine.npz" if write else "digits"
    if write:
        write(name, rng)
    run = ["--dataset", name, *QUICK, "--epochs", "4", "--output", "run", "--quiet"]
    assert train.main(run) == 0
    data, measured = load_dataset(name), load_run("run").result.rows[-1]["test_accuracy"]
    assert measured > 0.8
    steps = 4 * (len(data.x_train) // 64)  # as many as the run has taken, on as many samples
    everything = ["--samples", "1000", "--train-samples", "10000", "--steps", str(steps)]
    quick = ["--attack-steps", "1", "--attack-queries", "1", "--epsilon", "0.1", "--quiet"]
    assert evaluate.main(["run", "--suite", "all", *everything, *quick]) == 0
    rows = evaluated(Path("run", "evaluation"))
    clean = {
        (row["suite"], row["test"]): float(row["value"])
        for row in rows
        if row["measure"] in ("accuracy", "test accuracy")
        and (row["suite"], row["level"])
        in {
            ("robustness", "0.0"),
            ("noise", "0"),
            ("training", "4"),
            ("transfer", f"{len(data.x_train)}"),
        }
    }
    suites = {"training", "transfer"} | (
        set() if write is write_features else {"robustness", "noise"}
    )
    assert {suite for suite, _ in clean} == suites
    assert set(clean.values()) == {measured}
    # Calibration looks at one half of the sample, in the order that the seed gives.
    held_out = np.random.default_rng(0).permutation(len(data.x_test))[1::2]
    right = load_run("run").predict(data.x_test[held_out]) == data.y_test[held_out]
    found = [
        float(r["value"]) for r in rows if (r["test"], r["measure"]) == ("as trained", "accuracy")
    ]
    assert found == [right.mean()]


def test_data_that_have_changed_since_training_are_refused_wherever_they_are_loaded(rng, capsys):
    write_images("mine.npz", rng)
    train.main(["--dataset", "mine.npz", *QUICK, "--epochs", "1", "--output", "run", "--quiet"])
    with np.load("mine.npz") as file:
        labels, pixels = file["y_test"], file["x_train"]
    for changed in ({"y_test": labels[::-1]}, {"x_train": pixels[:, ::-1]}):
        write_images("mine.npz", np.random.default_rng(0))
        assert load_run("run").load_dataset().name == "mine"
        change("mine.npz", **changed)
        with pytest.raises(RunFolderError, match="run was trained on other data than mine is now"):
            load_run("run").load_dataset()
        assert evaluate.main(["run", "--suite", "calibration"]) == 2
        assert "its inputs or labels have changed" in capsys.readouterr().err
        assert train.main(["--resume", "--output", "run", "--epochs", "2"]) == 2
        assert "is of a run on other data than mine is now" in capsys.readouterr().err
    assert not Path("run", "evaluation").exists()


def test_run_without_a_fingerprint_says_that_its_data_cannot_be_checked(capsys):
    shutil.copytree(FORMER / "digits", "run")
    Path("run", "checkpoint.safetensors").unlink()
    said = "run holds no fingerprint of its data: whether digits is still what it was trained on"
    with pytest.warns(UncheckedDataWarning, match=said):
        load_run("run").load_dataset()
    assert evaluate.main(["run", "--suite", "calibration", "--quiet"]) == 0
    assert capsys.readouterr().err.startswith(f"warning: {said} cannot be checked")


@pytest.mark.parametrize("name", ["digits", "own-features"])
def test_run_of_version_0_1_0_answers_and_goes_on_as_it_did(name):
    shutil.copytree(FORMER / name, name)
    shutil.copy(FORMER / "own.npz", "own.npz")
    expected = np.load(FORMER / "expected.npz")
    run = load_run(name)
    data = run.load_dataset()
    count = expected[name].shape[-2]
    assert run.logits(data.x_test[:count]) == pytest.approx(expected[name], abs=1e-6)
    assert run.result.snapshots.classifier_initial is None
    first = run.result.rows[0]
    unknown = [column for column in COLUMNS if np.isnan(first[column])]
    assert unknown == ["predicted_norm", *ADDED]
    assert train.main(["--resume", "--output", name, "--epochs", "5", "--quiet"]) == 0
    last = [row for row in load_run(name).result.rows if row["epoch"] == 5]
    unknown = {"initial_code", "validation_accuracy"}
    assert {column for column in COLUMNS if np.isnan(last[0][column])} == unknown
    losses = [row["loss"] for row in last]
    assert losses == pytest.approx(expected[f"{name}-loss"].tolist(), rel=1e-4)
    assert load_run(name).fingerprint


def test_features_of_a_former_run_that_have_changed_are_noticed(rng):
    shutil.copytree(FORMER / "own-features", "run")
    shutil.copy(FORMER / "own.npz", "own.npz")
    change("own.npz", y_test=np.zeros(15, int))
    with pytest.raises(RunFolderError, match="other data than own is now"):
        load_run("run").load_dataset()


def test_run_finds_its_data_from_every_folder(rng, monkeypatch, tmp_path, capsys):
    write_features("mine.npz", rng)
    train.main(["--dataset", "mine.npz", *QUICK, "--epochs", "1", "--output", "run", "--quiet"])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert evaluate.main(["../run", "--suite", "calibration", "--quiet"]) == 0
    assert train.main(["--resume", "--output", "../run", "--epochs", "2", "--quiet"]) == 0
    assert load_run("../run").config.dataset == str(tmp_path / "mine.npz")


def test_data_that_have_moved_are_named_and_are_the_same_by_their_fingerprint(rng, capsys):
    write_features("mine.npz", rng)
    write_features("other.npz", np.random.default_rng(7))
    train.main(["--dataset", "mine.npz", *QUICK, "--epochs", "1", "--output", "run", "--quiet"])
    Path("mine.npz").rename("moved.npz")
    for command in (
        lambda *more: evaluate.main(["run", "--suite", "calibration", "--quiet", *more]),
        lambda *more: train.main(
            ["--resume", "--output", "run", "--epochs", "2", "--quiet", *more]
        ),
    ):
        assert command() == 2
        error = capsys.readouterr().err
        assert "run was trained on" in error
        assert "mine.npz, which cannot be loaded" in error
        assert "say with --dataset, or --data-dir, where its data are now" in error
        assert command("--dataset", "other.npz") == 2
        assert "other data than other is now" in capsys.readouterr().err
        assert command("--dataset", "moved.npz") == 0
    config = load_tensors(Path("run", "model.safetensors"))[1]["config"]
    assert "moved.npz" in config
    assert load_run("run").load_dataset().name == "moved"


def test_known_data_set_is_not_exchanged_for_another_on_resuming(capsys):
    train.main([*QUICK, "--epochs", "1", "--output", "run", "--quiet"])
    assert train.main(["--resume", "--output", "run", "--dataset", "gaussians"]) == 2
    assert "has dataset 'digits' and cannot be resumed with 'gaussians'" in capsys.readouterr().err


def test_cells_of_version_0_1_0_are_found_and_not_computed_again(monkeypatch, tmp_path):
    shutil.copytree(FORMER / "sweep", "sweep")

    def refuse(*_):
        raise AssertionError("a finished cell is computed again")

    monkeypatch.setattr("lpc_scratch.experiments.runner.train_on_cores", refuse)
    network = ["--hidden", "8", "--latent-dim", "4", "--epochs", "1", "--seeds", "0"]
    grid = ["--dataset", "gaussians", "--grid", "gamma=0.1,1", *network, "--quiet"]
    assert sweep.main([*grid, "--output", "sweep"]) == 0
    now, former = (
        list(csv.DictReader((folder / "cells.csv").read_text().splitlines()))
        for folder in (Path("sweep"), FORMER / "sweep")
    )
    unknown = {*ADDED, "predicted_norm"}  # which was another quantity
    kept = [name for name in former[0] if name not in unknown]
    assert [{name: row[name] for name in kept} for row in now] == [
        {name: row[name] for name in kept} for row in former
    ]
    assert {row[name] for row in now for name in FORETOLD} == {""}
    assert {row[name] for row in now for name in unknown} == {"nan"}
