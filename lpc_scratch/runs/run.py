"""A run in memory: the trained network with its result, and what it says of new data."""

import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from data_utils import Dataset, DatasetError
from lpc_scratch.backend import Array
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import RunFolderError, UncheckedDataWarning
from lpc_scratch.files.tensors import load_tensors
from lpc_scratch.nn.inference import latent_and_logits, standardised
from lpc_scratch.nn.network import Network
from lpc_scratch.runs import layout
from lpc_scratch.runs.dataset_file import RecordedDataset, has_fingerprint, lost_dataset
from lpc_scratch.training import load_configured_dataset
from lpc_scratch.training.result import TrainingResult


@dataclass(frozen=True, eq=False, kw_only=True)
class Run(RecordedDataset):
    """A run folder in memory; the trained networks, ready for new data.

    Its methods take inputs x as they are stored in the run's data set: (N, I) or
    (N, *image_shape), pixels as they are, and your own features as they are in your file. They
    compute in chunks, without dropout, and return host arrays. With several seeds, each result
    has a leading axis E.

    Attributes
    ----------
    class_names, image_shape, scale, shift, feature_mean, feature_deviation, fingerprint
        See `RecordedDataset`.
    folder : Path
        Where the run is.
    config : TrainConfig
        Its configuration.
    network : Network
        The network, or the stack of all E of them, on the device that was asked for.
    result : TrainingResult
        The measurements and snapshots up to the saved network's epoch.
    epoch : int
        Epochs that the saved network was trained for.
    """

    folder: Path
    config: TrainConfig
    network: Network = field(repr=False)
    result: TrainingResult = field(repr=False)
    epoch: int

    def load_dataset(self, dataset: str | None = None, data_dir: Path | None = None) -> Dataset:
        """Load the data that the run was trained on, and check that they are still the same.

        Parameters
        ----------
        dataset : str, optional
            Where the user's own data are now; by default where they were.
        data_dir : Path, optional
            Folder that is looked in first for the files of a known data set; by default the one of
            the configuration.

        Raises
        ------
        RunFolderError
            If they cannot be loaded, or are other data than those that the run was trained on.

        Warns
        -----
        UncheckedDataWarning
            If the run holds no fingerprint of its data, by which they could be checked.
        """
        config = replace(
            self.config,
            dataset=dataset or self.config.dataset,
            data_dir=data_dir or self.config.data_dir,
        )
        try:
            found = load_configured_dataset(config)
        except DatasetError as error:
            raise lost_dataset(str(self.folder), self.config.dataset, error) from error
        self._check_dataset(found)
        return found

    def standardise(self, x: ArrayLike) -> Array:
        """Return what the network computes with for inputs as stored.

        Parameters
        ----------
        x : array-like (N, I) or (N, *image_shape)
            Real numbers of any dtype.

        Returns
        -------
        host array (N, I) of the network's dtype

        Raises
        ------
        ValueError
            For another shape, or what is no finite real number.
        """
        return self.network.backend.to_host(standardised(self.network, self._rows(x)))

    def latent(self, x: ArrayLike) -> Array:
        """Return the latent activations (..., N, D) of inputs x as stored, as `standardise`."""
        return self._evaluate(x)[0]

    def logits(self, x: ArrayLike) -> Array:
        """Return the logits (..., N, K) of inputs x as stored, as `standardise`."""
        return self._evaluate(x)[1]

    def predict(self, x: ArrayLike) -> Array:
        """Return the classes (..., N), as positions in `class_names`, of inputs x as stored."""
        return self.logits(x).argmax(-1)

    def _evaluate(self, x: ArrayLike) -> tuple[Array, Array]:
        latent, logits = latent_and_logits(self.network, self._rows(x))
        to_host = self.network.backend.to_host
        return to_host(latent), to_host(logits)

    def _rows(self, x: ArrayLike) -> Array:
        """Return inputs as an array (N, I), checked for their shape."""
        array = np.asarray(x)
        features = self.num_features
        if array.dtype.kind not in "biuf":
            raise ValueError(f"inputs must be real numbers, and are {array.dtype}")
        if array.ndim < 2 or array.shape[1:] not in ((features,), self.image_shape):
            shapes = dict.fromkeys((f"(N, {features})", f"(N, {_comma(self.image_shape)})"))
            raise ValueError(f"inputs must be {' or '.join(shapes)}, and are {array.shape}")
        return array.reshape(len(array), features)

    def _check_dataset(self, found: Dataset) -> None:
        """Raise RunFolderError unless data are those of the run."""
        if (found.image_shape, found.class_names) != (self.image_shape, self.class_names):
            raise RunFolderError(
                f"{self.folder} was trained on inputs of shape {self.image_shape} and "
                f"{self.num_classes} classes, and {found.name} now has {found.image_shape} and "
                f"{found.num_classes}: supply the data that it was trained on"
            )
        recorded = self.fingerprint or self._former_fingerprint()
        if recorded is None:
            warnings.warn(
                f"{self.folder} holds no fingerprint of its data: whether {found.name} is still "
                "what it was trained on cannot be checked",
                UncheckedDataWarning,
                stacklevel=3,
            )
        elif not has_fingerprint(found, recorded):
            raise RunFolderError(
                f"{self.folder} was trained on other data than {found.name} is now (its inputs or "
                "labels have changed): supply those that it was trained on, or train again"
            )

    def _former_fingerprint(self) -> str | None:
        """Return what version 0.1.0 kept in the checkpoint alone, if there is one."""
        checkpoint = self.folder / layout.CHECKPOINT
        return load_tensors(checkpoint)[1].get("data") if checkpoint.exists() else None


def _comma(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))
