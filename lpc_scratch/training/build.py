"""From a configuration to an untrained network, and to what will train it."""

from data_utils import DatasetDescription
from lpc_scratch.backend import Backend
from lpc_scratch.config import TrainConfig
from lpc_scratch.nn.backbones import build_network
from lpc_scratch.nn.inputs import Standardisation
from lpc_scratch.nn.network import Network
from lpc_scratch.nn.optim import SGD, Adam, AdamW, Optimizer


def make_network(config: TrainConfig, data: DatasetDescription, backend: Backend) -> Network:
    """Return the untrained network of a configuration for some data, or the stack of them."""
    return build_network(
        data.num_features,
        data.num_classes,
        architecture=config.architecture,
        hidden=config.hidden,
        latent_dim=config.latent_dim,
        activation=config.activation,
        dropout=config.dropout,
        initialization=config.initialization,
        seeds=config.seeds if len(config.seeds) > 1 else config.seeds[0],
        dtype=config.dtype,
        backend=backend,
        standardisation=Standardisation(
            data.scale, data.shift, data.feature_mean, data.feature_deviation
        ),
    )


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
