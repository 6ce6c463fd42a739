"""The state of a training run on disk: what is saved, and what a saved one must fit to go on.

Nothing is believed that was not checked: a checkpoint must be of the same settings and data as
the run that it is loaded into, and all its numbers finite.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data_utils import DatasetDescription
from lpc_scratch.backend import Array
from lpc_scratch.config import SETTINGS, TrainConfig
from lpc_scratch.errors import RunFolderError, one_line
from lpc_scratch.files.tensors import check_tensors, load_tensors, save_tensors
from lpc_scratch.runs.config_file import dump_config, parse_config
from lpc_scratch.runs.dataset_file import fingerprint, has_fingerprint, may_be_same
from lpc_scratch.training.result import EDGES, Snapshots
from lpc_scratch.training.trainer import Trainer


def check_settings(what: str, stored: TrainConfig, config: TrainConfig) -> None:
    """Raise RunFolderError unless what was trained with one configuration may go on with another.

    `what` was trained, for the message: "the run in runs/mine".
    """
    for name, old, new in differences(stored, config):
        raise RunFolderError(f"{what} has {name} {old!r} and cannot be resumed with {new!r}")
    if stored.learning_rate_schedule == "cosine" and stored.epochs != config.epochs:
        raise RunFolderError(
            f"{what} cannot be resumed with epochs {config.epochs} in place of {stored.epochs}: "
            "its cosine schedule depends on them"
        )


def differences(one: TrainConfig, other: TrainConfig) -> Iterator[tuple[str, Any, Any]]:
    """Yield name and values of every setting that must be the same in one run, and is not."""
    one, other = one.with_learning_rates(), other.with_learning_rates()
    for name, facts in SETTINGS.items():
        a, b = getattr(one, name), getattr(other, name)
        if a != b and not facts.on_resume and not (name == "dataset" and may_be_same(a, b)):
            yield name, a, b


def save_model(path: Path, trainer: Trainer, epoch: int) -> None:
    """Write the network's parameters as `hidden.0.W`, …, `classifier.b`, W as (in, out)."""
    to_host = trainer.backend.to_host
    parameters = trainer.network.named_parameters() | trainer.network.named_state()
    metadata = {"epoch": str(epoch), "config": dump_config(trainer.config)}
    metadata["image_shape"] = str(trainer.dataset.image_shape)
    save_tensors(path, {name: to_host(tensor) for name, tensor in parameters.items()}, metadata)


def save_state(path: Path, trainer: Trainer, epoch: int) -> None:
    """Write all that training goes on from: parameters, optimiser moments and counters."""
    to_host = trainer.backend.to_host
    tensors = {name: to_host(tensor) for name, tensor in _state(trainer).items()}
    counters = {"epoch": epoch, "steps": trainer.optimizer.steps, "seconds": trainer.seconds}
    text = {name: repr(value) for name, value in counters.items()}
    text |= {"config": dump_config(trainer.config), "data": fingerprint(trainer.dataset)}
    text["image_shape"] = str(trainer.dataset.image_shape)
    save_tensors(path, tensors, text)


def load_state(path: Path, trainer: Trainer) -> int:
    """Put a trainer back to where `save_state` found it; return the completed epochs.

    Nothing of the trainer is changed unless all of it fits.

    Raises
    ------
    RunFolderError
        If the file is missing, damaged, or of another configuration, network or data set; the
        message names the first difference.
    """
    tensors, text = load_tensors(path)
    try:
        epoch, steps, seconds = int(text["epoch"]), int(text["steps"]), float(text["seconds"])
        settings, data = text["config"], text["data"]
        if min(epoch, steps, seconds) < 0 or not math.isfinite(seconds):
            raise ValueError(f"epoch {epoch}, steps {steps}, seconds {seconds}")
    except (KeyError, TypeError, ValueError) as error:
        raise RunFolderError(
            f"{path} is no checkpoint of this version ({one_line(error)})"
        ) from error
    check_settings(str(path), parse_config(settings, str(path), TrainConfig), trainer.config)
    if not has_fingerprint(trainer.dataset, data):
        raise RunFolderError(
            f"{path} is of a run on other data than {trainer.dataset.name} is now: say with "
            "--dataset or --data-dir where those are that it was trained on"
        )
    check_image_shape(path, text, trainer.dataset)
    check_tensors(path, tensors, _state(trainer))
    if steps != epoch * trainer.steps_per_epoch:
        raise RunFolderError(
            f"{path} has taken {steps} steps in {epoch} epochs, and this run takes "
            f"{trainer.steps_per_epoch} in each"
        )
    for name, target in _state(trainer).items():
        target[...] = trainer.backend.to_device(tensors[name])
    trainer.optimizer.steps, trainer.seconds = steps, seconds
    return epoch


def check_image_shape(path: Path, text: dict[str, Any], data: DatasetDescription) -> None:
    """Raise RunFolderError unless what a file holds was trained on inputs of the shape of data's.

    Their rows tell nothing of it, and convolutions depend on it. Version 0.1.0 did not keep it.
    """
    trained, shape = text.get("image_shape"), str(data.image_shape)
    if trained not in (None, shape):
        raise RunFolderError(
            f"{path} was trained on inputs of the shape {trained}, and the data have {shape}"
        )


def load_snapshots(path: Path, last_epoch: int, sizes: tuple[int, int, int]) -> Snapshots:
    """Read the snapshots of the latent layer up to and with an epoch.

    `sizes` are the numbers of networks, classes and latent dimensions that they must be of. Version
    0.1.0 did not keep the initial classifier; all else must be there.

    Raises
    ------
    RunFolderError
        If the file is missing, damaged or of other networks.
    """
    tensors, _ = load_tensors(path)
    forms = {"epochs": (1, "i"), "edges": (1, "f"), "counts": (3, "i"), "class_means": (4, "f")}
    initial = tensors.get("classifier_initial")
    optional = {} if initial is None else {"classifier_initial": (3, "f")}
    found = {name: (array.ndim, array.dtype.kind) for name, array in tensors.items()}
    if found != forms | optional:
        raise RunFolderError(
            f"{path} is damaged (it holds no {', '.join(forms)} of a training run)"
        )
    counts, means = tensors["counts"], tensors["class_means"]
    if not np.array_equal(tensors["edges"], EDGES) or (counts < 0).any():
        raise RunFolderError(f"{path} is damaged (its histograms are not those of a training run)")
    epochs, bins = len(tensors["epochs"]), len(EDGES) - 1
    members, classes, latent_dim = sizes
    shapes = {
        "counts": (epochs, members, bins),
        "class_means": (epochs, *sizes),
        "classifier_initial": (members, latent_dim, classes),
    }
    for name, expected in shapes.items():
        shape = tensors[name].shape if name in tensors else expected
        if shape != expected:
            raise RunFolderError(
                f"{path} does not fit this run: its {name} are {shape}, and should be {expected}"
            )
    for name in ("class_means", *optional):
        if not np.isfinite(tensors[name]).all():
            raise RunFolderError(f"{path} does not fit this run: its {name} are not finite")
    kept = int(np.sum(tensors["epochs"] <= last_epoch))
    known = tensors["epochs"][:kept].tolist(), list(counts[:kept]), list(means[:kept])
    return Snapshots(*known, initial)


def _state(trainer: Trainer) -> dict[str, Array]:
    """Return the arrays that training changes, by name."""
    moments, state = trainer.optimizer.moments, trainer.network.named_state()
    return {
        "parameters": trainer.network.parameters,
        **{f"optimizer.{name}": moment for name, moment in moments.items()},
        **{f"state.{name}": array for name, array in state.items()},
    }
