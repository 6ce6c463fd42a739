"""What TensorBoard shows of a run, as events in its format: curves, histograms and charts."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from lpc_scratch.backend import Array
from lpc_scratch.config import TrainConfig
from lpc_scratch.history import EDGES, History, Row
from lpc_scratch.trainer import Trainer

GROUPS: dict[str, tuple[str, ...]] = {
    "loss": ("loss", "cross_entropy", "penalty"),
    "accuracy": ("train_accuracy", "test_accuracy"),
    "collapse": (
        *("nc1", "cdnv", "equinorm", "equiangular", "max_angle", "etf_distance", "nc3", "nc4"),
    ),
    "binarity": (
        *("gmm_score", "gmm_sigma", "peak_distance", "sign_purity", "same_code"),
        *("distinct_codes", "code_distance", "code_spread"),
    ),
    "latent": ("latent_norm", "latent_entropy"),
    "forces": ("margin", "classifier_norm", "predicted_norm", "norm_bound"),
    "settings": ("gamma", "learning_rate", "seconds"),
}
"""The sections in which TensorBoard shows the columns of `metrics.csv`."""

_KEYS = ("epoch", "member", "seed")  # the columns that are no measurements
_SECTIONS = {column: group for group, columns in GROUPS.items() for column in columns}


def first_events(config: TrainConfig) -> Iterator[Any]:
    """Yield what a file of events begins with: its version, a start, and the charts of several."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog
    from tensorboardX.summary import custom_scalars

    now = time.time()
    yield Event(wall_time=now, file_version="brain.Event:2")
    # At a START, TensorBoard forgets what it has read so far from that step on: all of it.
    yield Event(wall_time=now, step=0, session_log=SessionLog(status=SessionLog.START))
    if len(config.seeds) > 1:
        charts = {
            group: {column: ["Multiline", [f"{group}/{column}/"]] for column in columns}
            for group, columns in GROUPS.items()
        }
        yield Event(wall_time=now, summary=custom_scalars(charts))


def measured_events(
    trainer: Trainer, history: History, rows: Sequence[Row], first: int
) -> Iterator[Any]:
    """Yield an event for every measured epoch, with its curves' points and histograms.

    Parameters
    ----------
    trainer, history : Trainer, History
        The run.
    rows : sequence of dict
        The measurements of these epochs.
    first : int
        Position of the first of them among the history's snapshots.
    """
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary

    rows_of: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        rows_of[row["epoch"]].append(row)
    snapshots, now = history.snapshots, time.time()
    for epoch, counts in zip(snapshots.epochs[first:], snapshots.counts[first:], strict=True):
        values = [
            Summary.Value(tag=_tag(_section(column), trainer.config, row["member"]), simple_value=v)
            for row in rows_of[epoch]
            for column, v in row.items()
            if column not in _KEYS
        ]
        values += [
            Summary.Value(tag=_tag("latent/histogram", trainer.config, member), histo=_histogram(c))
            for member, c in enumerate(counts)
            if c.any()  # those of a network that has diverged are empty
        ]
        # The epochs of a resumed run are as far back as training has taken since.
        ago = trainer.seconds - rows_of[epoch][0]["seconds"] if rows_of[epoch] else 0.0
        yield Event(wall_time=now - ago, step=int(epoch), summary=Summary(value=values))


def network_name(config: TrainConfig, member: int) -> str:
    """Return what tells a network from the others of its run; nothing if it is alone."""
    if len(config.seeds) == 1:
        return ""
    seed = config.seeds[member]
    name = f"seed-{seed}"
    if config.seeds.count(seed) > 1:  # then its gamma tells
        name += f"-gamma-{config.initial_gammas[member]}"
    return name


def _histogram(counts: Array) -> Any:
    """Return the histogram of standardised latent coordinates, (bins,) over EDGES, as a proto.

    Its sums, which TensorBoard does not show, take every value to be in the middle of its bin.
    """
    from tensorboardX.proto.summary_pb2 import HistogramProto

    middles = (EDGES[1:] + EDGES[:-1]) / 2
    return HistogramProto(
        min=EDGES[0],
        max=EDGES[-1],
        num=counts.sum(),
        sum=counts @ middles,
        sum_squares=counts @ middles**2,
        bucket_limit=EDGES[1:],
        bucket=counts,
    )


def _section(column: str) -> str:
    return f"{_SECTIONS.get(column, 'other')}/{column}"


def _tag(name: str, config: TrainConfig, member: int) -> str:
    network = network_name(config, member)
    return f"{name}/{network}" if network else name
