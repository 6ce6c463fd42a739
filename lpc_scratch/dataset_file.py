"""The file `dataset.json`: what a saved network needs to be shown new data, read and checked."""

import json
import math
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_utils import Dataset
from lpc_scratch.backend import Array
from lpc_scratch.errors import RunFolderError, one_line


@dataclass(frozen=True, eq=False)
class DatasetDescription:
    """What a network was trained on, without the data; the fields are those of `Dataset`.

    Attributes
    ----------
    class_names : tuple of str, length K
        Names of the classes.
    image_shape : tuple of int
        Shape of one input, of I numbers in all.
    scale, shift : float
        ``x * scale + shift`` standardises inputs as stored.
    feature_mean, feature_deviation : float64 array (I,) or None
        What is subtracted from the user's features before that, and what they are divided by.
    """

    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    scale: float
    shift: float
    feature_mean: Array | None
    feature_deviation: Array | None


def describe_dataset(dataset: Dataset) -> dict[str, Any]:
    """Return what a saved network needs to be shown new data, ready for JSON."""

    def plain(array: Array | None) -> list[float] | None:
        return None if array is None else array.tolist()

    return {
        "name": dataset.name,
        "class_names": dataset.class_names,
        "image_shape": dataset.image_shape,
        "scale": dataset.scale,
        "shift": dataset.shift,
        "feature_mean": plain(dataset.feature_mean),
        "feature_deviation": plain(dataset.feature_deviation),
    }


def read_dataset_description(path: Path) -> DatasetDescription:
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
    for name, (is_valid, expected) in _FIELDS.items():
        if name not in content:
            _refuse(path, f"it has no {name}")
        if not is_valid(content[name]):
            _refuse(path, f"{name} must be {expected}, not {reprlib.repr(content[name])}")
    values = {name: content[name] for name in _FIELDS}
    size, shape = math.prod(values["image_shape"]), tuple(values["image_shape"])
    for name, other in (_FEATURES, _FEATURES[::-1]):
        numbers = values[name]
        if numbers is None:
            continue
        if values[other] is None:
            _refuse(path, f"it has {name} without {other}")
        if len(numbers) != size:
            _refuse(path, f"{name} has {len(numbers)} numbers, for inputs of shape {shape}")
        values[name] = np.array(numbers, np.float64)
    return DatasetDescription(
        class_names=tuple(values["class_names"]),
        image_shape=shape,
        scale=float(values["scale"]),
        shift=float(values["shift"]),
        feature_mean=values["feature_mean"],
        feature_deviation=values["feature_deviation"],
    )


def _is_number(value: Any) -> bool:
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def _is_size(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_list(value: Any, is_item: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(is_item, value))


_FEATURES = ("feature_mean", "feature_deviation")
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "class_names": (lambda v: _is_list(v, lambda name: isinstance(name, str)), "a list of names"),
    "image_shape": (lambda v: _is_list(v, _is_size), "a list of whole numbers above 0"),
    "scale": (_is_number, "a finite number"),
    "shift": (_is_number, "a finite number"),
    "feature_mean": (
        lambda v: v is None or _is_list(v, _is_number),
        "null or a list of finite numbers",
    ),
    "feature_deviation": (
        lambda v: v is None or _is_list(v, lambda d: _is_number(d) and d > 0),
        "null or a list of finite numbers above 0",
    ),
}


def _refuse(path: Path, difference: str) -> None:
    raise RunFolderError(f"{path} is damaged: {difference}")
