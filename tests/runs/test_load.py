import dataclasses
import json
import shutil
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest

from lpc_scratch import load_run
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError, DeviceError, RunFolderError
from lpc_scratch.files.tensors import load_tensors, save_tensors
from lpc_scratch.nn.inference import latent_and_logits
from lpc_scratch.nn.network import Architecture
from lpc_scratch.runs.config_file import dump_config, load_config
from lpc_scratch.runs.dataset_file import fingerprint
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.runs.metrics_file import format_metrics, read_metrics
from lpc_scratch.training import load_configured_dataset, train

TINY = TrainConfig(
    hidden=(16,), latent_dim=4, gamma=0.1, learning_rate=5e-3, epochs=2, evaluate_every=1
)


def run(path, config=TINY, **changes):
    return train(dataclasses.replace(config, **changes), recorder=RunFolder(path))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run"


@pytest.fixture(scope="module")
def digits():
    return load_configured_dataset(TINY)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "run"
    run(path, seeds=(3, 5))
    return path


@pytest.fixture
def damaged(whole, path):
    """A run folder of two seeds, to be damaged by a test."""
    shutil.copytree(whole, path)
    return path


@pytest.mark.parametrize("architecture", get_args(Architecture))
@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_loaded_run_answers_as_the_trained_network_to_the_bit(path, digits, architecture, seeds):
    result = run(path, architecture=architecture, seeds=seeds, dropout=0.2, evaluate_every=2)
    loaded = load_run(path)
    latent, logits = latent_and_logits(result.network, digits.x_test)
    assert np.array_equal(loaded.latent(digits.x_test), latent)
    assert np.array_equal(loaded.logits(digits.x_test), logits)
    assert loaded.network.stack == ((2,) if len(seeds) == 2 else ())
    right = np.atleast_2d(loaded.predict(digits.x_test) == digits.y_test).mean(axis=-1)
    measured = [row["test_accuracy"] for row in result.rows if row["epoch"] == 2]
    assert right.tolist() == measured


@pytest.mark.parametrize("backbone", ["cnn", "resnet"])
def test_loaded_network_of_images_has_its_running_statistics(path, digits, backbone):
    changes = {"hidden": (), "channels": (4, 6), "seeds": (0, 1), "crop": 1}
    network = run(path, backbone=backbone, **changes).network
    loaded = load_run(path).network
    ours, theirs = loaded.named_state(), network.named_state()
    assert ours.keys() == theirs.keys() == {n for n in theirs if "norm" in n} != set()
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert np.array_equal(loaded.predict(digits.x_test), network.predict(digits.x_test))


def test_loaded_run_has_configuration_history_and_description(path, digits):
    result = run(path, seeds=(0, 1))
    loaded = load_run(str(path))
    assert loaded.folder == path
    assert loaded.config == result.config
    assert loaded.epoch == 2
    np.testing.assert_equal(loaded.result.rows, result.rows)  # nan equals nan
    assert np.array_equal(loaded.result.column("nc1", 1), result.column("nc1", 1))
    ours, theirs = loaded.result.snapshots.to_arrays(), result.snapshots.to_arrays()
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert (loaded.class_names, loaded.image_shape) == (digits.class_names, (8, 8))
    assert (loaded.scale, loaded.shift) == (digits.scale, digits.shift)
    assert loaded.feature_mean is None
    assert loaded.result.class_names == digits.class_names


def test_loaded_run_knows_parts_and_channels_of_its_data(path):
    settings = {"per_channel": True, "validation_share": 0.2, "training_samples": 500}
    result = run(path, **settings)
    loaded = load_run(path)
    data = loaded.load_dataset()
    assert (len(data.x_train), len(data.x_validation), len(data.x_test)) == (500, 287, 360)
    assert loaded.white == data.white == 16
    assert np.array_equal(loaded.scale, data.scale)
    x = data.x_train * data.scale + data.shift
    assert (x.mean(), x.std()) == (pytest.approx(0), pytest.approx(1))
    assert np.array_equal(loaded.logits(data.x_test), result.network.predict(data.x_test))
    right = np.mean(loaded.predict(data.x_validation) == data.y_validation)
    assert loaded.result.rows[-1]["validation_accuracy"] == right
    assert loaded.fingerprint == fingerprint(data)
    moved = dataclasses.replace(data, x_validation=data.x_validation[::-1])
    assert fingerprint(moved) != loaded.fingerprint


