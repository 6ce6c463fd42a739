"""What a step of a network of images costs ours: memory, and time by kind of primitive."""

import multiprocessing
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from benchmarks.images import ImageConfiguration
from benchmarks.peers.our_images import OurImages
from lpc_scratch.nn.layers import walk

_PROFILED = 5  # steps
_KINDS = {
    "conv2d": "convolution",
    "conv2d_weight_gradient": "gradient of W",
    "conv2d_input_gradient": "gradient of x",
    "batch_moments": "batch norm",
    "batch_norm": "batch norm",
    "batch_norm_backward": "batch norm",
    "relu": "ReLU",
    "relu_backward": "ReLU",
}


def peak_memory(configuration: ImageConfiguration) -> int:
    """Return the bytes that a step allocates at its peak: buffers, scratch, what comes and goes.

    In a process of its own, so that none is there already; data, parameters and moments are not
    counted.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_peak_memory, configuration).result()


def _peak_memory(configuration: ImageConfiguration) -> int:
    dataset = configuration.dataset()
    tracemalloc.start()  # sees every array of NumPy, but not the work space of BLAS
    peer = OurImages(configuration, dataset)
    before, _ = tracemalloc.get_traced_memory()
    peer.run(2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - before


class Clock:
    """Primitives that note how long they take."""

    def __init__(self, ops: Any, seconds: dict[str, float]) -> None:
        self._ops, self._seconds = ops, seconds

    def __getattr__(self, name: str) -> Any:
        """Return a primitive with a clock around it."""
        primitive, kind = getattr(self._ops, name), _KINDS.get(name, "the rest")

        def timed(*arguments: Any, **keywords: Any) -> Any:
            started = time.perf_counter()
            result = primitive(*arguments, **keywords)
            passed = time.perf_counter() - started
            self._seconds[kind] = self._seconds.get(kind, 0.0) + passed
            return result

        return timed


def shares(peer: OurImages) -> dict[str, float]:
    """Return which share of a step each kind of primitive takes, on the CPU."""
    seconds: dict[str, float] = {}
    layers = [layer for _, layer in walk(peer.network)]
    before = [layer.ops for layer in layers]
    for layer in layers:
        layer.ops = Clock(layer.ops, seconds)
    started = time.perf_counter()
    peer.run(_PROFILED)
    total = time.perf_counter() - started
    for layer, ops in zip(layers, before, strict=True):
        layer.ops = ops
    found = {kind: seconds.get(kind, 0.0) / total for kind in dict.fromkeys(_KINDS.values())}
    return found | {"the rest": 1 - sum(found.values())}
