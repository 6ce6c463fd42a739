"""One network of a run as plain arrays, for NumPy, and what all exports read of it."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from lpc_scratch.backend import Array
from lpc_scratch.errors import ConfigError
from lpc_scratch.files.atomic import write_atomically
from lpc_scratch.nn.layers import (
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Images,
    Layer,
    Linear,
    MaxPool2d,
    RandomCrop,
    RandomFlip,
    ReLU,
    Residual,
    Sequential,
    SiLU,
    Tanh,
    walk,
)
from lpc_scratch.nn.network import Network
from lpc_scratch.runs.run import Run

KNOWN_LAYERS = (
    *(Linear, Conv2d, BatchNorm, MaxPool2d, GlobalAveragePool, Residual, Images, Flatten),
    *(ReLU, SiLU, Tanh),
)
"""Layers that other programs have too."""
TRAINING_LAYERS = (Dropout, RandomCrop, RandomFlip)
"""Layers that do nothing in evaluation."""


def member_parameters(run: Run, member: int) -> dict[str, Array]:
    """Return parameters and state of one network of a run by name, as host arrays.

    `hidden.0.W` (I, O), `hidden.0.b` (1, O), …, `classifier.b` (1, K), without a member axis; those
    of a convolution are (kh kw C, O) and (1, O), and those of batch normalisation all (1, C).
    """
    to_host, of_member = run.network.backend.to_host, member if run.network.stack else ...
    parameters = run.network.named_parameters() | run.network.named_state()
    return {name: to_host(parameter[of_member]) for name, parameter in parameters.items()}


def origin(run: Run, member: int) -> dict[str, Any]:
    """Return the `epoch` that a network was trained to, and its `seed` and initial `gamma`."""
    return {
        "epoch": run.epoch,
        "seed": run.config.seeds[member],
        "gamma": run.config.initial_gammas[member],
    }


def has_images(run: Run) -> bool:
    """Return whether the network computes with images in between; a perceptron never does."""
    return run.config.takes_images


def evaluated_layers(run: Run, parent: Network | Layer, name: str = "") -> list[tuple[str, Layer]]:
    """Return dotted name and layer of all that act in evaluation in a network or in a layer of it.

    They are in a row: of a Sequential those that it holds. A Residual is one of them, and what it
    holds is had by another call. `name` is that of the parent. Raises ConfigError if there is a
    layer of the user's own, which other programs do not have.
    """
    kind = type(parent)
    if kind in (Network, Sequential):
        return [
            inner
            for own, child in parent.children.items()
            for inner in evaluated_layers(run, child, ".".join(filter(None, (name, own))))
        ]
    if kind in TRAINING_LAYERS or (kind in (Images, Flatten) and not has_images(run)):
        return []
    if isinstance(parent, Network) or kind not in KNOWN_LAYERS:
        raise ConfigError(
            f"the run in {run.folder} has the layer {kind.__name__}, which other programs do "
            "not have: export it to npz"
        )
    return [(name, parent)]


def write_npz(path: Path, run: Run, member: int) -> None:
    """Write the parameters of a network, and what else it takes to compute with them, atomically.

    `numpy.load(path)` gives the arrays of `member_parameters`, and `scale`, `shift` (0-d float64,
    or (I,) for pixels standardised per channel), `image_shape` (int64), `class_names` (text),
    `architecture` and `activation` (0-d text), `epoch` and `seed` (0-d integers; a seed beyond 64
    bits is text), `gamma` (0-d float64; see `origin`), and for features of one's own `feature_mean`
    and `feature_deviation` (I,) float64. Of another backbone than mlp there are `backbone` (0-d
    text), `channels`, `blocks`, `batch_norm`, `stem_stride` and `norm_epsilon`, that of batch
    normalisation, too. Raises OSError if the file cannot be written.
    """
    arrays = member_parameters(run, member) | {
        "scale": np.array(run.scale),
        "shift": np.array(run.shift),
        "image_shape": np.array(run.image_shape),
        "class_names": np.array(run.class_names),
        "architecture": np.array(run.config.architecture),
        "activation": np.array(run.config.activation),
        **{name: _scalar(value) for name, value in origin(run, member).items()},
    }
    if run.feature_mean is not None and run.feature_deviation is not None:
        arrays |= {"feature_mean": run.feature_mean, "feature_deviation": run.feature_deviation}
    if has_images(run):
        settings = ("backbone", "channels", "blocks", "batch_norm", "stem_stride")
        arrays |= {name: np.array(getattr(run.config, name)) for name in settings}
        epsilons = [layer.epsilon for _, layer in walk(run.network) if isinstance(layer, BatchNorm)]
        if epsilons:
            arrays["norm_epsilon"] = np.array(epsilons[0])  # of all, as backbones are made
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write_atomically(path, content.getvalue())


def _scalar(value: Any) -> Array:
    """Return a number as a 0-d array, as text where NumPy has no such integer."""
    array = np.array(value)
    return np.array(str(value)) if array.dtype == object else array