@pytest.mark.parametrize(
    "form",
    [
        lambda x: x.reshape(-1, 8, 8),
        lambda x: x.astype(np.float64),
        lambda x: x.astype(">i8"),
        lambda x: np.asfortranarray(x),
        lambda x: x.tolist(),
    ],
)
def test_inputs_are_taken_in_any_form(whole, digits, form):
    loaded, x = load_run(whole), digits.x_test[:20]
    assert np.array_equal(loaded.logits(form(x)), loaded.logits(x))
    assert loaded.standardise(form(x)).dtype == np.float32
    assert np.array_equal(loaded.standardise(form(x)), x.astype(np.float32) / 8 - 1)


def test_inputs_are_evaluated_in_chunks(whole, digits, monkeypatch):
    loaded, x = load_run(whole), digits.x_test[:50]
    expected = loaded.logits(x)
    monkeypatch.setattr("lpc_scratch.nn.inference.CHUNK", 20)
    assert loaded.logits(x) == pytest.approx(expected, abs=1e-6)
    assert loaded.latent(x).shape == (2, 50, 4)


def test_no_inputs_give_no_outputs(whole):
    loaded = load_run(whole)
    assert loaded.logits(np.empty((0, 64))).shape == (2, 0, 10)
    assert loaded.predict(np.empty((0, 64))).shape == (2, 0)


