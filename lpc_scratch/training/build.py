"""From a configuration to an untrained network, and to what will train it."""

from pathlib import Path
from typing import Any

import numpy as np

from data_utils import DatasetDescription
from data_utils.arrays import UNREADABLE, read_npy
from lpc_scratch.backend import Array, Backend
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError, one_line
from lpc_scratch.metrics.axes import random_axes
from lpc_scratch.nn.backbones import BACKBONES, check_strides, of_rows
from lpc_scratch.nn.inputs import Standardisation
from lpc_scratch.nn.layers import Flatten, Layer, Linear, Sequential
from lpc_scratch.nn.layers.rotated import RotatedLinear
from lpc_scratch.nn.network import Network, make_latent_layer
from lpc_scratch.nn.optim import OPTIMIZERS, Optimizer
from lpc_scratch.nn.optim.parts import Parts
from lpc_scratch.theory.simplex_codes import simplex_code


def make_network(config: TrainConfig, data: DatasetDescription, backend: Backend) -> Network:
    """Return the untrained network of a configuration for some data, or the stack of them."""
    seeds = config.seeds if len(config.seeds) > 1 else config.seeds[0]
    stack = (len(config.seeds),) if len(config.seeds) > 1 else ()
    return Network(
        *make_parts(config, data, backend, stack),
        data.num_features,
        seeds,
        config.initialization,
        Standardisation(data.scale, data.shift, data.feature_mean, data.feature_deviation),
    )


def make_parts(
    config: TrainConfig,
    data: DatasetDescription,
    backend: Backend,
    stack: tuple[int, ...] = (),
) -> tuple[Layer, Layer, Linear]:
    """Return a configuration's backbone, latent layer and classifier, not yet initialised.

    Raises
    ------
    ConfigError
        If the backbone cannot take such inputs.
    """
    place = (stack, np.dtype(config.dtype), backend)
    backbone = _make_backbone(config, data, *place)
    try:
        if config.backbone == "resnet":
            H, W, *_ = data.image_shape
            check_strides((H, W), len(config.channels), config.stem_stride)
        (width,) = backbone.output_shape((data.num_features,))
    except ValueError as error:
        raise ConfigError(
            f"backbone {config.backbone} cannot take inputs of the shape {data.image_shape}: "
            f"{one_line(error)}"
        ) from error
    latent_layer = make_latent_layer(config.architecture, width, config.latent_dim, *place)
    (latent_dim,) = latent_layer.output_shape((width,))
    if config.classifier_basis == "rotated":
        basis = random_axes(latent_dim)
        return backbone, latent_layer, RotatedLinear(basis, latent_dim, data.num_classes, *place)
    return backbone, latent_layer, Linear(latent_dim, data.num_classes, *place)


def _make_backbone(config: TrainConfig, data: DatasetDescription, *place: Any) -> Sequential:
    """Return the backbone of a configuration; raises ConfigError for images that are none."""
    make, changes = BACKBONES[config.backbone], {"crop": config.crop, "flip": config.flip}
    if not config.takes_images:
        hidden = (config.hidden, config.activation, config.dropout)
        backbone = make(data.num_features, *hidden, *place)
        if not any(changes.values()):
            return backbone
    shape = data.image_shape if len(data.image_shape) == 3 else (*data.image_shape, 1)
    if len(shape) != 3:
        names = [f"backbone {config.backbone}"] * config.takes_images
        names += [name for name, asked in changes.items() if asked]
        need = "needs" if len(names) == 1 else "need"
        raise ConfigError(
            f"{' and '.join(names)} {need} images, and the inputs are vectors of "
            f"{data.num_features} features: use backbone mlp without crop and flip, or store "
            "them as (N, rows, columns) or (N, rows, columns, channels)"
        )
    if not config.takes_images:
        backbone = Sequential({"flatten": Flatten(backbone.backend), **backbone.children})
    else:
        stem = (config.stem_stride,) if config.backbone == "resnet" else ()
        stages = (config.channels, config.blocks, config.activation, config.batch_norm)
        backbone = make(shape[-1], *stages, *stem, *place)
    return of_rows(backbone, shape, config.crop, config.flip)


def start_from_code(config: TrainConfig, network: Network) -> None:
    """Make the classifier's weight the code that a configuration begins with, where it has one.

    Raises
    ------
    ConfigError
        If there is no such code for the network's classes and latent dimensions, or the file of a
        code of one's own cannot be read or holds another.
    """
    K, D = network.classes, network.latent_dim
    if config.classifier_code:
        code = _read_code(config.classifier_code, K, D)
    elif config.classifier_initialization == "simplex":
        try:
            code = simplex_code(K, D)
        except ValueError as error:
            raise ConfigError(one_line(error)) from error
    else:
        return
    W = config.classifier_code_scale * code.T.astype(network.dtype)
    network.classifier.W[...] = network.backend.to_device(W)  # of every member


def make_optimizer(config: TrainConfig, network: Network) -> Optimizer | Parts:
    """Return the optimiser of a configuration for the parameters of a network.

    Where the classifier is trained otherwise than the rest, or not at all, they are `Parts`.
    """
    named = network.named_parameters()
    shapes = [tensor.shape[-2:] for tensor in named.values()]
    if not config.in_parts:
        return _make(config, config.optimizer, network, slice(None), shapes)
    own = [tensor for name, tensor in named.items() if name.startswith("classifier.")]
    last, size = len(own), sum(tensor.size for tensor in own)  # the last ones of all
    rest = slice(0, len(network.parameters) - size)
    optimizers = {"rest": _make(config, config.optimizer, network, rest, shapes[:-last])}
    if config.classifier_kind != "none":
        part = slice(rest.stop, None)
        optimizers["classifier"] = _make(
            config, config.classifier_kind, network, part, shapes[-last:]
        )
    return Parts(optimizers, [len(shapes) - last, last][: len(optimizers)])


def _make(
    config: TrainConfig, name: str, network: Network, part: slice, shapes: list[tuple[int, ...]]
) -> Optimizer:
    """Return the optimiser of that name for a part of the parameters, tensors of some shapes."""
    kind: Any = OPTIMIZERS[name]
    settings: dict[str, Any] = {
        "momentum": config.momentum,
        "betas": (config.beta1, config.beta2),
        "epsilon": config.epsilon,
        "weight_decay": config.weight_decay,
        "power": config.descent_power,
    }
    vectors = (network.parameters[part], network.gradients[part])
    of_tensors = (shapes,) if kind.by_tensor else ()
    return kind(*vectors, *of_tensors, **{option: settings[option] for option in kind.options})


def _read_code(path: Path, classes: int, latent_dim: int) -> Array:
    """Return a code (K, D) of +1 and -1 from a file .npy; raises ConfigError for any other."""
    try:
        code = read_npy(path)
    except UNREADABLE as error:
        raise ConfigError(f"classifier_code {path} cannot be read: {one_line(error)}") from error
    shape = (classes, latent_dim)
    if code.shape != shape or code.dtype.kind not in "iuf":
        raise ConfigError(
            f"classifier_code {path} must be numbers of the shape {shape}, classes by latent "
            f"dimensions, not {code.shape} {code.dtype}"
        )
    if not (np.abs(code) == 1).all():
        raise ConfigError(f"classifier_code {path} must hold +1 and -1 alone")
    return code
