"""`load_run`: from a run folder back to the trained network, all of its files checked."""

import reprlib
from itertools import zip_longest
from pathlib import Path

from data_utils import DatasetDescription
from lpc_scratch.backend import get_backend
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import RunFolderError
from lpc_scratch.files.tensors import check_tensors, load_tensors
from lpc_scratch.nn.network import Network
from lpc_scratch.runs import layout
from lpc_scratch.runs.checkpoint import check_image_shape, differences, load_snapshots
from lpc_scratch.runs.config_file import load_config, parse_config
from lpc_scratch.runs.dataset_file import read_dataset_description
from lpc_scratch.runs.metrics_file import read_metrics
from lpc_scratch.runs.run import Run
from lpc_scratch.training.build import make_network
from lpc_scratch.training.result import Row, Snapshots, TrainingResult


def load_run(folder: str | Path, device: str = "cpu") -> Run:
    """Load the run that `python -m lpc_scratch.train` has written to a folder.

    Nothing in the folder is run or unpickled, and nothing is believed unchecked.

    Parameters
    ----------
    folder : str or Path
        The run folder; a run that is still in training, or was interrupted, can be loaded too.
    device : {"cpu", "gpu"}
        Where the network shall live, wherever it was trained.

    Returns
    -------
    Run

    Raises
    ------
    RunFolderError
        If the folder holds no run, or one of its files is missing, damaged, or does not fit the
        others; the message names the file and the difference.
    ConfigError
        If config.yaml is no configuration.
    DeviceError
        If the device cannot be used.
    """
    folder = Path(folder)
    _check_folder(folder)
    config = load_config(folder / layout.CONFIG, TrainConfig)
    description = read_dataset_description(folder / layout.DATASET)
    network, epoch = _load_network(folder / layout.MODEL, config, description, device)
    sizes = (len(config.seeds), len(description.class_names), network.latent_dim)
    rows, snapshots = _load_measurements(folder, config, epoch, sizes)
    result = TrainingResult(config, network, description.class_names, rows, snapshots)
    return Run(
        **vars(description),
        folder=folder,
        config=config,
        network=network,
        result=result,
        epoch=epoch,
    )


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        raise RunFolderError(f"{folder} does not exist: name the folder of a run")
    if not folder.is_dir():
        raise RunFolderError(f"{folder} is a file: name the folder of a run")
    if (folder / layout.CELLS).is_dir():
        raise RunFolderError(
            f"{folder} is an experiment of compare or sweep, which keep no networks: name a folder "
            "that train has written"
        )
    if not (folder / layout.CONFIG).exists():
        raise RunFolderError(f"{folder} holds no run: it has no config.yaml")


def _load_network(
    path: Path, config: TrainConfig, description: DatasetDescription, device: str
) -> tuple[Network, int]:
    """Return the networks of a model file, and the epochs that they were trained for."""
    tensors, text = load_tensors(path)
    try:
        epoch, settings = int(text["epoch"]), str(text["config"])
    except (KeyError, TypeError, ValueError) as error:
        raise RunFolderError(
            f"{path} is no model of a run: its epoch or configuration is missing or damaged"
        ) from error
    trained = parse_config(settings, f"the configuration in {path}", TrainConfig)
    for name, ours, other in differences(trained, config):
        raise RunFolderError(
            f"{path} was trained with {name} {reprlib.repr(ours)}, and config.yaml says "
            f"{reprlib.repr(other)}"
        )
    check_image_shape(path, text, description)
    described = [("classifier.W", -1, description.num_classes, "classes")]
    if not config.takes_images:
        first = "hidden.0.W" if config.hidden else "latent.W"
        described.insert(0, (first, -2, description.num_features, "inputs"))
    for name, axis, size, what in described:
        found = tensors[name].shape if name in tensors else ()
        if len(found) > 1 and found[axis] != size:
            raise RunFolderError(
                f"{path} has {found[axis]} {what} in {name}, and dataset.json describes {size}"
            )
    network = make_network(config, description, get_backend(device))
    parameters = network.named_parameters() | network.named_state()
    check_tensors(path, tensors, parameters)
    for name, parameter in parameters.items():
        parameter[...] = network.backend.to_device(tensors[name])
    return network, epoch


def _load_measurements(
    folder: Path, config: TrainConfig, epoch: int, sizes: tuple[int, int, int]
) -> tuple[list[Row], Snapshots]:
    """Return rows and snapshots up to an epoch; later ones are of a run that was cut off."""
    metrics, latent = folder / layout.METRICS, folder / layout.LATENT
    rows = [row for row in read_metrics(metrics) if row["epoch"] <= epoch]
    snapshots = load_snapshots(latent, epoch, sizes)
    if not snapshots.epochs:
        raise RunFolderError(f"{latent} has no epoch up to {epoch}, that of model.safetensors")
    found = [(row["epoch"], row["member"], row["seed"]) for row in rows]
    expected = [(e, m, seed) for e in snapshots.epochs for m, seed in enumerate(config.seeds)]
    for number, (ours, other) in enumerate(zip_longest(found, expected), start=1):
        if ours != other:
            raise RunFolderError(
                f"{metrics} does not fit {latent.name} and config.yaml: row {number} is "
                f"{_row(ours)}, and should be {_row(other)}"
            )
    return rows, snapshots


def _row(key: tuple[int, int, int] | None) -> str:
    return "missing" if key is None else "epoch {}, member {}, seed {}".format(*key)
