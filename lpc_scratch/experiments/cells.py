"""A cell: one network of an experiment. Cells that differ in seed and gamma train together."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from data_utils import Dataset, DatasetError
from lpc_scratch.backend import Array, get_backend
from lpc_scratch.backend.threads import single_blas_thread
from lpc_scratch.config import SETTINGS, TrainConfig
from lpc_scratch.errors import (
    GrowingGammaWarning,
    LPCError,
    NoKernelWarning,
    TrivialCollapseWarning,
    one_line,
)
from lpc_scratch.experiments.portrait import ARRAYS, CORRECT, portray
from lpc_scratch.nn.inference import latent_and_logits
from lpc_scratch.runs.environment import describe_environment
from lpc_scratch.runs.memory import check_memory
from lpc_scratch.training import load_configured_dataset, train
from lpc_scratch.training.result import COLUMNS, Row, TrainingResult
from lpc_scratch.version import __version__

Status = Literal["finished", "diverged", "failed"]


@dataclass(frozen=True, eq=False)
class Result:
    """What came of one cell.

    Attributes
    ----------
    config : the complete settings, with one seed
    status : whether training reached its last epoch, its loss became infinite or nan, or it could
        not be run at all (memory, data)
    message : one sentence on what went wrong; empty for a finished cell
    rows : the measurements, by the names of `result.COLUMNS`; up to the divergence, if any
    class_names : one for each of the C classes
    arrays : those of `portrait.portray`, by name, and `portrait.CORRECT`, which cells of earlier
        versions lack; empty unless the cell is finished
    environment : where it ran; see `environment.describe_environment`
    samples : size of the training set; 0 where it is not known, as of cells of version 0.1.0
    """

    config: TrainConfig
    status: Status
    message: str = ""
    rows: list[Row] = field(default_factory=list)
    class_names: tuple[str, ...] = ()
    arrays: dict[str, Array] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    samples: int = 0

    @property
    def finished(self) -> bool:
        """Whether training reached its last epoch."""
        return self.status == "finished"


def interface() -> str:
    """Return what two machines must agree on to exchange cells and results."""
    return hashlib.sha256(
        repr((__version__, [*SETTINGS], COLUMNS, ARRAYS, CORRECT)).encode()
    ).hexdigest()


def train_together(configs: Sequence[TrainConfig]) -> list[Result]:
    """Train cells that differ in seed and gamma only, as one stack of networks.

    On the CPU the bits do not depend on what is trained together, nor on the number of threads:
    BLAS is held to one. Each has one seed, and no ``gammas``. Returns their results in order. A
    cell that diverges does not stop the others; any other error is reported as the failure of all.
    """
    seeds = tuple(config.seeds[0] for config in configs)
    gammas = tuple(config.gamma for config in configs)
    stack = replace(configs[0], seeds=seeds, gammas=gammas)
    try:
        with single_blas_thread(), warnings.catch_warnings():
            for said_by_table in (TrivialCollapseWarning, GrowingGammaWarning):
                warnings.simplefilter("ignore", said_by_table)
            warnings.simplefilter("ignore", NoKernelWarning)  # for each stack of networks again
            dataset = load_data(data_settings(configs[0]))
            check_memory(stack, dataset)
            result = train(stack, dataset, keep_going=True)
            portraits = _portraits(result, dataset)
        size = result.network.parameters.size
        environment = describe_environment(get_backend(stack.device), size)
    except Exception as error:  # whatever it is, the other cells of the experiment go on
        return failures(configs, error)
    return [
        Result(
            config,
            "diverged" if member in result.diverged else "finished",
            result.diverged.get(member, ""),
            [row | {"member": 0} for row in result.rows if row["member"] == member],
            result.class_names,
            portraits.get(member, {}),
            environment,
            len(dataset.y_train),
        )
        for member, config in enumerate(configs)
    ]


def failures(configs: Sequence[TrainConfig], error: Exception) -> list[Result]:
    """Return the results of cells that an error has kept from being trained."""
    named = isinstance(error, (LPCError, DatasetError))
    message = one_line(error) if named else f"{type(error).__name__}: {one_line(error)}"
    return [Result(config, "failed", message) for config in configs]


def _portraits(result: TrainingResult, dataset: Dataset) -> dict[int, dict[str, Array]]:
    """Return the final latent layer of every member that has not diverged, and what it can."""
    network = result.network
    latent, _ = latent_and_logits(network, dataset.x_train)
    _, logits = latent_and_logits(network, dataset.x_test)
    members = len(result.config.seeds)
    latents = network.backend.to_host(latent).reshape(members, *latent.shape[-2:])
    predicted = network.backend.to_host(logits).reshape(members, *logits.shape[-2:]).argmax(-1)
    return {
        member: portray(latents[member].astype("f8"), dataset.y_train)
        | {CORRECT: predicted[member] == dataset.y_test}
        for member in range(members)
        if member not in result.diverged
    }


def data_settings(config: TrainConfig) -> TrainConfig:
    """Return a configuration that says what the data are, and is else the default."""
    return _only(config, [name for name, facts in SETTINGS.items() if facts.role == "data"])


def network_settings(config: TrainConfig) -> TrainConfig:
    """Return a configuration that says what a network of which data is, and is else the default.

    Crop and flip are part of it: they are layers, and not every input can be cropped.
    """
    of_network = [name for name, facts in SETTINGS.items() if facts.role in ("data", "model")]
    return _only(config, [*of_network, "crop", "flip"])


def _only(config: TrainConfig, names: Sequence[str]) -> TrainConfig:
    """Return a configuration with some of another's settings, and the others' defaults."""
    return TrainConfig(**{name: getattr(config, name) for name in names})


@lru_cache(maxsize=1)
def load_data(data: TrainConfig) -> Dataset:
    """Load what `data_settings` describe, or return it where it is what was loaded last.

    Raises DatasetError if the data cannot be had.
    """
    return load_configured_dataset(data, progress=False)
