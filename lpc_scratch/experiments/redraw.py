"""The figures of a sweep once more, from its table: the results of its cells need not be there."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import RunFolderError
from lpc_scratch.experiments.cells import data_settings, load_data
from lpc_scratch.experiments.foretold import foretell
from lpc_scratch.experiments.grid import axis_value
from lpc_scratch.experiments.store import cell_key
from lpc_scratch.experiments.sweep_report import CELLS, draw_sweep
from lpc_scratch.experiments.tables import METRICS, Table
from lpc_scratch.files.tables import read_csv
from lpc_scratch.theory.free_features import ROUND, optimum_of_norm
from lpc_scratch.training.result import ADDED


def redraw_sweep(cells: Sequence[TrainConfig], axes: Sequence[str], folder: Path) -> None:
    """Draw the figures of a sweep from its `cells.csv`, which stays as it is.

    What the settings foretell is computed, for which the data are loaded. In a table of version
    0.1.0 `predicted_norm` is another quantity: it is computed from ``classifier_norm``, where that
    suffices, and else left out.

    Parameters
    ----------
    cells : sequence of TrainConfig
        The cells that the sweep's `config.yaml` describes.
    axes : sequence of str
        The axes on which they differ, without the seed.
    folder : Path
        Folder of the sweep.

    Raises
    ------
    RunFolderError
        If the table is missing, damaged or that of other cells, or the figures cannot be written.
    DatasetError
        If the data cannot be had.
    """
    rows = read_csv(folder / CELLS)
    known = {cell_key(config): config for config in cells}
    if not rows or any(row.get("cell") not in known for row in rows):
        raise RunFolderError(
            f"{folder / CELLS} holds other cells than {folder} describes in its config.yaml"
        )
    configs = [known[row["cell"]] for row in rows]
    sizes = {data: _sizes(data) for data in dict.fromkeys(map(data_settings, configs))}
    table: Table = []
    for config, row in zip(configs, rows, strict=True):
        samples, classes = sizes[data_settings(config)]
        try:
            measured = {name: _number(row.get(name)) for name in METRICS}
        except ValueError as error:
            raise RunFolderError(f"{folder / CELLS} is damaged ({error})") from error
        if ADDED[0] not in row:
            measured["predicted_norm"] = _predicted_norm(config, classes, measured)
        places = {axis: axis_value(config, axis) for axis in (*axes, "gamma", "seed")}
        told = {name: row.get(name) for name in ("status", "phase")}
        table.append({**places, **told, **measured, **foretell(config, samples, classes)})
    draw_sweep(table, axes, folder, {classes for _, classes in sizes.values()})


def _sizes(data: TrainConfig) -> tuple[int, int]:
    """Return the size of the training set, and the number of classes."""
    dataset = load_data(data)
    return len(dataset.y_train), dataset.num_classes


def _number(text: str | None) -> float | None:
    return float(text) if text else None


def _predicted_norm(config: TrainConfig, classes: int, measured: dict[str, Any]) -> float | None:
    norm = measured["classifier_norm"]
    free = config.architecture == "binary" and config.loss == "softmax" and config.gamma
    if not free or norm is None or not math.isfinite(norm) or config.penalty not in ROUND:
        return None
    return optimum_of_norm(norm, config.gamma, classes, config.latent_dim, config.penalty).norm
