"""Tensors on disk: safetensors files, written so that a crash leaves the old file or the new."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lpc_scratch.backend import Array
from lpc_scratch.errors import RunFolderError
from lpc_scratch.trainer import Trainer

_METADATA = "lpc_scratch"  # the entry of a file's header that holds its text


@contextmanager
def writing(folder: Path, purpose: str = "") -> Iterator[None]:
    """Turn the operating system's refusal to write into a RunFolderError of one sentence."""
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"{folder} cannot be written{purpose} ({error}): make room or name another folder with "
            "--output"
        ) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file beside its place, force it to the disk, and rename it into place."""
    beside = path.with_name(f"{path.name}.partial")
    with open(beside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def save_tensors(
    path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None
) -> None:
    """Write host arrays by name, with text beside them, atomically."""
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    # One entry of JSON: safetensors writes several in an order that changes from run to run.
    text = {_METADATA: json.dumps(dict(metadata or {}))}
    write_atomically(path, save(contiguous, text))


def load_tensors(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Read what `save_tensors` wrote: the arrays by name, and the text.

    Raises
    ------
    RunFolderError
        If the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, json.loads((file.metadata() or {}).get(_METADATA, "{}"))
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise RunFolderError(
            f"{path} cannot be read ({error}): it is missing or damaged"
        ) from error


def save_model(path: Path, trainer: Trainer, metadata: Mapping[str, str]) -> None:
    """Write the network's parameters as `hidden.0.W`, …, `classifier.b`, W as (in, out)."""
    to_host = trainer.backend.to_host
    parameters = trainer.network.named_parameters()
    save_tensors(path, {name: to_host(tensor) for name, tensor in parameters.items()}, metadata)


def save_state(path: Path, trainer: Trainer, epoch: int) -> None:
    """Write all that training goes on from: parameters, optimiser moments and counters."""
    to_host = trainer.backend.to_host
    tensors = {"parameters": to_host(trainer.network.parameters)}
    for name, moment in trainer.optimizer.moments.items():
        tensors[f"optimizer.{name}"] = to_host(moment)
    counters = {"epoch": epoch, "steps": trainer.optimizer.steps, "seconds": trainer.seconds}
    save_tensors(path, tensors, {name: repr(value) for name, value in counters.items()})


def load_state(path: Path, trainer: Trainer) -> int:
    """Put a trainer back to where `save_state` found it; return the completed epochs.

    Raises
    ------
    RunFolderError
        If the file is missing, damaged, or of another network or optimiser.
    """
    tensors, counters = load_tensors(path)
    targets = {"parameters": trainer.network.parameters}
    targets |= {f"optimizer.{n}": moment for n, moment in trainer.optimizer.moments.items()}
    found = {name: (t.shape, t.dtype) for name, t in tensors.items()}
    expected = {name: (t.shape, t.dtype) for name, t in targets.items()}
    if found != expected or not {"epoch", "steps", "seconds"} <= counters.keys():
        raise RunFolderError(f"{path} is the state of another network, and cannot be resumed")
    for name, target in targets.items():
        target[...] = trainer.backend.to_device(tensors[name])
    trainer.optimizer.steps = int(counters["steps"])
    trainer.seconds = float(counters["seconds"])
    return int(counters["epoch"])
