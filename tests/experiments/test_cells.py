import pickle
from dataclasses import replace

import pytest

from lpc_scratch.config import TrainConfig
from lpc_scratch.experiments.cells import train_together
from lpc_scratch.experiments.portrait import CORRECT
from lpc_scratch.nn.penalties import PENALTIES
from lpc_scratch.training.result import COLUMNS

SMALL = TrainConfig(
    dataset="gaussians",
    gaussian_classes=2,
    hidden=(8, 8),
    latent_dim=4,
    dropout=0.2,
    gamma=0.1,
    learning_rate=5e-3,
    epochs=2,
    evaluate_every=2,
)
# In the second epoch, gamma is 10,000 times that of the first.
RISING = replace(
    SMALL,
    optimizer="sgd",
    learning_rate=0.02,
    gamma_schedule="geometric",
    gamma_every=1,
    gamma_factor=1e4,
    evaluate_every=1,
)


def assert_same(result, other):
    """Check that two results are the same to the bit, but for time and place."""
    assert (result.config, result.status) == (other.config, other.status)
    assert (result.message, result.class_names) == (other.message, other.class_names)
    rows, others = ([repr(row | {"seconds": 0}) for row in r.rows] for r in (result, other))
    assert rows == others  # repr gives every bit, and makes nan equal to nan
    assert result.arrays.keys() == other.arrays.keys()
    for name, array in result.arrays.items():
        expected = other.arrays[name]
        assert (array.dtype, array.shape) == (expected.dtype, expected.shape), name
        assert array.tobytes() == expected.tobytes(), name


def test_a_cell_knows_which_test_samples_it_has_right():
    result = alone(SMALL)
    correct = result.arrays[CORRECT]
    assert correct.dtype == bool
    assert correct.mean() == pytest.approx(result.rows[-1]["test_accuracy"])


def alone(config):
    (result,) = train_together([config])
    return result


@pytest.mark.parametrize("penalty", PENALTIES)
def test_cells_of_a_stack_equal_the_cells_trained_alone_to_the_bit(penalty):
    places = [(0, 0.1), (1, 0.1), (0, 7.3)]
    cells = [replace(SMALL, penalty=penalty, seeds=(seed,), gamma=g) for seed, g in places]
    together = train_together(cells)
    assert [result.status for result in together] == ["finished"] * 3
    for cell, result in zip(cells, together, strict=True):
        assert result.config == cell
        assert_same(result, alone(cell))
    assert together[0].rows[-1]["loss"] != together[1].rows[-1]["loss"]


def test_rows_are_those_of_a_single_network_and_arrays_show_its_latent_layer():
    _, result = train_together([SMALL, replace(SMALL, seeds=(4,))])
    assert [(row["epoch"], row["member"], row["seed"]) for row in result.rows] == [
        (0, 0, 4),
        (2, 0, 4),
    ]
    assert all(tuple(row) == COLUMNS for row in result.rows)
    assert len(result.class_names) == 2
    assert result.arrays["final_means"].shape == (2, 4)
    assert result.arrays["class_shares"].tolist() == [1 / 2] * 2
    assert result.environment["packages"].keys() >= {"numpy"}


def test_cell_that_diverges_stops_and_the_others_equal_their_lone_runs():
    cells = [replace(RISING, seeds=(s,), gamma=g) for s, g in [(0, 0.1), (0, 1e-5), (1, 1e-6)]]
    diverged, *others = together = train_together(cells)
    assert diverged.status == "diverged"
    assert "the loss of seed 0 became" in diverged.message
    assert "of epoch 2; lower gamma (1000)" in diverged.message
    assert [row["epoch"] for row in diverged.rows] == [0, 1]
    assert diverged.arrays == {}
    assert [result.status for result in others] == ["finished"] * 2
    for cell, result in zip(cells, together, strict=True):
        assert_same(result, alone(cell))


@pytest.mark.parametrize("gamma", [1e6, 1e300, 1.797e308])
def test_gamma_that_is_far_too_large_leaves_no_trace_in_the_rest_of_the_stack(gamma):
    calm = replace(SMALL, optimizer="sgd", learning_rate=0.05, penalty="exp-sample")
    finished, diverged = train_together([calm, replace(calm, gamma=gamma)])
    assert (diverged.status, diverged.arrays) == ("diverged", {})
    assert diverged.message.startswith("training diverged: the loss of seed 0")
    assert_same(finished, alone(calm))


def test_training_ends_when_all_cells_have_diverged():
    cells = [replace(RISING, seeds=(seed,), gamma=gamma) for seed, gamma in [(0, 0.1), (1, 0.2)]]
    results = train_together(cells)
    assert [result.status for result in results] == ["diverged"] * 2
    assert [[row["epoch"] for row in result.rows] for result in results] == [[0, 1]] * 2
    for cell, result in zip(cells, results, strict=True):
        assert f"seed {cell.seeds[0]}" in result.message


def test_collapse_to_one_point_is_a_result_and_no_warning():
    result = alone(replace(SMALL, gamma=1e5, learning_rate=1e-2, epochs=3))
    assert (result.status, result.message) == ("finished", "")


def test_data_that_cannot_be_had_fail_all_cells_with_one_line():
    cells = [replace(SMALL, dataset="missing.npz", seeds=(seed,)) for seed in (0, 1)]
    results = train_together(cells)
    assert [(r.config, r.status) for r in results] == [(cell, "failed") for cell in cells]
    assert results[0].message == results[1].message
    assert "missing.npz" in results[0].message
    assert "\n" not in results[0].message


def test_error_that_nobody_expects_fails_the_cells_with_its_name(monkeypatch):
    def train(*_, **__):
        raise MemoryError("no room\nfor 4 TiB")

    monkeypatch.setattr("lpc_scratch.experiments.cells.train", train)
    assert (alone(SMALL).status, alone(SMALL).message) == (
        "failed",
        "MemoryError: no room for 4 TiB",
    )


@pytest.mark.parametrize("gamma", [0.1, 1e300])
def test_results_survive_pickling(gamma):
    result = alone(replace(SMALL, gamma=gamma))
    copy = pickle.loads(pickle.dumps(result))
    assert_same(copy, result)
    assert copy.environment == result.environment
