"""How much memory a configuration needs, told from its shapes before anything is allocated.

A run that does not fit is otherwise found out late: the system ends the process without a word,
in the middle of training. What is counted here are the arrays that grow with a setting, at the
moment when most of them are there at once. In the shapes E is the number of networks, N and M are
the samples that are trained on and the others, B those of a batch, F features, D latent dimensions,
K classes, and P is the number of parameters of one network.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data_utils import Dataset
from lpc_scratch.backend import Array, get_backend
from lpc_scratch.backend.scratch import PATCHES
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import MemoryLimitError
from lpc_scratch.files import host_memory
from lpc_scratch.metrics.axes import MAX_AXES
from lpc_scratch.metrics.measure import MAX_MIXTURES
from lpc_scratch.nn.inference import chunk_of
from lpc_scratch.nn.layers import Sequential, walk
from lpc_scratch.nn.optim import OPTIMIZERS
from lpc_scratch.training.build import make_parts
from lpc_scratch.training.result import EDGES

_MIXTURE_SAMPLES = 10_000  # most that mixtures are fitted to, the default of `fit_mixtures`
_ENTROPY_SAMPLES = 2000  # most that are compared with one another, that of `latent_entropy`
_WIDE = 8  # bytes of a float64, with which all is measured, and of an int64
_ROW = 4000  # bytes of a row of `result.Row`: a dictionary of some thirty numbers, and its text
_COMPILER = 120 * 2**20  # bytes that numba takes to compile the step of a large network
_LIBRARIES = 20 * 2**20  # bytes that BLAS and scikit-learn take when they are first used


@dataclass(frozen=True)
class RequiredMemory:
    """Memory that a configuration takes at its peak.

    Attributes
    ----------
    host : int
        Bytes on the host, besides the data set.
    device : int
        Bytes on the GPU, with the data set; 0 where arrays live on the host.
    """

    host: int
    device: int

    def __str__(self) -> str:
        host = f"{format_bytes(self.host)} of memory"
        return f"{format_bytes(self.device)} of GPU memory and {host}" if self.device else host


def check_memory(config: TrainConfig, dataset: Dataset) -> RequiredMemory:
    """Return what a configuration needs, if that much memory is there.

    Raises
    ------
    MemoryLimitError
        If it is not; the message names both amounts and the way out.
    DeviceError
        If the configuration's device cannot be used.
    """
    required = required_memory(config, dataset)
    of_device = get_backend(config.device).free_memory or host_memory.free_memory
    for kind, needed, free_memory in (
        ("GPU memory", required.device, of_device),
        ("memory", required.host, host_memory.free_memory),
    ):
        available = free_memory() if needed else 0
        if needed > available:
            fewer = ", or fewer seeds" if len(config.seeds) > 1 else ""
            smaller = "fewer channels" if config.takes_images else "smaller hidden layers"
            raise MemoryLimitError(
                f"this configuration needs about {format_bytes(needed)} of {kind} and "
                f"{format_bytes(available)} are available: use {smaller}, a smaller latent_dim or "
                f"batch_size{fewer}"
            )
    return required


def required_memory(config: TrainConfig, dataset: Dataset) -> RequiredMemory:
    """Estimate the memory of training, measuring and saving; allocate nothing.

    From some 100 MB on it is between 0.8 and 1.5 of what is taken: temporaries of a few numbers
    are not counted, and what one part of a run gives back is not all of use to the next.
    """
    E, N = len(config.seeds), len(dataset.x_train)
    others = [x for x in (dataset.x_test, dataset.x_validation) if x is not None]
    M = sum(map(len, others))
    B, F, K = min(config.batch_size, N), dataset.num_features, dataset.num_classes
    network = make_shapes(config, dataset)
    weights = [getattr(layer, n) for _, layer in walk(network) for n in layer.parameter_names]
    widest = network.widest((F,))
    P, D = sum(weight.size for weight in weights), weights[-2].shape[-2]  # of the classifier
    size = np.dtype(config.dtype).itemsize

    # Training keeps this from its first step on.
    parameters = E * P * size  # (E, P)
    moments = E * size * _moments(config, weights)
    vectors = 2 * parameters + moments  # the gradients are as many as the parameters
    gathered = size if dataset.feature_mean is not None else dataset.x_train.itemsize
    batch = E * B * (F * (gathered + size) + 2 * _WIDE)  # as they lie on the device, scaled; labels
    kept = network.numbers_kept((F,)) - F  # the first layer needs no dx
    layers = E * B * (kept + D + K) * size  # and the gradients of penalty and loss
    slopes = E * B * widest * (1 if config.activation == "relu" else size)  # of one layer
    buffers = batch + layers + slopes
    # Features of one's own are standardised once, into a copy.
    standardised = 0 if dataset.feature_mean is None else (N + M) * F * size

    # The rest comes and goes; of these, the largest counts.
    drawn = E * max(weight.size for weight in weights) * (2 * _WIDE + size)  # in float64
    orders = 2 * E * N * _WIDE  # (E, N), and the rows that it is stacked from
    rows = min(chunk_of(widest), max(N, M))
    at_once = 3 if config.backbone == "resnet" else 2  # of the layers; a block's input is the third
    chunk = rows * (F + at_once * E * widest) * size
    latent_and_logits = E * (D + K) * size  # of one sample
    inference = chunk + latent_and_logits * max(2 * N, N + 2 * M)  # the chunks', and all together

    latents = E * N * D * _WIDE  # (E, N, D)
    forces = N * (D + 2 * K) * _WIDE  # gradients (N, D), (N, K), and logits (N, K) of one network
    groups = N * (D + 4) * _WIDE  # deviations from the class means (N, D), classes one-hot, sparse
    fitted = min(D, MAX_MIXTURES) * _WIDE  # coordinates of one sample
    metric = max(
        N * D * _WIDE,  # signs as numbers (N, D)
        fitted * (N + 4 * min(N, _MIXTURE_SAMPLES)),  # the coordinates, and some, sorted and scaled
        min(N, _ENTROPY_SAMPLES) ** 2 * 3 * _WIDE // 2,  # distances between samples, and their half
        4 * K * K * _WIDE,  # products of two classes, and what is compared with them
        3 * D * min(D, MAX_AXES) * _WIDE,  # a random basis, and what it is made from
    )
    measuring = latents + latent_and_logits * (N + M) + forces + groups + metric
    histogram = latents + 4 * N * D * _WIDE  # standardised, clipped, and on the way to it
    saved = parameters + moments
    saving = latents + 2 * saved  # as the bytes of a file, and while safetensors copies these

    # What was measured grows; it is kept, stacked and written.
    measurements = E * (2 + config.epochs // config.evaluate_every)
    measured = measurements * (_ROW + 3 * (len(EDGES) + K * D) * _WIDE)

    if config.device == "cpu":
        compiler = _COMPILER if get_backend("cpu").ops.compiles(E * P) else 0
        throughout = standardised + vectors + buffers + compiler
        later = throughout + max(orders, inference, measuring, histogram, saving)
        return RequiredMemory(_with_losses(measured + max(parameters + drawn, later)), 0)
    data = standardised or dataset.x_train.nbytes + sum(x.nbytes for x in others)
    data += dataset.y_train.nbytes
    # The patches of 3 x 3 kernels are nine times the images; on a CPU few exist at once.
    patches = min(PATCHES, 9 * E * B * widest * size) if config.takes_images else 0
    device = data + orders + max(4 * parameters, vectors + buffers + patches + inference)
    host = measured + max(drawn, orders, measuring, histogram, saving + saved)
    return RequiredMemory(_with_losses(host), _with_losses(device))


def make_shapes(config: TrainConfig, dataset: Dataset) -> Sequential:
    """Return the layers of one network of a configuration, whose arrays take no memory.

    Raises ConfigError if the backbone cannot take such inputs.
    """
    backend = replace(get_backend("cpu"), xp=_Shapes)
    return Sequential(make_parts(config, dataset, backend))


def _moments(config: TrainConfig, weights: list[Array]) -> int:
    """Return how many numbers the optimisers of one network keep besides its parameters."""
    own = sum(weight.size for weight in weights[-2:])  # of the classifier
    rest = sum(weight.size for weight in weights[:-2])
    parts = ((config.optimizer, rest), (config.classifier_kind, own))
    return sum(len(OPTIMIZERS[kind].moment_names) * n for kind, n in parts if kind != "none")


class _Shapes:
    """An array module for shapes: what it makes is one zero, seen from everywhere."""

    @staticmethod
    def zeros(shape: tuple[int, ...], dtype: Any) -> Array:
        return np.broadcast_to(np.zeros((), dtype), shape)

    @staticmethod
    def zeros_like(array: Array) -> Array:
        return array


def _with_losses(count: int) -> int:
    """Add what allocating so many bytes in pieces loses, and what libraries take."""
    return count * 11 // 10 + _LIBRARIES


def format_bytes(count: float) -> str:
    """Return a number of bytes in words: "1.5 GiB"."""
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024:
            return f"{count:.{0 if unit == 'bytes' else 1}f} {unit}"
        count /= 1024
    return f"{count:,.1f} PiB"
