import dataclasses
import json
import math
import os
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import RunFolderError
from lpc_scratch.experiments.cells import Result, train_together
from lpc_scratch.experiments.store import DamagedResultWarning, ResultStore, cell_key
from lpc_scratch.files.tensors import load_tensors, save_tensors

SMALL = TrainConfig(
    dataset="gaussians",
    hidden=(8,),
    latent_dim=4,
    gamma=0.1,
    epochs=0,
    classifier_optimizer="sgd",  # without one, it has no learning rate
)
INDIFFERENT = {"data_dir": Path("elsewhere"), "checkpoint_every": 3}
OTHER = {
    "dataset": "digits",
    "data_seed": 1,
    "gaussian_classes": 3,
    "gaussian_dims": 7,
    "per_channel": True,
    "validation_share": 0.1,
    "training_samples": 100,
    "architecture": "linear",
    "hidden": (8, 8),
    "latent_dim": 5,
    "activation": "tanh",
    "dropout": 0.1,
    "backbone": "cnn",
    "channels": (8,),
    "blocks": 2,
    "batch_norm": False,
    "stem_stride": 2,
    "crop": 1,
    "flip": True,
    "initialization": "he",
    "loss": "double-softmax",
    "penalty": "l2",
    "penalty_power": 3.0,
    "gamma": 0.2,
    "gammas": (0.3,),
    "gamma_schedule": "geometric",
    "gamma_every": 6,
    "gamma_factor": 3.0,
    "gamma_switch": 10.0,
    "gamma_late_factor": 2.0,
    "gamma_max": 1e5,
    "optimizer": "sgd",
    "descent_power": 4.0,
    "learning_rate": 1e-2,
    "learning_rate_schedule": "cosine",
    "learning_rate_every": 6,
    "learning_rate_factor": 0.25,
    "warmup_epochs": 1,
    "momentum": 0.8,
    "beta1": 0.8,
    "beta2": 0.99,
    "epsilon": 1e-7,
    "classifier_optimizer": "none",
    "classifier_learning_rate": 1e-2,
    "classifier_learning_rate_schedule": "cosine",
    "classifier_initialization": "simplex",
    "classifier_code": Path("code.npy"),
    "classifier_code_scale": 0.3,
    "classifier_basis": "rotated",
    "weight_decay": 0.1,
    "batch_size": 32,
    "epochs": 1,
    "seeds": (1,),
    "device": "gpu",
    "dtype": "float64",
    "evaluate_every": 1,
}
"""A valid value other than that of SMALL for every setting that can change a result."""


@pytest.fixture(scope="module")
def result():
    """A result with values that are no numbers."""
    (result,) = train_together([SMALL])
    (row,) = result.rows
    return replace(result, rows=[row, row | {"epoch": 1, "nc1": math.nan, "nc3": math.inf}])


@pytest.fixture
def store(tmp_path):
    return ResultStore(tmp_path / "experiment")


def assert_same(result, other):
    for field in fields(Result):
        if field.name not in ("rows", "arrays"):
            assert getattr(result, field.name) == getattr(other, field.name)
    assert repr(result.rows) == repr(other.rows)  # every bit, and nan equal to nan
    assert result.arrays.keys() == other.arrays.keys()
    for name, array in result.arrays.items():
        assert array.dtype == other.arrays[name].dtype
        assert np.array_equal(array, other.arrays[name]), name


def test_result_is_read_back_as_it_was(store, result):
    store.save(result)
    assert_same(store.load(SMALL), result)
    assert store.load(replace(SMALL, gamma=0.2)) is None


def test_diverged_result_is_read_back_as_it_was(store, result):
    diverged = replace(result, status="diverged", message="the loss became nan", arrays={})
    store.save(diverged)
    assert_same(store.load(SMALL), diverged)


def test_failed_result_is_to_be_computed_again(store, result):
    store.save(replace(result, status="failed", message="no room", rows=[], arrays={}))
    assert store.path(SMALL).exists()
    assert store.load(SMALL) is None


def test_saving_leaves_one_file_with_the_later_result(store, result):
    store.save(replace(result, status="failed", rows=[], arrays={}))
    store.save(result)
    assert list(store.cells.iterdir()) == [store.path(SMALL)]
    assert_same(store.load(SMALL), result)


def test_every_setting_is_known_here():
    assert OTHER.keys() | INDIFFERENT.keys() == {field.name for field in fields(TrainConfig)}


@pytest.mark.parametrize("name", OTHER)
def test_key_depends_on_every_setting_that_can_change_a_result(name):
    assert getattr(SMALL, name) != OTHER[name]
    assert cell_key(replace(SMALL, **{name: OTHER[name]})) != cell_key(SMALL)


