"""A run in memory: the trained network with its history, and what it says of new data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from lpc_scratch.backend import Array
from lpc_scratch.config import TrainConfig
from lpc_scratch.dataset_file import DatasetDescription
from lpc_scratch.history import History
from lpc_scratch.inference import CHUNK
from lpc_scratch.nn.network import Network


@dataclass(frozen=True, eq=False)
class Run(DatasetDescription):
    """A run folder in memory; the trained networks, ready for new data.

    Its methods take inputs x as they are stored in the run's data set: (N, I) or
    (N, *image_shape), pixels as they are, and your own features as they are in your file. They
    compute in chunks, without dropout, and return host arrays. With several seeds, each result
    has a leading axis E.

    Attributes
    ----------
    class_names, image_shape, scale, shift, feature_mean, feature_deviation
        See `DatasetDescription`.
    folder : Path
        Where the run is.
    config : TrainConfig
        Its configuration.
    network : Network
        The network, or the stack of all E of them, on the device that was asked for. It takes
        standardised inputs.
    history : History
        The measurements and snapshots up to the saved network's epoch.
    epoch : int
        Epochs that the saved network was trained for.
    """

    folder: Path
    config: TrainConfig
    network: Network = field(repr=False)
    history: History = field(repr=False)
    epoch: int

    def standardise(self, x: ArrayLike) -> Array:
        """Return what the network is given for inputs as stored.

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
        return self._standardise(self._rows(x))

    def latent(self, x: ArrayLike) -> Array:
        """Return the latent activations (..., N, D) of inputs x as stored, as `standardise`."""
        return self._in_chunks(self.network.embed, x)

    def logits(self, x: ArrayLike) -> Array:
        """Return the logits (..., N, K) of inputs x as stored, as `standardise`."""
        return self._in_chunks(self.network.predict, x)

    def predict(self, x: ArrayLike) -> Array:
        """Return the classes (..., N), as positions in `class_names`, of inputs x as stored."""
        return self.logits(x).argmax(-1)

    def _rows(self, x: ArrayLike) -> Array:
        """Return inputs as an array (N, I), checked."""
        array = np.asarray(x)
        features = prod(self.image_shape)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"inputs must be real numbers, and are {array.dtype}")
        if array.ndim < 2 or array.shape[1:] not in ((features,), self.image_shape):
            shapes = dict.fromkeys((f"(N, {features})", f"(N, {_comma(self.image_shape)})"))
            raise ValueError(f"inputs must be {' or '.join(shapes)}, and are {array.shape}")
        return array.reshape(len(array), features)

    def _standardise(self, x: Array) -> Array:
        if self.feature_mean is not None:
            x = (x - self.feature_mean) / self.feature_deviation  # in float64, as on loading
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            result = np.multiply(x, self.scale, dtype=self.network.dtype)
            result += self.shift
        finite = np.isfinite(result).all(axis=1)
        if not finite.all():
            value = x[~finite][0][~np.isfinite(result[~finite][0])][0]
            raise ValueError(
                f"inputs must be finite numbers in the range of {result.dtype}, and hold {value}"
            )
        return result

    def _in_chunks(self, evaluate: Callable[[Array], Array], x: ArrayLike) -> Array:
        rows, to_host = self._rows(x), self.network.backend.to_host
        starts = range(0, max(len(rows), 1), CHUNK)
        chunks = (self._standardise(rows[start : start + CHUNK]) for start in starts)
        return np.concatenate([to_host(evaluate(chunk)) for chunk in chunks], axis=-2)


def _comma(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))
