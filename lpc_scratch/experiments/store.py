"""Results on disk: one file a cell, named by the hash of its configuration."""

import hashlib
import json
import warnings
from pathlib import Path
from typing import get_args

import psutil

from data_utils import DATASETS
from lpc_scratch.config import SETTINGS, TrainConfig
from lpc_scratch.errors import ConfigError, LPCError, LPCWarning, RunFolderError, one_line
from lpc_scratch.experiments.cells import Result, Status
from lpc_scratch.experiments.portrait import ARRAYS, CORRECT
from lpc_scratch.files.atomic import writing
from lpc_scratch.files.tensors import load_tensors, save_tensors
from lpc_scratch.runs import layout
from lpc_scratch.runs.config_file import dump_config, parse_config
from lpc_scratch.training.result import with_all_columns


class ResultStore:
    """The folder ``cells`` in the folder of an experiment."""

    def __init__(self, folder: Path) -> None:
        self.cells = folder / layout.CELLS

    def path(self, config: TrainConfig) -> Path:
        """Return the file of a cell, whether it exists or not."""
        return self.cells / f"{cell_key(config)}.safetensors"

    def prepare(self) -> None:
        """Make the folder, before there is anything to lose, and clear up after killed processes.

        Raises RunFolderError if it cannot be written, as `save` does.
        """
        with writing(self.cells):
            self.cells.mkdir(parents=True, exist_ok=True)
            for file in self.cells.glob("*.safetensors.*.partial"):
                writer = file.name.split(".")[-2]
                if not (writer.isdecimal() and psutil.pid_exists(int(writer))):
                    file.unlink(missing_ok=True)

    def save(self, result: Result) -> None:
        """Write a result, atomically."""
        texts = {
            "config": dump_config(result.config),
            "status": result.status,
            "message": result.message,
            "rows": json.dumps(result.rows),
            "class_names": json.dumps(result.class_names),
            "environment": json.dumps(result.environment),
            "samples": str(result.samples),
        }
        with writing(self.cells):
            self.cells.mkdir(parents=True, exist_ok=True)
            save_tensors(self.path(result.config), result.arrays, texts)

    def load(self, config: TrainConfig) -> Result | None:
        """Return the result of a cell, or None where it must be computed.

        That is where there is no file, where the cell has failed, and where the file is damaged,
        which is said in a warning.
        """
        path = self.path(config)
        if not path.exists():
            return None
        try:
            result = _read(path)
            if cell_key(result.config) != cell_key(config):
                raise RunFolderError(f"{path} is the result of another configuration")
        except LPCError as error:
            warnings.warn(f"{error}; it is computed again", DamagedResultWarning, stacklevel=2)
            return None
        return None if result.status == "failed" else result


class DamagedResultWarning(LPCWarning):
    """A result file that cannot be used."""


def cell_key(config: TrainConfig) -> str:
    """Return the name of a cell: 16 hexadecimal digits, of every setting that can change it.

    One that came later than the first cells counts where it is not at its default. The user's own
    files are known by their sizes and times as well.
    """
    resolved = config.with_learning_rates()
    values = {name: getattr(resolved, name) for name in sorted(SETTINGS)}
    relevant = {
        name: value
        for name, value in values.items()
        if SETTINGS[name].in_results
        and not (SETTINGS[name].later and value == getattr(TrainConfig, name))
    }
    if config.dataset not in DATASETS:
        relevant["files"] = _stamp(Path(config.dataset))
    if config.classifier_code:
        relevant["classifier_code"] = _stamp(config.classifier_code)
    return hashlib.sha256(json.dumps(relevant).encode()).hexdigest()[:16]


def _stamp(data: Path) -> list[tuple[str, int, int]]:
    files = sorted(data.glob("*.npy")) if data.is_dir() else [data]
    found = [(file.name, file.stat()) for file in files if file.exists()]
    return [(name, status.st_size, status.st_mtime_ns) for name, status in found]


def _read(path: Path) -> Result:
    arrays, texts = load_tensors(path)
    try:
        rows = [with_all_columns(row) for row in json.loads(texts["rows"])]
        whole = texts["status"] != "finished" or (
            bool(rows) and {*arrays, CORRECT} == {*ARRAYS, CORRECT}
        )
        config = parse_config(texts["config"], str(path), TrainConfig)
        if not whole or texts["status"] not in get_args(Status):
            raise ValueError("it lacks something")
        return Result(
            config,
            texts["status"],  # type: ignore[arg-type]
            texts["message"],
            rows,
            tuple(json.loads(texts["class_names"])),
            arrays,
            json.loads(texts["environment"]),
            int(texts.get("samples", 0)),
        )
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise RunFolderError(
            f"{path} is damaged or of another version ({one_line(error)})"
        ) from error
