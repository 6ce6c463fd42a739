"""A run under examination: its networks, its data, and the sample of them that is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_utils import Dataset
from lpc_scratch.backend import Array, Device
from lpc_scratch.errors import ConfigError
from lpc_scratch.runs.load import load_run
from lpc_scratch.runs.run import Run


@dataclass(frozen=True, eq=False)
class Subject:
    """A run with the data that it was trained on.

    Attributes
    ----------
    label : what the run is called in tables and figures
    run : its networks, E of them
    dataset : its data
    x, y : the sample of the test set that is looked at, (M, I) as stored and (M,)
    """

    label: str
    run: Run
    dataset: Dataset
    x: Array
    y: Array

    @property
    def members(self) -> int:
        """E, the number of networks."""
        return len(self.run.config.seeds)

    def logits(self, x: Array) -> Array:
        """Return the logits (E, N, K) of inputs as stored, in float64."""
        return self._by_member(self.run.logits(x))

    def latent(self, x: Array) -> Array:
        """Return the latent activations (E, N, D) of inputs as stored, in float64."""
        return self._by_member(self.run.latent(x))

    def _by_member(self, array: Array) -> Array:
        return array.reshape(self.members, *array.shape[-2:]).astype(np.float64)


def accuracy(logits: Array, labels: Array) -> Array:
    """Return the share (E,) of samples that logits (..., N, K) classify as labelled (N,)."""
    return np.atleast_1d(np.mean(logits.argmax(-1) == labels, axis=-1))


def load_subjects(
    folders: Sequence[Path],
    samples: int,
    seed: int,
    device: Device,
    data_dir: Path | None = None,
    dataset: str | None = None,
) -> list[Subject]:
    """Load runs with their data.

    At most so many `samples` of the test set are looked at, the same for all runs of a data set;
    `seed` decides which. `device` is where the networks live, and where some are trained anew. The
    data are looked for in `data_dir` first, and the user's own in `dataset`; by default where the
    runs had them.

    Raises RunFolderError, ConfigError, DeviceError or DatasetError if a run or its data cannot be
    had, or the data are no longer those of the run.
    """
    runs = [load_run(folder, device) for folder in folders]
    subjects = []
    for label, run in zip(_labels(runs), runs, strict=True):
        data = run.load_dataset(dataset, data_dir)
        chosen = np.random.default_rng(seed).permutation(len(data.x_test))[:samples]
        here = replace(run, config=replace(run.config, device=device))
        subjects.append(Subject(label, here, data, data.x_test[chosen], data.y_test[chosen]))
    return subjects


def _labels(runs: Sequence[Run]) -> list[str]:
    """Return the shortest names that tell runs apart: the architecture, or that of the folder."""
    folders = [run.folder.resolve() for run in runs]
    if len(set(folders)) < len(folders):
        raise ConfigError("a run is named twice: name each once")
    architectures = [str(run.config.architecture) for run in runs]
    datasets = [run.config.dataset for run in runs]
    candidates = (
        architectures,
        [f"{data} {kind}" for data, kind in zip(datasets, architectures, strict=True)],
        [folder.name for folder in folders],
    )
    return next(
        (names for names in candidates if len(set(names)) == len(runs)), [str(f) for f in folders]
    )
