"""The file `dataset.json`: what a saved network needs to be shown new data, read and checked."""

import json
import math
import reprlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from data_utils import DATASETS, Dataset, DatasetDescription, DatasetError
from lpc_scratch.backend import Array
from lpc_scratch.errors import RunFolderError, one_line
from lpc_scratch.files.tensors import content_hash


@dataclass(frozen=True, eq=False, kw_only=True)
class RecordedDataset(DatasetDescription):
    """What a network was trained on, without the arrays.

    Attributes
    ----------
    fingerprint : str or None
        That of the data set; None for a run of a version that kept it elsewhere.
    """

    fingerprint: str | None = field(repr=False)


def describe_dataset(dataset: Dataset) -> dict[str, Any]:
    """Return what a saved network needs to be shown new data, ready for JSON."""

    def plain(value: float | Array | None) -> float | list[float] | None:
        return value.tolist() if isinstance(value, np.ndarray) else value

    return {
        "name": dataset.name,
        "class_names": dataset.class_names,
        "image_shape": dataset.image_shape,
        "scale": plain(dataset.scale),
        "shift": plain(dataset.shift),
        "feature_mean": plain(dataset.feature_mean),
        "feature_deviation": plain(dataset.feature_deviation),
        "white": dataset.white,
        "fingerprint": fingerprint(dataset),
    }


@lru_cache(maxsize=1)  # asked at every checkpoint
def fingerprint(dataset: Dataset) -> str:
    """Return a hash of all that training reads of a data set."""
    read = {name: getattr(dataset, name) for name in _READ}
    arrays = {n: np.ascontiguousarray(a) for n, a in read.items() if isinstance(a, np.ndarray)}
    numbers = {name: repr(read[name]) for name in ("scale", "shift") if name not in arrays}
    return content_hash(arrays, numbers)


def has_fingerprint(dataset: Dataset, recorded: str) -> bool:
    """Return whether a data set is the one that a fingerprint was taken of."""
    return recorded == fingerprint(dataset) or recorded == _former_fingerprint(dataset)


def may_be_same(one: str, other: str) -> bool:
    """Return whether two values of the setting `dataset` may mean the same data.

    Data of one's own can be moved: whether those at another path are the same, their fingerprint
    decides.
    """
    return one == other or not {one, other} & set(DATASETS)


def lost_dataset(run: str, dataset: str, error: DatasetError) -> RunFolderError:
    """Return what to say where the data of a run cannot be loaded."""
    return RunFolderError(
        f"{run} was trained on {dataset}, which cannot be loaded ({error}): say with "
        "--dataset, or --data-dir, where its data are now"
    )


def _former_fingerprint(dataset: Dataset) -> str | None:
    """Return what version 0.1.0 took of features of one's own, which it standardised first."""
    mean, deviation = dataset.feature_mean, dataset.feature_deviation
    if mean is None or deviation is None:
        return None
    x_train, x_test = (
        ((x - mean) / deviation).astype(np.float32) for x in (dataset.x_train, dataset.x_test)
    )
    return fingerprint(replace(dataset, x_train=x_train, x_test=x_test))


def read_dataset_description(path: Path) -> RecordedDataset:
    """Read the `dataset.json` of a run folder.

    Raises
    ------
    RunFolderError
        If the file is missing, is no JSON, or lacks a value or holds one that cannot be; the
        message names it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunFolderError(f"{path} is missing or damaged ({one_line(error)})") from error
    if not isinstance(content, dict):
        _refuse(path, f"it must hold names with values, not {reprlib.repr(content)}")
    content = {"fingerprint": None, "white": None} | content  # which older files do not have
    for name, (is_valid, expected) in _FIELDS.items():
        if name not in content:
            _refuse(path, f"it has no {name}")
        if not is_valid(content[name]):
            _refuse(path, f"{name} must be {expected}, not {reprlib.repr(content[name])}")
    values = {name: content[name] for name in _FIELDS}
    size, shape = math.prod(values["image_shape"]), tuple(values["image_shape"])
    for name, other in _OF_FEATURES.items():
        numbers = values[name]
        if not isinstance(numbers, list):
            values[name] = None if numbers is None else float(numbers)
            continue
        if not isinstance(content[other], list):
            _refuse(path, f"it has {name} without {other} of every feature")
        if len(numbers) != size:
            _refuse(path, f"{name} has {len(numbers)} numbers, for inputs of shape {shape}")
        values[name] = np.array(numbers, np.float64)
    values |= {"class_names": tuple(values["class_names"]), "image_shape": shape}
    return RecordedDataset(**values)


def _is_number(value: Any) -> bool:
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def _is_size(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_list(value: Any, is_item: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(is_item, value))


def _is_factor(value: Any) -> bool:
    return _is_number(value) or _is_list(value, _is_number)


_READ = ("x_train", "y_train", "x_test", "y_test", "x_validation", "y_validation", "scale", "shift")
_OF_FEATURES = {"feature_mean": "feature_deviation", "scale": "shift"}
_OF_FEATURES |= {other: name for name, other in _OF_FEATURES.items()}
_FACTOR = "a finite number or a list of them"
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "class_names": (lambda v: _is_list(v, lambda name: isinstance(name, str)), "a list of names"),
    "image_shape": (lambda v: _is_list(v, _is_size), "a list of whole numbers above 0"),
    "scale": (_is_factor, _FACTOR),
    "shift": (_is_factor, _FACTOR),
    "feature_mean": (
        lambda v: v is None or _is_list(v, _is_number),
        "null or a list of finite numbers",
    ),
    "feature_deviation": (
        lambda v: v is None or _is_list(v, lambda d: _is_number(d) and d > 0),
        "null or a list of finite numbers above 0",
    ),
    "white": (lambda v: v is None or _is_size(v), "null or a whole number above 0"),
    "fingerprint": (lambda v: v is None or isinstance(v, str), "null or text"),
}


def _refuse(path: Path, difference: str) -> None:
    raise RunFolderError(f"{path} is damaged: {difference}")