@pytest.mark.parametrize("method", ["standardise", "latent", "logits", "predict"])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 63)), r"must be \(N, 64\) or \(N, 8, 8\), and are \(3, 63\)"),
        (np.zeros(64), r"and are \(64,\)"),
        (np.zeros((2, 3, 64)), r"and are \(2, 3, 64\)"),
        (0, r"and are \(\)"),
        ([["a"] * 64], "must be real numbers, and are <U1"),
        ([[0] * 64, [float("nan")] * 64], "must be finite numbers .*, and hold nan"),
        ([[1e300] * 64], r"must be finite numbers in the range of float32, and hold 1e\+300"),
        (np.zeros((3, 64), complex), "must be real numbers, and are complex128"),
    ],
)
def test_inputs_that_cannot_be_are_refused(whole, method, x, message):
    with pytest.raises(ValueError, match=message):
        getattr(load_run(whole), method)(x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_features_of_ones_own_are_standardised_as_in_training(path, tmp_path, rng, dtype):
    x = 1.7e9 + 60 * rng.normal(size=(90, 3))  # time stamps: float32 cannot tell them apart
    y = np.arange(90) % 3
    np.savez(tmp_path / "mine.npz", x_train=x + y[:, None], y_train=y, x_test=x[:30], y_test=y[:30])
    result = run(path, dataset=str(tmp_path / "mine.npz"), dtype=dtype)
    loaded, mean = load_run(path), (x + y[:, None]).mean(axis=0)
    expected = (x[:30] - mean) / (x + y[:, None]).std(axis=0)
    assert loaded.standardise(x[:30]) == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(loaded.logits(x[:30]), result.network.predict(x[:30]))
    assert loaded.logits(x[:30]).dtype == dtype


def test_run_in_float64_without_hidden_layers_is_loaded(path, digits):
    result = run(path, hidden=(), dtype="float64")
    latent, _ = latent_and_logits(result.network, digits.x_test)
    assert np.array_equal(load_run(path).latent(digits.x_test), latent)


@pytest.mark.parametrize("stand_in", ["cupy_stand_in", "cuda_stand_in"])
def test_network_is_loaded_to_a_device_and_answers_on_the_host(whole, digits, request, stand_in):
    backend = request.getfixturevalue(stand_in)
    expected = load_run(whole).logits(digits.x_test)
    loaded = load_run(whole, device="gpu")
    assert loaded.network.backend is backend
    logits = loaded.logits(digits.x_test)
    assert type(logits) is np.ndarray
    assert logits == pytest.approx(expected, abs=1e-5)


def test_unknown_device_is_refused(whole):
    with pytest.raises(DeviceError, match="unknown device 'tpu'"):
        load_run(whole, device="tpu")


class Interrupt:
    """A progress that interrupts training after an epoch."""

    def __init__(self, epoch):
        self.last = epoch

    def epoch(self, epoch, loss, samples_per_second):
        if epoch > self.last:
            raise KeyboardInterrupt

    def measured(self, rows):
        pass


def test_interrupted_run_is_loaded_as_of_its_last_checkpoint(path):
    config = dataclasses.replace(TINY, epochs=8, evaluate_every=4)
    with pytest.raises(KeyboardInterrupt):
        train(config, recorder=RunFolder(path), progress=Interrupt(6))
    loaded = load_run(path)
    assert loaded.epoch == 6
    assert loaded.result.snapshots.epochs == [0, 4]
    whole = train(dataclasses.replace(config, epochs=6))
    assert np.array_equal(loaded.network.parameters, whole.network.parameters)


def test_rows_after_the_saved_network_are_left_out(path):
    run(path)
    model = (path / "model.safetensors").read_bytes()
    train(dataclasses.replace(TINY, epochs=3), recorder=RunFolder(path, resume=True))
    (path / "model.safetensors").write_bytes(model)  # as if killed before it was replaced
    loaded = load_run(path)
    assert loaded.epoch == 2
    assert [row["epoch"] for row in loaded.result.rows] == [0, 1, 2]
    assert loaded.result.snapshots.epochs == [0, 1, 2]


def replace_text(name, old, new):
    def damage(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return damage


def replace_bytes(name, change):
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def remove(name):
    return lambda folder: (folder / name).unlink()


def describe(**changes):
    """Change values of dataset.json; an ellipsis removes one."""

    def damage(folder):
        file = folder / "dataset.json"
        content = json.loads(file.read_text()) | changes
        file.write_text(json.dumps({n: v for n, v in content.items() if v is not ...}))

    return damage


def rewrite(name, change):
    """Change the tensors and texts of a file; its hash is right afterwards."""

    def damage(folder):
        tensors, texts = load_tensors(folder / name)
        change(tensors, texts)
        save_tensors(folder / name, tensors, texts)

    return damage


def configure(**changes):
    def damage(folder):
        file = folder / "config.yaml"
        config = load_config(file, TrainConfig)
        file.write_text(dump_config(dataclasses.replace(config, **changes)))

    return damage


def reorder_rows(folder):
    file = folder / "metrics.csv"
    file.write_text(format_metrics(read_metrics(file)[::-1]))


def set_weight(tensors, _):
    tensors["latent.W"][0, 0, 0] = np.nan


TEN = ["name"] * 10
DAMAGES = {
    "no configuration": (remove("config.yaml"), r"run holds no run: it has no config\.yaml"),
    "configuration is no YAML": (
        replace_bytes("config.yaml", lambda _: b"a: ]"),
        r"config\.yaml is not YAML",
    ),
    "configuration is no text": (
        replace_bytes("config.yaml", lambda _: b"\xff"),
        r"config\.yaml cannot be read",
    ),
    "unknown setting": (
        replace_text("config.yaml", "gamma:", "gama:"),
        r"config\.yaml has the unknown key 'gama'",
    ),
    "other activation": (
        configure(activation="tanh"),
        r"model\.safetensors was trained with activation 'relu', and config\.yaml says 'tanh'",
    ),
    "other widths": (
        configure(hidden=(16, 16)),
        r"model\.safetensors was trained with hidden \(16,\), and config\.yaml says \(16, 16\)",
    ),
    "other seeds": (configure(seeds=(3, 4)), r"with seeds \(3, 5\), and config\.yaml says \(3, 4"),
    "no model": (remove("model.safetensors"), r"model\.safetensors cannot be read"),
    "torn model": (
        replace_bytes("model.safetensors", lambda b: b[:-1]),
        r"model\.safetensors cannot be read",
    ),
    "flipped bit in the model": (
        replace_bytes("model.safetensors", lambda b: b[:-1] + bytes([b[-1] ^ 1])),
        r"model\.safetensors cannot be read \(its content is not what was written",
    ),
    "model without epoch": (
        rewrite("model.safetensors", lambda _, texts: texts.pop("epoch")),
        r"model\.safetensors is no model of a run: its epoch or configuration is missing",
    ),
    "model with an epoch in words": (
        rewrite("model.safetensors", lambda _, texts: texts.update(epoch="two")),
        r"model\.safetensors is no model of a run",
    ),
    "model with a bad configuration": (
        rewrite("model.safetensors", lambda _, texts: texts.update(config="hidden: [0]")),
        r"the configuration in .*model\.safetensors: hidden widths must be 1 to",
    ),
    "model without a tensor": (
        rewrite("model.safetensors", lambda tensors, _: tensors.pop("hidden.0.W")),
        r"model\.safetensors .*no tensor hidden\.0\.W",
    ),
    "model with another tensor": (
        rewrite("model.safetensors", lambda tensors, _: tensors.update(more=np.ones(2))),
        r"model\.safetensors .*a tensor more",
    ),
    "model of another dtype": (
        rewrite("model.safetensors", lambda t, _: t.update({k: t[k].astype("f8") for k in t})),
        r"model\.safetensors .*classifier\.W is float64, and this run's float32",
    ),
    "model of another width": (
        rewrite("model.safetensors", lambda t, _: t.update({"latent.b": t["latent.b"][..., :3]})),
        r"model\.safetensors .*latent\.b has shape \(2, 1, 3\), and this run's \(2, 1, 4\)",
    ),
    "model that is not finite": (
        rewrite("model.safetensors", set_weight),
        r"model\.safetensors .*latent\.W holds numbers that are not finite",
    ),
    "no description": (remove("dataset.json"), r"dataset\.json is missing or damaged"),
    "description is no JSON": (
        replace_bytes("dataset.json", lambda b: b[:50]),
        r"dataset\.json is missing or damaged",
    ),
    "description is nested without end": (
        replace_bytes("dataset.json", lambda _: b"[" * 100_000),
        r"dataset\.json is missing or damaged",
    ),
    "description is a list": (
        replace_bytes("dataset.json", lambda _: b"[1]"),
        r"dataset\.json is damaged: it must hold names with values, not \[1\]",
    ),
    **{
        f"no {name}": (describe(**{name: ...}), rf"dataset\.json is damaged: it has no {name}")
        for name in ("class_names", "image_shape", "scale", "shift", "feature_mean")
    },
    **{
        f"{name} = {value!r:.30}": (
            describe(**{name: value}),
            rf"dataset\.json is damaged: {name} must be {expected}, not ",
        )
        for name, value, expected in (
            ("class_names", "ten", "a list of names"),
            ("class_names", [], "a list of names"),
            ("class_names", list(range(10)), "a list of names"),
            ("image_shape", 64, "a list of whole numbers above 0"),
            ("image_shape", [8, 8.0], "a list of whole numbers above 0"),
            ("image_shape", [8, 0], "a list of whole numbers above 0"),
            ("image_shape", [True, 64], "a list of whole numbers above 0"),
            ("scale", None, "a finite number or a list of them"),
            ("scale", "1", "a finite number or a list of them"),
            ("scale", float("nan"), "a finite number or a list of them"),
            ("scale", [1.0, float("nan")], "a finite number or a list of them"),
            ("shift", 10**400, "a finite number or a list of them"),
            ("shift", False, "a finite number or a list of them"),
            ("white", 0, "null or a whole number above 0"),
            ("feature_mean", 3, "null or a list of finite numbers"),
            ("feature_mean", [float("inf")], "null or a list of finite numbers"),
            ("feature_deviation", [1, 0], "null or a list of finite numbers above 0"),
        )
    },
    "mean of fewer features": (
        describe(feature_mean=[0.0], feature_deviation=[1.0]),
        r"dataset\.json is damaged: feature_mean has 1 numbers, for inputs of shape \(8, 8\)",
    ),
    "mean without deviation": (
        describe(feature_mean=[0.0] * 64),
        r"dataset\.json is damaged: it has feature_mean without feature_deviation",
    ),
    "deviation without mean": (
        describe(feature_deviation=[1.0] * 64),
        r"dataset\.json is damaged: it has feature_deviation without feature_mean",
    ),
    "scale of features without a shift": (
        describe(scale=[1.0] * 64),
        r"dataset\.json is damaged: it has scale without shift of every feature",
    ),
    "images of another size": (
        describe(image_shape=[9, 8]),
        r"trained on inputs of the shape \(8, 8\), and the data have \(9, 8\)",
    ),
    "fewer classes": (
        describe(class_names=TEN[:9]),
        r"model\.safetensors has 10 classes in classifier\.W, and dataset\.json describes 9",
    ),
    "no metrics": (remove("metrics.csv"), r"metrics\.csv is missing or damaged"),
    "metrics in words": (
        replace_bytes("metrics.csv", lambda b: b.replace(b"\n0,", b"\nnone,")),
        r"metrics\.csv is missing or damaged",
    ),
    "metrics with an endless field": (
        replace_bytes("metrics.csv", lambda b: b + b'"' + b"x" * 200_000 + b"\n"),
        r"metrics\.csv is (missing or )?damaged",
    ),
    "fewer metrics": (
        replace_bytes("metrics.csv", lambda b: b[: b[:-1].rfind(b"\n") + 1]),
        r"metrics\.csv does not fit latent\.safetensors .*: row 6 is missing, and should be epoch "
        "2, member 1, seed 5",
    ),
    "more metrics": (
        replace_bytes("metrics.csv", lambda b: b + b[b[:-1].rfind(b"\n") + 1 :]),
        r"metrics\.csv does not fit .*: row 7 is epoch 2, member 1, seed 5, and should be missing",
    ),
    "metrics in another order": (reorder_rows, r"metrics\.csv does not fit .*: row 1 is epoch 2"),
    "no latent": (remove("latent.safetensors"), r"latent\.safetensors cannot be read"),
    "torn latent": (
        replace_bytes("latent.safetensors", lambda b: b[: len(b) // 2]),
        r"latent\.safetensors cannot be read",
    ),
    "latent without counts": (
        rewrite("latent.safetensors", lambda tensors, _: tensors.pop("counts")),
        r"latent\.safetensors is damaged",
    ),
    "latent of no epoch": (
        rewrite("latent.safetensors", lambda t, _: t.update(epochs=t["epochs"] + 3)),
        r"latent\.safetensors has no epoch up to 2",
    ),
    "latent of fewer epochs": (
        rewrite("latent.safetensors", lambda t, _: t.update(counts=t["counts"][:2])),
        r"its counts are \(2, 2, 120\), and should be \(3, 2, 120\)",
    ),
    "latent of other classes": (
        rewrite(
            "latent.safetensors", lambda t, _: t.update(class_means=t["class_means"][:, :, 1:])
        ),
        r"latent\.safetensors .*its class_means are \(3, 2, 9, 4\), and should be \(3, 2, 10, 4\)",
    ),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_file_that_is_missing_damaged_or_of_another_run_is_named(damaged, what):
    damage, message = DAMAGES[what]
    damage(damaged)
    with pytest.raises((RunFolderError, ConfigError), match=message) as error:
        load_run(damaged)
    assert "\n" not in str(error.value)


def test_run_of_another_architecture_is_not_mixed_in(damaged, tmp_path):
    run(tmp_path / "other", seeds=(3, 5), architecture="none")
    shutil.copy(tmp_path / "other" / "model.safetensors", damaged)
    with pytest.raises(RunFolderError, match="was trained with architecture 'none', and config"):
        load_run(damaged)


def test_place_that_holds_no_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="nowhere does not exist: name the folder of a run"):
        load_run(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="file is a file: name the folder of a run"):
        load_run(tmp_path / "file")
    with pytest.raises(RunFolderError, match=r"holds no run: it has no config\.yaml"):
        load_run(tmp_path)
    (tmp_path / "cells").mkdir()
    (tmp_path / "config.yaml").write_text("jobs: 2\n")
    with pytest.raises(RunFolderError, match="is an experiment of compare or sweep"):
        load_run(tmp_path)


def test_importing_the_package_imports_nothing_else_and_loading_no_figures(whole):
    code = """
import sys, lpc_scratch
print("numpy" in sys.modules)
from lpc_scratch import load_run
load_run(sys.argv[1])
print("numpy" in sys.modules, "matplotlib" in sys.modules)
"""
    command = [sys.executable, "-c", code, whole]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    assert shown.stdout.split() == ["False", "True", "False"]


def test_package_has_no_other_attributes():
    with pytest.raises(ImportError, match="cannot import name 'load_runs'"):
        from lpc_scratch import load_runs  # noqa: F401


def test_images_of_another_shape_are_refused_by_a_trained_network(tmp_path):
    rng, parts = np.random.default_rng(0), ("train", "test")
    arrays = {f"x_{part}": rng.integers(0, 256, (8, 5, 7, 3), np.uint8) for part in parts}
    arrays |= {f"y_{part}": np.arange(8) % 2 for part in parts}
    np.savez(tmp_path / "data.npz", **arrays)
    turned = {k: a.reshape(8, 7, 5, 3) if a.ndim == 4 else a for k, a in arrays.items()}
    np.savez(tmp_path / "turned.npz", **turned)
    config = TrainConfig(
        dataset=str(tmp_path / "data.npz"), backbone="resnet", channels=(4,), epochs=1, batch_size=4
    )
    folder = tmp_path / "run"
    train(config, recorder=RunFolder(folder))
    other = dataclasses.replace(config, dataset=str(tmp_path / "turned.npz"), epochs=2)
    with pytest.raises(RunFolderError, match=r"inputs of the shape \(5, 7, 3\), and the data have"):
        train(other, recorder=RunFolder(folder, resume=True))
    described = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(described | {"image_shape": [7, 5, 3]}))
    with pytest.raises(RunFolderError, match=r"inputs of the shape \(5, 7, 3\), and the data have"):
        load_run(folder)
