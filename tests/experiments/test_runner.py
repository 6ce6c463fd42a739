from dataclasses import replace

import pytest
from joblib.externals.loky import get_reusable_executor

from data_utils import DatasetError
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import RunFolderError
from lpc_scratch.experiments.cells import train_together
from lpc_scratch.experiments.runner import run_cells
from lpc_scratch.experiments.store import DamagedResultWarning, ResultStore
from lpc_scratch.training import train

SMALL = TrainConfig(
    dataset="gaussians", gaussian_classes=2, hidden=(8,), latent_dim=4, gamma=0.1, epochs=1
)
CELLS = [
    replace(SMALL, penalty=penalty, seeds=(seed,)) for seed in (0, 1) for penalty in ("exp", "l2")
]


@pytest.fixture
def trained(monkeypatch):
    """Return the groups of cells that have been trained in this process, as they come."""
    groups = []

    def spy(group):
        groups.append(list(group))
        return train_together(group)

    monkeypatch.setattr("lpc_scratch.experiments.scheduling.train_together", spy)
    return groups


@pytest.fixture
def no_room_for_l2(monkeypatch):
    """Make the training with one of the penalties fail."""

    def train_or_fail(config, *arguments, **options):
        if config.penalty == "l2":
            raise MemoryError("no room")
        return train(config, *arguments, **options)

    monkeypatch.setattr("lpc_scratch.experiments.cells.train", train_or_fail)


class Progress:
    """Notes what is shown, and raises an error after so many cells."""

    def __init__(self, interrupt_after=None):
        self.started, self.cells, self.interrupt_after = None, [], interrupt_after

    def start(self, cells, found):
        self.started = (cells, found)

    def finished(self, result):
        self.cells.append(result.config)
        if len(self.cells) == self.interrupt_after:
            raise KeyboardInterrupt


def contents(results):
    """Return what does not depend on time and place, to the bit."""
    return [
        (
            *(result.config, result.status, result.message, result.class_names),
            [repr(row | {"seconds": 0}) for row in result.rows],
            {name: (a.dtype, a.shape, a.tobytes()) for name, a in result.arrays.items()},
        )
        for result in results
    ]


def test_results_come_in_the_order_of_the_cells_and_from_groups(tmp_path, trained):
    progress = Progress()
    results = run_cells(CELLS, tmp_path, jobs=1, progress=progress)
    assert [result.config for result in results] == CELLS
    assert trained == [[CELLS[0], CELLS[2]], [CELLS[1], CELLS[3]]]  # the seeds of a penalty
    assert progress.started == (4, 0)
    assert progress.cells == [*trained[0], *trained[1]]


@pytest.mark.slow
def test_processes_give_the_bits_of_one_process(tmp_path):
    try:
        several = run_cells(CELLS, tmp_path / "several", jobs=2)
    finally:
        get_reusable_executor().shutdown(wait=True)
    assert contents(several) == contents(run_cells(CELLS, tmp_path / "one", jobs=1))
    assert contents(several) == contents(run_cells(CELLS, tmp_path / "several", jobs=1))


def test_second_call_computes_nothing(tmp_path, trained):
    first = run_cells(CELLS, tmp_path, jobs=1)
    trained.clear()
    progress = Progress()
    second = run_cells(CELLS, tmp_path, jobs=1, progress=progress)
    assert contents(second) == contents(first)
    assert [result.environment for result in second] == [result.environment for result in first]
    assert trained == progress.cells == []
    assert progress.started == (4, 4)


def test_other_cells_join_those_that_are_there(tmp_path, trained):
    run_cells(CELLS[:2], tmp_path, jobs=1)
    trained.clear()
    results = run_cells(CELLS[1:3], tmp_path, jobs=1)
    assert trained == [[CELLS[2]]]
    assert [result.config for result in results] == CELLS[1:3]


def test_only_missing_and_damaged_results_are_computed_again(tmp_path, trained):
    first = run_cells(CELLS, tmp_path, jobs=1)
    trained.clear()
    store = ResultStore(tmp_path)
    store.path(CELLS[0]).unlink()
    damaged = store.path(CELLS[3])
    damaged.write_bytes(damaged.read_bytes()[:500])
    with pytest.warns(DamagedResultWarning, match=damaged.name):
        second = run_cells(CELLS, tmp_path, jobs=1)
    assert trained == [[CELLS[0]], [CELLS[3]]]
    assert contents(second) == contents(first)


def test_failed_cell_does_not_stop_the_others_and_is_tried_again(
    tmp_path, trained, request, monkeypatch
):
    request.getfixturevalue("no_room_for_l2")
    results = run_cells(CELLS, tmp_path, jobs=1)
    assert [result.status for result in results] == ["finished", "failed"] * 2
    assert {result.message for result in results[1::2]} == {"MemoryError: no room"}
    monkeypatch.setattr("lpc_scratch.experiments.cells.train", train)
    trained.clear()
    progress = Progress()
    results = run_cells(CELLS, tmp_path, jobs=1, progress=progress)
    assert [result.status for result in results] == ["finished"] * 4
    assert trained == [CELLS[1::2]]
    assert progress.started == (4, 2)


def test_interrupt_keeps_the_finished_cells(tmp_path, trained):
    with pytest.raises(KeyboardInterrupt):
        run_cells(CELLS, tmp_path, jobs=1, progress=Progress(interrupt_after=2))
    assert trained == [CELLS[::2]]
    trained.clear()
    results = run_cells(CELLS, tmp_path, jobs=1)
    assert trained == [CELLS[1::2]]
    assert [result.status for result in results] == ["finished"] * 4


def test_data_that_cannot_be_had_are_an_error_before_anything_is_trained(tmp_path, trained):
    cells = [SMALL, replace(SMALL, dataset="missing.npz")]
    with pytest.raises(DatasetError, match=r"missing\.npz"):
        run_cells(cells, tmp_path / "new", jobs=1)
    assert trained == []
    assert not (tmp_path / "new").exists()


def test_file_in_place_of_the_folder_is_an_error_before_anything_is_trained(tmp_path, trained):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(RunFolderError, match="is a file, and an experiment needs a folder"):
        run_cells([SMALL], tmp_path / "taken", jobs=1)
    assert trained == []
