"""`python -m lpc_scratch.measure`, from files and from runs to tables and figures."""

import csv

import numpy as np
import pytest

from lpc_scratch import load_run, measure
from lpc_scratch.config import TrainConfig
from lpc_scratch.metrics import measure_features
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.training import train


@pytest.fixture
def arrays(rng):
    labels = np.arange(120) % 3
    z = (np.eye(3, 4)[labels] + 0.1 * rng.normal(size=(120, 4))).astype(np.float32)
    W = rng.normal(size=(3, 4))
    return {"features": z, "labels": labels, "classifier_weight": W, "classifier_bias": W[:, 0]}


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr(measure, "feature_figures", lambda *_: {})


def values(folder):
    """Return what was written, by layer, split and name."""
    with (folder / "measured.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {(row["layer"], row["split"], row["metric"]): float(row["value"]) for row in rows}


@pytest.mark.usefixtures("no_figures")
def test_an_npz_with_torchs_weight_is_measured(tmp_path, arrays, capsys):
    layers = {"features.h1": arrays["features"] ** 2, "features.z": arrays["features"]}
    test = {f"features_test.{name}": arrays["features"][:50] for name in ("h1", "z")}
    rest = {name: array for name, array in arrays.items() if name != "features"}
    unknown = {"labels_test": arrays["labels"][:50], "features_unknown": arrays["features"][::-1]}
    np.savez(tmp_path / "mine.npz", **layers, **test, **rest, **unknown)
    out = tmp_path / "out"
    assert measure.main([str(tmp_path / "mine.npz"), "--output", str(out), "--jobs", "2"]) == 0
    found = values(out)
    expected = measure_features(
        arrays["features"],
        arrays["labels"],
        classifier_weight=rest["classifier_weight"],
        classifier_bias=rest["classifier_bias"],
        unknown=unknown["features_unknown"],
    ).values
    of_last = {name: found["z", "train", name] for name in expected}
    assert of_last == pytest.approx(expected, rel=1e-12)
    assert np.isnan(found["h1", "test", "nc3"])
    shown = capsys.readouterr().out
    assert "z, test: 50 samples, 4 coordinates, 3 classes, up to" in shown
    assert "| z     |  test |" in shown
    tables = {path.name for path in out.iterdir()} - {"plots"}
    assert tables == {"measured.md", "measured.csv", "classes.csv", "samples.csv", "pairs.csv"}
    report = (out / "measured.md").read_text(encoding="utf-8")
    assert "## Samples of z farthest from the point of their class" in report


@pytest.mark.usefixtures("no_figures")
def test_a_run_is_measured_as_it_was_in_training(tmp_path):
    config = TrainConfig(
        *("digits",), hidden=(16, 12), latent_dim=4, epochs=1, gamma=0.1, seeds=(0, 1)
    )
    train(config, recorder=RunFolder(tmp_path / "run"))
    arguments = [str(tmp_path / "run"), "--member", "1", "--quiet"]
    assert measure.main([*arguments, "--layers", "all"]) == 0
    found = values(tmp_path / "run" / "measured")
    assert {layer for layer, *_ in found} == {"hidden.0.relu", "hidden.1.relu", "latent"}
    last = load_run(tmp_path / "run").result.rows[-1]
    assert last["member"] == 1
    for name in ("nc1", "nc3", "nc4", "etf_distance", "nc0", "same_code"):
        assert found["latent", "train", name] == pytest.approx(last[name], rel=1e-5), name
    assert found["latent", "test", "accuracy"] == pytest.approx(last["test_accuracy"])
    assert measure.main([*arguments, "--output", str(tmp_path / "latent")]) == 0
    assert {layer for layer, *_ in values(tmp_path / "latent")} == {"latent"}


@pytest.mark.usefixtures("no_figures")
def test_layers_can_be_chosen_and_the_classifier_stays_with_the_last(tmp_path, arrays):
    first = {"features.h": arrays["features"] ** 2}
    np.savez(tmp_path / "mine.npz", **first, **arrays)
    for layers, undefined in (("h", True), ("features", False)):
        out = tmp_path / layers
        file = str(tmp_path / "mine.npz")
        assert measure.main([file, "--layers", layers, "--output", str(out), "--quiet"]) == 0
        assert {layer for layer, *_ in values(out)} == {layers}
        assert np.isnan(values(out)[layers, "train", "nc3"]) == undefined


BAD = {
    "no labels": ({"labels": None}, [], "lacks labels: it holds features, classifier_weight"),
    "no features": ({"features": None}, [], "lacks features or features.NAME"),
    "test without labels": ({"features_test": np.eye(4)}, [], "lacks labels_test"),
    "other test layers": (
        {"features_test.a": np.eye(4), "labels_test": [0, 0, 0, 0]},
        [],
        "has test features of the layers a, and training features of features",
    ),
    "nan": (
        {"features": np.full((120, 4), np.nan)},
        [],
        "features, train: features must be finite, but row 0, column 0 is nan",
    ),
    "labels of another length": ({"labels": np.arange(5)}, [], r"one per sample, not (5,)"),
    "text": ({"labels": np.array(["a"] * 120)}, [], "labels holds values of dtype <U1"),
    "square weight": (
        {"features": np.eye(3)[np.arange(120) % 3], "classifier_weight": np.eye(3)},
        [],
        "as many classes as coordinates: say whether",
    ),
    "unknown layer": ({}, ["--layers", "z"], "layers has z: choose from features, or all"),
    "jobs": ({}, ["--jobs", "0"], "jobs must be at least 1, not 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence_and_leaves_nothing(tmp_path, arrays, capsys, name):
    changes, arguments, sentence = BAD[name]
    kept = {key: array for key, array in (arrays | changes).items() if array is not None}
    np.savez(tmp_path / "mine.npz", **kept)
    out = tmp_path / "out"
    assert measure.main([str(tmp_path / "mine.npz"), "--output", str(out), *arguments]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert sentence in errors
    assert not out.exists()


def test_an_interrupt_leaves_nothing(tmp_path, arrays, monkeypatch):
    def interrupted(*_, progress, **__):
        progress(10)
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "measure_features", interrupted)
    np.savez(tmp_path / "mine.npz", **arrays)
    assert measure.main([str(tmp_path / "mine.npz"), "--output", str(tmp_path / "out")]) == 130
    assert not (tmp_path / "out").exists()


def test_too_little_memory_is_said_beforehand(tmp_path, arrays, monkeypatch, capsys):
    monkeypatch.setattr(measure, "free_memory", lambda: 10**6)
    np.savez(tmp_path / "mine.npz", **arrays)
    assert measure.main([str(tmp_path / "mine.npz"), "--output", str(tmp_path / "out")]) == 2
    assert "takes 0.3 GB of memory for 3 classes and 4 coordinates" in capsys.readouterr().err