@pytest.mark.parametrize("name", INDIFFERENT)
def test_key_does_not_depend_on_what_changes_no_result(name):
    assert cell_key(replace(SMALL, **{name: INDIFFERENT[name]})) == cell_key(SMALL)


def test_key_is_that_of_the_time_before_a_setting_where_it_is_at_its_default():
    config = TrainConfig(dataset="gaussians", hidden=(8,), latent_dim=4, gamma=0.1)
    assert cell_key(config) == cell_key(config.with_learning_rates()) == "f2e22fee88456c7c"
    assert cell_key(replace(config, penalty_power=4.0)) == "f2e22fee88456c7c"


def test_key_depends_on_the_files_of_the_users_own_data(tmp_path):
    data = tmp_path / "mine.npz"
    data.write_bytes(b"one")
    config = replace(SMALL, dataset=str(data))
    before = cell_key(config)
    assert cell_key(config) == before
    data.write_bytes(b"other")
    assert cell_key(config) != before


def test_key_is_the_same_for_the_same_value_in_another_form():
    assert cell_key(replace(SMALL, gamma="1e1", hidden=[8])) == cell_key(replace(SMALL, gamma=10))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: content[: len(content) // 2], id="truncated"),
        pytest.param(lambda content: content[:-1], id="a byte short"),
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: b"\xff" * 99, id="garbage"),
        pytest.param(lambda content: b"cell,seed\n1,2\n", id="text"),
    ],
)
def test_damaged_file_is_named_and_to_be_computed_again(store, result, damage):
    store.save(result)
    file = store.path(SMALL)
    file.write_bytes(damage(file.read_bytes()))
    assert_named_and_not_loaded(store)


def without_a_column(texts):
    rows = json.loads(texts["rows"])
    del rows[-1]["nc1"]
    return texts | {"rows": json.dumps(rows)}


@pytest.mark.parametrize(
    "change",
    [
        without_a_column,
        lambda texts: {name: text for name, text in texts.items() if name != "rows"},
        lambda texts: {},
        lambda texts: texts | {"status": "unheard-of"},
        lambda texts: texts | {"rows": "no JSON"},
        lambda texts: texts | {"config": "gamma: [1"},
        lambda texts: texts | {"config": texts["config"] + "unheard_of: 3\n"},
        lambda texts: texts | {"config": texts["config"].replace("penalty: exp", "penalty: old")},
    ],
    ids=[
        *("a column is missing", "no rows", "no text", "status", "rows", "config"),
        *("unknown setting", "unknown value"),
    ],
)
def test_file_of_another_version_is_named_and_to_be_computed_again(store, result, change):
    store.save(result)
    arrays, texts = load_tensors(store.path(SMALL))
    save_tensors(store.path(SMALL), arrays, change(texts))
    assert_named_and_not_loaded(store)


def test_finished_result_without_its_arrays_is_named_and_to_be_computed_again(store, result):
    store.save(dataclasses.replace(result, arrays={}))
    assert_named_and_not_loaded(store)


def test_result_of_another_configuration_is_named_and_to_be_computed_again(store, result):
    store.save(replace(result, config=replace(SMALL, gamma=0.2)))
    store.path(replace(SMALL, gamma=0.2)).rename(store.path(SMALL))
    assert_named_and_not_loaded(store)


def assert_named_and_not_loaded(store):
    with pytest.warns(DamagedResultWarning) as warned:
        assert store.load(SMALL) is None
    (warning,) = warned
    text = str(warning.message)
    assert str(store.path(SMALL)) in text
    assert text.endswith("it is computed again")
    assert "\n" not in text


@pytest.mark.parametrize("taken", ["experiment", "experiment/cells"])
def test_file_in_the_way_of_the_folder_is_one_sentence(store, result, tmp_path, taken):
    file = tmp_path / taken
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    with pytest.raises(RunFolderError, match=r"cells cannot be written .*--output") as error:
        store.save(result)
    assert "\n" not in str(error.value)
    assert file.read_text() == "mine"


def test_what_a_killed_process_was_writing_is_removed_and_what_a_living_one_writes_kept(tmp_path):
    store = ResultStore(tmp_path)
    store.prepare()
    dead, living = (
        store.cells / f"0.safetensors.{pid}.partial" for pid in (2**22 + 1, os.getpid())
    )
    for file in (dead, living):
        file.touch()
    store.prepare()
    assert list(store.cells.iterdir()) == [living]
