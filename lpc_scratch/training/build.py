"""From a configuration to an untrained network, and to what will train it."""

import numpy as np

from data_utils import DatasetDescription
from lpc_scratch.backend import Backend
from lpc_scratch.config import TrainConfig
from lpc_scratch.nn.backbones import BACKBONES
from lpc_scratch.nn.inputs import Standardisation
from lpc_scratch.nn.layers import Layer, Linear
from lpc_scratch.nn.network import Network, make_latent_layer
from lpc_scratch.nn.optim import SGD, Adam, AdamW, Optimizer


def make_network(config: TrainConfig, data: DatasetDescription, backend: Backend) -> Network:
    """Return the untrained network of a configuration for some data, or the stack of them."""
    seeds = config.seeds if len(config.seeds) > 1 else config.seeds[0]
    stack = (len(config.seeds),) if len(config.seeds) > 1 else ()
    return Network(
        *make_parts(config, data.num_features, data.num_classes, backend, stack),
        data.num_features,
        seeds,
        config.initialization,
        Standardisation(data.scale, data.shift, data.feature_mean, data.feature_deviation),
    )


def make_parts(
    config: TrainConfig,
    features: int,
    classes: int,
    backend: Backend,
    stack: tuple[int, ...] = (),
) -> tuple[Layer, Layer, Linear]:
    """Return a configuration's backbone, latent layer and classifier, not yet initialised."""
    place = (stack, np.dtype(config.dtype), backend)
    hidden = (config.hidden, config.activation, config.dropout)
    backbone = BACKBONES["mlp"](features, *hidden, *place)
    (width,) = backbone.output_shape((features,))
    latent_layer = make_latent_layer(config.architecture, width, config.latent_dim, *place)
    (latent_dim,) = latent_layer.output_shape((width,))
    return backbone, latent_layer, Linear(latent_dim, classes, *place)


def make_optimizer(config: TrainConfig, network: Network) -> Optimizer:
    """Return the optimiser of a configuration, for the parameters of a network."""
    vectors = (network.parameters, network.gradients)
    if config.optimizer == "sgd":
        return SGD(*vectors, momentum=config.momentum, weight_decay=config.weight_decay)
    return {"adam": Adam, "adamw": AdamW}[config.optimizer](
        *vectors,
        betas=(config.beta1, config.beta2),
        epsilon=config.epsilon,
        weight_decay=config.weight_decay,
    )
