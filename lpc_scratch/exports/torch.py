"""One network of a run as the state dictionary of a PyTorch module; needs no PyTorch."""

import json
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from lpc_scratch.backend import Array
from lpc_scratch.exports.arrays import evaluated_layers, has_images, member_parameters, origin
from lpc_scratch.files.atomic import write_atomically
from lpc_scratch.nn.layers import (
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Images,
    Layer,
    Linear,
    MaxPool2d,
    Residual,
)
from lpc_scratch.runs.run import Run


def write_torch(path: Path, run: Run, member: int) -> None:
    """Write a network as the state dictionary of a `torch.nn.Sequential`, atomically.

    The Sequential is Linear, activation, …, Linear (the latent layer), ReLU for the architecture
    nonlinear, Linear (the classifier), in the run's dtype. Dropout is left out, and so are crop and
    flip: they do nothing in evaluation. The tensors are `0.weight` (O, I), `0.bias` (O,), …, by the
    layers' positions.

    The networks of the backbones cnn and resnet are Conv2d, BatchNorm2d, activation, …, Flatten,
    Linear, Linear, and take images (N, C, H, W), where ours take rows: those are, standardised,
    `rows.reshape(-1, H, W, C).permute(0, 3, 1, 2)`. A residual block is a module of your own,
    `Residual`, as in the second example: tensors in it are `5.branch.0.weight`,
    `5.shortcut.0.weight`, ….

    The metadata has one entry, `lpc_scratch`, of JSON: texts by name, each of them JSON again.
    `layers` are the Sequential's modules in words, which Python evaluates with the names of
    `torch.nn` and `Residual`; `scale` and `shift`, numbers or lists of I: the input is
    x * scale + shift, after (x - `feature_mean`) / `feature_deviation` where those are not null;
    `class_names`; `image_shape`, for cnn and resnet alone; and `epoch`, `seed` and `gamma` as in
    `origin`.

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

    For a run with the backbone resnet, whose `layers` are those of the metadata::

        class Residual(nn.Module):
            def __init__(self, branch, shortcut=nn.Identity()):
                super().__init__()
                self.branch, self.shortcut = branch, shortcut

            def forward(self, x):
                return self.shortcut(x) + self.branch(x)

        names = vars(nn) | {"Residual": Residual}
        network = nn.Sequential(*[eval(layer, names) for layer in layers]).eval()
    """
    layers = evaluated_layers(run, run.network)
    of, shape = member_parameters(run, member), (run.network.features,)
    modules, tensors = _sequential(run, layers, of, shape)
    metadata = {
        "layers": modules,
        "scale": run.scale,
        "shift": run.shift,
        "feature_mean": run.feature_mean,
        "feature_deviation": run.feature_deviation,
        "class_names": run.class_names,
        **({"image_shape": run.image_shape} if has_images(run) else {}),
        **origin(run, member),
    }
    texts = {name: json.dumps(value, default=np.ndarray.tolist) for name, value in metadata.items()}
    # One entry: safetensors writes several in an order that changes from run to run.
    write_atomically(path, save(tensors, {"lpc_scratch": json.dumps(texts)}))


def _sequential(
    run: Run,
    layers: Sequence[tuple[str, Layer]],
    of: dict[str, Array],
    shape: tuple[int, ...],
    prefix: str = "",
) -> tuple[list[str], dict[str, Array]]:
    """Return the modules of a Sequential in words, and their tensors by the keys of a state.

    `layers` have the names by which their parameters stand in `of`, and the first takes inputs of
    that shape; `prefix` is what the keys begin with.
    """
    modules: list[str] = []
    tensors: dict[str, Array] = {}
    order: Any = slice(None)  # of the features in torch, which flattens images as (C, H, W)
    for name, layer in layers:
        own: dict[str, Array] = {}
        key = f"{prefix}{len(modules)}."
        if isinstance(layer, Residual):
            paths = []
            for path, child in layer.children.items():
                inner = evaluated_layers(run, child, f"{name}.{path}")
                words, held = _sequential(run, inner, of, shape, f"{key}{path}.")
                paths.append(f"Sequential({', '.join(words)})")
                tensors |= held
            modules.append(f"Residual({', '.join(paths)})")
        elif isinstance(layer, Conv2d):
            kernels = of[f"{name}.W"].reshape(*layer.window, layer.channels, -1)
            own["weight"] = kernels.transpose(3, 2, 0, 1)
            (top, bottom), (left, right) = layer.padding
            if (top, left) != (bottom, right):
                modules.append(f"ZeroPad2d({(left, right, top, bottom)})")
                key, top, left = f"{prefix}{len(modules)}.", 0, 0
            modules.append(
                f"Conv2d({layer.channels}, {len(own['weight'])}, {layer.window}, "
                f"stride={layer.stride}, padding={(top, left)}, bias={layer.bias is not None})"
            )
        elif isinstance(layer, Linear):
            own["weight"] = of[f"{name}.W"][order].T  # torch computes x weightᵀ + bias
            modules.append("Linear({1}, {0})".format(*own["weight"].shape))
            order = slice(None)
        elif isinstance(layer, BatchNorm):
            names = ("scale", "shift", "running_mean", "running_variance")
            vectors = [of[f"{name}.{one}"][0, order] for one in names]
            own |= zip(("weight", "bias", "running_mean", "running_var"), vectors, strict=True)
            tensors[f"{key}num_batches_tracked"] = np.array(0)  # nobody reads it
            kind, C = f"BatchNorm{1 if len(shape) == 1 else 2}d", len(own["weight"])
            modules.append(f"{kind}({C}, eps={layer.epsilon}, momentum={layer.momentum})")
        elif isinstance(layer, MaxPool2d):
            modules.append(f"MaxPool2d({layer.window}, {layer.stride})")
        elif isinstance(layer, GlobalAveragePool):
            modules += ["AdaptiveAvgPool2d(1)", "Flatten()"]
        elif isinstance(layer, Flatten):
            modules.append("Flatten()")
            order = np.arange(prod(shape)).reshape(shape).transpose(2, 0, 1).reshape(-1)
        elif not isinstance(layer, Images):
            modules.append(f"{type(layer).__name__}()")
        if "b" in layer.parameter_names:
            own["bias"] = of[f"{name}.b"].reshape(-1)
        tensors |= {f"{key}{part}": np.ascontiguousarray(own[part]) for part in own}
        shape = layer.output_shape(shape)
    return modules, tensors
