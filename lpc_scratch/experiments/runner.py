"""Run an experiment: train the cells that have no result yet, and keep each as it is finished."""

from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path

import joblib

from lpc_scratch.backend import get_backend
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import RunFolderError
from lpc_scratch.experiments.cells import Result, data_settings, load_data, network_settings
from lpc_scratch.experiments.grid import group_cells
from lpc_scratch.experiments.progress import CellCount
from lpc_scratch.experiments.scheduling import Cluster, train_on_cores
from lpc_scratch.experiments.store import ResultStore
from lpc_scratch.runs.memory import make_shapes


def run_cells(
    cells: Sequence[TrainConfig],
    folder: Path,
    jobs: int = -1,
    scheduler: str | None = None,
    progress: CellCount | None = None,
) -> list[Result]:
    """Return the results of cells of one seed each, from the folder of the experiment or trained.

    Every result is written to the folder's ``cells`` when it is there. A file that cannot be read
    is computed again, with a DamagedResultWarning. `jobs` are processes on this machine; -1 takes
    one for each core (one in all for the device gpu). Where the address of a dask `scheduler` is
    given, its workers train in their place. On the CPU the bits depend on neither.

    Raises
    ------
    DatasetError, DeviceError, ConfigError
        If data or device cannot be had here, or a backbone cannot take the data, for any cell;
        asked before anything is trained or written, but not where a scheduler's workers train.
    SweepError
        If the workers cannot be had, or are lost.
    RunFolderError
        If the folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"{folder} is a file, and an experiment needs a folder")
    store = ResultStore(folder)
    loaded = {cell: store.load(cell) for cell in cells}
    results = {cell: result for cell, result in loaded.items() if result}
    missing = [cell for cell in cells if cell not in results]
    progress = progress or CellCount()
    progress.start(len(cells), len(results))
    if missing:
        if scheduler is None:
            _check(missing)
        store.prepare()
        cluster = Cluster(scheduler) if scheduler else None
        with closing(cluster) if cluster else nullcontext():
            workers = cluster.threads if cluster else _count_jobs(jobs, missing[0])
            groups = group_cells(missing, workers)
            cores = min(workers, len(groups))
            stream = cluster.train(groups) if cluster else train_on_cores(groups, cores)
            with closing(stream):
                for result in (result for group in stream for result in group):
                    store.save(result)
                    results[result.config] = result
                    progress.finished(result)
    return [results[cell] for cell in cells]


def _check(cells: Sequence[TrainConfig]) -> None:
    """Raise the error that all cells of a data set, network or device would end in."""
    get_backend(cells[0].device)
    networks = dict.fromkeys(map(network_settings, cells))
    for data in dict.fromkeys(map(data_settings, networks)):
        dataset = load_data(data)
        for network in networks:
            if data_settings(network) == data:
                make_shapes(network, dataset)


def _count_jobs(jobs: int, config: TrainConfig) -> int:
    if jobs == -1 and config.device == "gpu":
        return 1
    return joblib.effective_n_jobs(jobs)
