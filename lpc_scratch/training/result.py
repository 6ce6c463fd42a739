"""What a training run measures: a table of metrics, and snapshots of the latent layer."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lpc_scratch.backend import Array
from lpc_scratch.config import TrainConfig
from lpc_scratch.metrics import class_means
from lpc_scratch.metrics.registry import METRICS
from lpc_scratch.nn.network import Network
from lpc_scratch.training.stopwatch import Stopwatch

KEYS = ("epoch", "member", "seed")
"""Columns of `metrics.csv` that say of which network and when a row is."""

COLUMNS = (*KEYS, *(metric.name for metric in METRICS))
"""Columns of `metrics.csv`, in order."""

Row = dict[str, Any]
"""One member at one epoch, by the names of COLUMNS."""

ADDED = COLUMNS[COLUMNS.index("seconds") + 1 :]
"""Columns that rows of version 0.1.0, and the last of them later rows too, do not have."""

EDGES = np.linspace(-3, 3, 121)
"""Bin edges of the latent histograms, in standard deviations of a coordinate."""


@dataclass
class Snapshots:
    """The latent layer at every measured epoch, for T epochs and E members.

    Attributes
    ----------
    epochs : list of int, length T
        Completed epochs.
    counts : list of int64 array (E, bins)
        Histogram over EDGES of all latent coordinates, each standardised; values outside
        count in the outermost bins.
    class_means : list of float64 array (E, C, D)
        Mean latent point of each class; nan for a network that has diverged.
    classifier_initial : array (E, D, K) or None
        Weight of the output layer before training; None in runs of version 0.1.0.
    """

    epochs: list[int] = field(default_factory=list)
    counts: list[Array] = field(default_factory=list)
    class_means: list[Array] = field(default_factory=list)
    classifier_initial: Array | None = None

    def record(self, epoch: int, latents: Array, labels: Array) -> None:
        """Add the latents (E, N, D) of the samples with labels (N,)."""
        self.epochs.append(epoch)
        self.counts.append(np.stack([_histogram(latent) for latent in latents]))
        self.class_means.append(np.stack([_class_means(latent, labels) for latent in latents]))

    def to_arrays(self) -> dict[str, Array]:
        """Return `epochs` (T,), `edges`, `counts` (T, E, bins), `class_means` (T, E, C, D).

        And `classifier_initial`, where it is known.
        """
        arrays = {
            "epochs": np.array(self.epochs),
            "edges": EDGES,
            "counts": np.stack(self.counts),
            "class_means": np.stack(self.class_means),
        }
        if self.classifier_initial is not None:
            arrays["classifier_initial"] = self.classifier_initial
        return arrays


@dataclass
class TrainingResult:
    """The result of `lpc_scratch.training.train`.

    Attributes
    ----------
    config : TrainConfig
        The complete configuration.
    network : Network
        The trained network, or the stack of them.
    class_names : tuple of str
        Names of the classes.
    rows : list of dict
        The measurements: one row for each measured epoch and member, by the names of COLUMNS.
    snapshots : Snapshots
        The latent layer at every measured epoch.
    diverged : dict of int to str
        What happened to members that diverged, by their position; they have no later rows.
    watch : Stopwatch
        How long training, measuring and saving took.
    """

    config: TrainConfig
    network: Network
    class_names: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    snapshots: Snapshots = field(default_factory=Snapshots)
    diverged: dict[int, str] = field(default_factory=dict)
    watch: Stopwatch = field(default_factory=Stopwatch)

    def column(self, name: str, member: int = 0) -> Array:
        """Return one column of one member over the T measured epochs, (T,)."""
        return np.array([row[name] for row in self.rows if row["member"] == member])


def with_all_columns(row: Row) -> Row:
    """Return a row in the order of COLUMNS, with nan for what an older version did not measure.

    That is ADDED, and in rows of 0.1.0 `predicted_norm`, which was another quantity: the norm at
    which the measured forces would balance. Raises KeyError for a row that lacks more.
    """
    if ADDED[0] not in row:
        row = row | {"predicted_norm": math.nan}
    row = dict.fromkeys(ADDED, math.nan) | row
    return {name: row[name] for name in COLUMNS}


def _class_means(latent: Array, labels: Array) -> Array:
    if np.isfinite(latent).all():
        return class_means(latent, labels)
    return np.full((len(np.unique(labels)), latent.shape[1]), np.nan)


def _histogram(latent: Array) -> Array:
    """Count all coordinates of a latent (N, D), each standardised; constants are left out."""
    latent = latent[:, np.isfinite(latent).all(axis=0)]  # those of a diverged network are not
    deviation = latent.std(axis=0)
    varying = deviation > 0
    z = (latent[:, varying] - latent[:, varying].mean(axis=0)) / deviation[varying]
    # A number of bins, not their edges: those would be searched, which takes five times as long.
    limits = float(EDGES[0]), float(EDGES[-1])
    return np.histogram(np.clip(z, *limits), len(EDGES) - 1, limits)[0]
