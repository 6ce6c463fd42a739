"""One network of a run as plain arrays: for NumPy, and for PyTorch without PyTorch."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from lpc_scratch.backend import Array
from lpc_scratch.errors import ConfigError
from lpc_scratch.files.atomic import write_atomically
from lpc_scratch.nn.layers import Dropout, Linear, ReLU, Sequential, SiLU, Tanh, walk
from lpc_scratch.runs.run import Run

KNOWN_LAYERS = (Linear, ReLU, SiLU, Tanh)
"""Layers that other programs have too; `torch.nn` by the same names."""


def member_parameters(run: Run, member: int) -> dict[str, Array]:
    """Return parameters and state of one network of a run by name, as host arrays.

    `hidden.0.W` (I, O), `hidden.0.b` (1, O), …, `classifier.b` (1, K), without a member axis.
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


def evaluated_layers(run: Run) -> list[tuple[str, str]]:
    """Return kind and name of every layer that acts in evaluation, in order.

    The kind is the name of its class, such as "Linear"; its name is that with which the names of
    its parameters begin, such as "hidden.0". Raises ConfigError if there is a layer of the user's
    own, which other programs do not have.
    """
    layers = []
    for name, layer in walk(run.network):
        kind = type(layer)
        if kind in (Dropout, Sequential):
            continue
        if kind not in KNOWN_LAYERS:
            raise ConfigError(
                f"the run in {run.folder} has the layer {kind.__name__}, which other programs do "
                "not have: export it to npz"
            )
        layers.append((kind.__name__, name))
    return layers


def write_npz(path: Path, run: Run, member: int) -> None:
    """Write the parameters of a network, and what else it takes to compute with them, atomically.

    `numpy.load(path)` gives the arrays of `member_parameters`, and `scale`, `shift` (0-d float64,
    or (I,) for pixels standardised per channel), `image_shape` (int64), `class_names` (text),
    `architecture` and `activation` (0-d text), `epoch` and `seed` (0-d integers; a seed beyond 64
    bits is text), `gamma` (0-d float64; see `origin`), and for features of one's own `feature_mean`
    and `feature_deviation` (I,) float64. Raises OSError if the file cannot be written.
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
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write_atomically(path, content.getvalue())


def write_torch(path: Path, run: Run, member: int) -> None:
    """Write a network as the state dictionary of a `torch.nn.Sequential`, atomically.

    The Sequential is Linear, activation, …, Linear (the latent layer), ReLU for the architecture
    nonlinear, Linear (the classifier), in the run's dtype. Dropout is left out: it does nothing in
    evaluation. The tensors are `0.weight` (O, I), `0.bias` (O,), …, by the layers' positions.

    The metadata has one entry, `lpc_scratch`, of JSON: texts by name, each of them JSON again.
    `layers` are the Sequential's modules in words; `scale` and `shift`, numbers or lists of I: the
    input is x * scale + shift, after (x - `feature_mean`) / `feature_deviation` where those are not
    null; `class_names`; and `epoch`, `seed` and `gamma` as in `origin`.

    Raises ConfigError as `evaluated_layers`, and OSError if the file cannot be written.

    Examples
    --------
    With PyTorch, for a run on the digits with one hidden layer of 16 units::

        from safetensors.torch import load_file
        from torch import nn

        network = nn.Sequential(
            nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 16), nn.Linear(16, 10)
        )
        network.load_state_dict(load_file("model-torch.safetensors"))
        logits = network(pixels.float() * 0.125 - 1)
    """
    parameters, tensors, modules = member_parameters(run, member), {}, []
    for position, (kind, name) in enumerate(evaluated_layers(run)):
        if kind != "Linear":
            modules.append(f"{kind}()")
            continue
        weight = parameters[f"{name}.W"].T  # torch computes x weightᵀ + bias
        tensors[f"{position}.weight"] = np.ascontiguousarray(weight)
        tensors[f"{position}.bias"] = parameters[f"{name}.b"].reshape(-1)
        modules.append("Linear({1}, {0})".format(*weight.shape))
    metadata = {
        "layers": modules,
        "scale": run.scale,
        "shift": run.shift,
        "feature_mean": run.feature_mean,
        "feature_deviation": run.feature_deviation,
        "class_names": run.class_names,
        **origin(run, member),
    }
    texts = {name: json.dumps(value, default=np.ndarray.tolist) for name, value in metadata.items()}
    # One entry: safetensors writes several in an order that changes from run to run.
    write_atomically(path, save(tensors, {"lpc_scratch": json.dumps(texts)}))


def _scalar(value: Any) -> Array:
    """Return a number as a 0-d array, as text where NumPy has no such integer."""
    array = np.array(value)
    return np.array(str(value)) if array.dtype == object else array
