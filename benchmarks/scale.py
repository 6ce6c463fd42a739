"""`python -m benchmarks.scale`: how time and memory grow with the network, batch and data.

Along each axis a power law is fitted to the time, to the memory, and to what the arithmetic counts
of either: operations, and bytes of the arrays that a step needs.
"""

import multiprocessing
import sys
import time
import tracemalloc
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tyro
from tqdm import tqdm

from benchmarks import report
from benchmarks.configurations import Configuration, make_dataset
from benchmarks.load import LoadRecord
from benchmarks.machine import describe_machine
from benchmarks.peers.ours import OurPeer
from benchmarks.rows import check_rounds
from benchmarks.timing import interleave
from lpc_scratch.backend import get_backend
from lpc_scratch.commands import command_line
from lpc_scratch.files.markdown import table

_BASE = Configuration(784, (512, 512), 64, 128)
_SAMPLES = 10_000
_AXES: dict[str, list[tuple[int, Configuration, int]]] = {
    "width": [
        (width, replace(_BASE, hidden=(width, width)), _SAMPLES)
        for width in (64, 128, 256, 512, 1024, 2048)
    ],
    "depth": [
        (depth, replace(_BASE, hidden=(512,) * depth), _SAMPLES) for depth in (1, 2, 3, 4, 5)
    ],
    "batch": [
        (batch, replace(_BASE, batch=batch), _SAMPLES) for batch in (16, 64, 256, 1024, 4096)
    ],
    "samples": [(samples, _BASE, samples) for samples in (1_000, 4_000, 15_000, 60_000)],
}


@dataclass(frozen=True)
class ScaleCommand:
    """Time a step and an epoch, and measure memory, along width, depth, batch and samples."""

    rounds: int = 5
    """Timed blocks of each point; the median over them is reported."""
    output: Path = Path("benchmarks/results")
    """Folder of the results."""

    def check(self) -> None:
        """Raise BenchmarkError for values out of range."""
        check_rounds(self.rounds)


@dataclass(frozen=True)
class Point:
    """What one configuration costs.

    Attributes
    ----------
    value : int
        Position on its axis.
    parameters : int
        Weights and biases.
    step_ms : float
        Median time of a step.
    steps : int
        Steps of an epoch.
    epoch_s : float
        Time of one epoch, shuffle included.
    training_mb : float
        Peak of what NumPy allocates for training, data set not counted.
    data_mb : float
        Training set in memory.
    gflop : float
        Operations of an epoch: those of its matrix products, and twelve a parameter for Adam.
    counted_mb : float
        Parameters, gradients and two moments; activations, their gradients, and a minibatch.
    """

    value: int
    parameters: int
    step_ms: float
    steps: int
    epoch_s: float
    training_mb: float
    data_mb: float
    gflop: float
    counted_mb: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    return command_line.run(_run, arguments)


def measure(value: int, configuration: Configuration, samples: int, rounds: int) -> Point:
    """Measure memory, then time; in a process of its own, so that no buffer is there already."""
    dataset = make_dataset(configuration.features, samples)
    tracemalloc.start()  # sees every array of NumPy, but not the work space of BLAS
    peer = OurPeer(configuration, dataset)
    peer.run(2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    timing = interleave({"ours": peer.run}, rounds)["ours"]
    started = time.perf_counter()
    peer.trainer.run_epoch(0)
    epoch = time.perf_counter() - started
    data = dataset.x_train.nbytes + dataset.y_train.nbytes
    parameters, batch = configuration.parameters, configuration.batch
    steps = samples // batch
    operations = (configuration.flops + 12 * parameters) * steps
    outputs = sum(fan_out for _, fan_out in configuration.shapes)
    counted = 4 * (4 * parameters + batch * (configuration.features + 2 * outputs))
    return Point(
        value,
        parameters,
        timing.median * 1e3,
        steps,
        epoch,
        peak / 1e6,
        data / 1e6,
        operations / 1e9,
        counted / 1e6,
    )


def exponent(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return the power of x that y grows with: the least squares slope of log y against log x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def growth(points: Sequence[Point]) -> dict[str, float]:
    """Return the exponents of an axis: of time and memory, and of what is counted for them.

    The time is that of an epoch's steps: the median step, as often as an epoch takes one.
    """
    values = [p.value for p in points]
    measured = {
        "time": [p.step_ms * p.steps for p in points],
        "operations": [p.gflop for p in points],
        "memory": [p.training_mb for p in points],
        "counted memory": [p.counted_mb for p in points],
    }
    return {name: exponent(values, found) for name, found in measured.items()}


def _run(arguments: Sequence[str]) -> None:
    command = tyro.cli(ScaleCommand, prog="python -m benchmarks.scale", args=list(arguments))
    command.check()
    machine = describe_machine(get_backend("cpu"), "benchmarks.scale", arguments)
    load = LoadRecord()
    tasks = [(axis, task) for axis, points in _AXES.items() for task in points]
    axes: dict[str, list[Point]] = {axis: [] for axis in _AXES}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for axis, task in tqdm(tasks, unit="point", disable=None):
            axes[axis].append(pool.submit(measure, *task, command.rounds).result())
    machine |= load.finish()
    exponents = {axis: growth(found) for axis, found in axes.items()}
    results = {
        "machine": machine,
        "base": _BASE.name,
        "samples": _SAMPLES,
        "axes": {axis: [asdict(point) for point in found] for axis, found in axes.items()},
        "exponents": exponents,
    }
    report.write(command.output, "scale", results, _text(machine, axes, exponents))


def _text(
    machine: dict[str, Any], axes: dict[str, list[Point]], exponents: dict[str, dict[str, float]]
) -> str:
    parts = [
        report.heading("How time and memory grow", machine),
        f"Ours in plain NumPy, {_BASE.name}, {_SAMPLES} samples, where the table does not say "
        "otherwise. Memory is the peak of what NumPy allocates for training in a fresh process; "
        "the data set is counted apart.",
    ]
    header = ("parameters", "ms a step", "s an epoch", "MB to train", "MB of data")
    for axis, points in axes.items():
        rows = [
            (p.value, p.parameters, p.step_ms, p.epoch_s, p.training_mb, p.data_mb) for p in points
        ]
        parts.append(table((axis, *header), rows))
    parts.append(
        "Exponents, fitted by least squares to the logarithms over the whole of an axis: of the "
        "time of an epoch's steps and of the operations in it (products, and twelve a parameter "
        "for Adam), of the memory and of what is counted for it (parameters, gradients, two "
        "moments; activations, their gradients, a minibatch):"
    )
    powers = [(axis, *found.values()) for axis, found in exponents.items()]
    parts.append(table(("along", *next(iter(exponents.values()))), powers))
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
