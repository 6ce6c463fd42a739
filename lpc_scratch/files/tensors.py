"""Tensors on disk: safetensors files, written whole.

A file can run no code when it is loaded, and carries the hash of its content.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lpc_scratch.backend import Array
from lpc_scratch.errors import RunFolderError, one_line
from lpc_scratch.files.atomic import write_atomically

_METADATA = "lpc_scratch"  # the entry of a file's header that holds its text
_HASH = "sha256"  # the entry of the text that holds the hash of all else


def save_tensors(
    path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None
) -> None:
    """Write host arrays by name, with text and a hash of both beside them, atomically."""
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    text = dict(metadata or {})
    # One entry of JSON: safetensors writes several in an order that changes from run to run.
    header = {_METADATA: json.dumps(text | {_HASH: content_hash(contiguous, text)})}
    write_atomically(path, save(contiguous, header))


def load_tensors(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Read what `save_tensors` wrote: the arrays by name, and the text.

    Raises
    ------
    RunFolderError
        If the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            text = json.loads((file.metadata() or {})[_METADATA])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if not all(isinstance(value, str) for value in text.values()):
            raise ValueError("its header holds something else than text")
        if text.pop(_HASH) != content_hash(tensors, text):
            raise ValueError("its content is not what was written")
    except _UNREADABLE as error:
        raise RunFolderError(
            f"{path} cannot be read ({one_line(error)}): it is missing or damaged"
        ) from error
    return tensors, text


# What safetensors, json and NumPy raise for damage of one kind or another.
_UNREADABLE = (
    *(OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError),
    *(RecursionError, MemoryError),
)


def check_tensors(path: Path, found: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
    """Raise RunFolderError unless tensors of a file can be copied into those of a run.

    Parameters
    ----------
    path : Path
        Where they were found, for the message.
    found, expected : mapping of str to array
        By name; of the expected ones only dtype and shape matter.
    """
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            _refuse(path, f"it has no tensor {name}")
        if name not in expected:
            _refuse(path, f"it has a tensor {name}, which this run has not")
        old, new = found[name], expected[name]
        if old.dtype != new.dtype:
            _refuse(path, f"its {name} is {old.dtype}, and this run's {new.dtype}")
        if old.shape != new.shape:
            _refuse(path, f"its {name} has shape {old.shape}, and this run's {new.shape}")
        if not np.isfinite(old).all():
            _refuse(path, f"its {name} holds numbers that are not finite")


def content_hash(tensors: Mapping[str, Array], text: Mapping[str, str]) -> str:
    """Return the SHA-256 of C-contiguous host arrays with their names, and of a text."""
    total = hashlib.sha256(json.dumps(text).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name} {tensor.dtype.str} {tensor.shape}".encode())
        total.update(tensor.reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def _refuse(path: Path, difference: str) -> None:
    raise RunFolderError(f"{path} does not fit this run: {difference}")
