import csv
import math
import os

import numpy as np
import pytest

from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import RunFolderError
from lpc_scratch.experiments.cells import Result
from lpc_scratch.experiments.foretold import FORETOLD, foretell
from lpc_scratch.experiments.store import cell_key
from lpc_scratch.experiments.tables import (
    METRICS,
    cell_table,
    epoch_table,
    epochs_until,
    headings,
    phase_of,
    with_validation,
)
from lpc_scratch.files.tables import write_csv, write_text
from lpc_scratch.training.result import COLUMNS


def make_result(status="finished", epochs=(0, 2), message="", **settings):
    """Return a result of two classes, with a row for each epoch whose values count upwards."""
    rows = [
        {name: epoch + i / 100 for i, name in enumerate(COLUMNS)}
        | {"epoch": epoch, "member": 0, "seed": 3, "gamma": 0.25, "train_accuracy": 0.9}
        for epoch in epochs
    ]
    arrays = {"class_shares": np.array([0.75, 0.25])} if status == "finished" else {}
    return Result(
        *(TrainConfig(seeds=(3,), **settings), status, message),
        *(rows, ("cat", "dog"), arrays),
        samples=640,
    )


def test_cell_table_has_the_place_the_outcome_and_the_last_measurements():
    result = make_result(gamma=0.5, hidden=(8, 8))
    (cell,) = cell_table([result], ["gamma", "depth", "width"])
    place = ["cell", "gamma", "depth", "width", "seed"]
    assert list(cell) == [*place, "status", "phase", *METRICS, *FORETOLD, "message"]
    assert [cell[name] for name in place] == [cell_key(result.config), 0.5, 2, 8, 3]
    assert (cell["status"], cell["phase"], cell["message"]) == ("finished", "none", "")
    last = result.rows[-1]
    assert [cell[n] for n in ("epoch", "nc1", "seconds")] == [2, last["nc1"], last["seconds"]]
    assert (cell["total_loss"], cell["penalty_value"]) == (last["loss"], last["penalty"])
    assert {name: cell[name] for name in FORETOLD} == foretell(result.config, 640, 2)
    assert cell["largest_gamma"] > 0


@pytest.mark.parametrize("table", [cell_table, epoch_table])
def test_axes_keep_the_names_of_settings_and_measurements_have_others(table):
    result = make_result(penalty="l2", loss="double-softmax")
    cell = table([result], ["penalty", "loss"])[-1]
    last = result.rows[-1]
    assert (cell["penalty"], cell["loss"]) == ("l2", "double-softmax")
    assert (cell["penalty_value"], cell["total_loss"]) == (last["penalty"], last["loss"])


@pytest.mark.parametrize(
    ("status", "phase"), [("diverged", "divergence"), ("failed", None)], ids=str
)
def test_cell_that_has_not_finished_has_its_message_and_no_measurements(status, phase):
    result = make_result(status, message="out of luck")
    finished, other = cell_table([make_result(), result], ["gamma"])
    assert list(other) == list(finished)
    assert (other["status"], other["phase"], other["message"]) == (status, phase, "out of luck")
    assert {other[name] for name in METRICS} == {None}


def test_phase_is_that_of_the_last_row_and_the_largest_class():
    result = make_result()
    result.rows[0] |= {"penalty": 0.25 * 1.5}
    result.rows[-1] |= {"penalty": 0.25 * 1.001, "train_accuracy": 0.8}
    assert phase_of(result) == "trivial"  # 0.75 of the samples are cats
    result.rows[-1]["train_accuracy"] = 0.83
    assert phase_of(result) == "none"


def test_epoch_table_has_a_row_for_every_cell_and_measured_epoch():
    results = [
        make_result(latent_dim=4),
        make_result("diverged", epochs=(0,), latent_dim=5),
        make_result("failed", epochs=(), latent_dim=6),
    ]
    table = epoch_table(results, ["latent_dim"])
    assert [(row["latent_dim"], row["epoch"]) for row in table] == [(4, 0), (4, 2), (5, 0)]
    columns = [name for name in COLUMNS if name not in ("member", "seed")]
    assert all(list(row) == ["latent_dim", "seed", *columns] for row in table)
    assert {name: table[1][name] for name in columns} == {
        name: results[0].rows[1][name] for name in columns
    }


@pytest.mark.parametrize(
    ("values", "epoch"),
    [([0.1, 0.9, 0.5], 5), ([0.9, 0.9, 0.9], 0), ([0.1, 0.2, 0.8], 10), ([0.1, math.nan, 0], None)],
)
def test_epochs_until_is_the_first_measured_epoch_at_the_threshold(values, epoch):
    rows = [{"epoch": 5 * i, "accuracy": value} for i, value in enumerate(values)]
    assert epochs_until(rows, "accuracy", 0.8) == epoch


@pytest.mark.parametrize(("values", "shown"), [([math.nan, None], False), ([math.nan, 0.5], True)])
def test_validation_accuracy_is_shown_where_some_cell_has_one(values, shown):
    rows = [{"validation_accuracy": value} for value in values]
    assert with_validation(("nc1",), rows) == (("validation_accuracy",) if shown else ()) + ("nc1",)


def test_headings_are_the_labels_of_the_metrics_and_a_share_is_called_one():
    names = ["nc1", "same_code", "code_distance", "code_spread", "latent_norm"]
    labels = ["NC1", "same-code share", "Hamming distance", "its spread", "mean norm of z"]
    assert headings(names) == labels


def test_text_is_utf8_also_where_a_name_in_it_is_none(tmp_path):
    write_text(tmp_path / "summary.md", "± " + os.fsdecode(b"run\xff"))
    assert (tmp_path / "summary.md").read_text(encoding="utf-8") == r"± run\udcff"


def test_csv_is_read_back_with_nothing_for_none(tmp_path):
    rows = [
        {"penalty": "l2", "gamma": 0.1, "nc1": 1 / 3, "message": 'a "comma", and\na line'},
        {"penalty": "exp", "gamma": 1e-05, "nc1": math.nan, "message": ""},
        {"penalty": "exp", "gamma": 10.0, "nc1": None, "message": "−1"},
    ]
    write_csv(tmp_path / "new" / "cells.csv", rows)
    with open(tmp_path / "new" / "cells.csv", newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert found == [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]
    assert float(found[0]["nc1"]) == 1 / 3
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["cells.csv"]


def test_file_in_the_way_of_a_folder_is_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(RunFolderError, match=r"summary\.md cannot be written .*--output"):
        write_text(tmp_path / "taken" / "summary.md", "text")
