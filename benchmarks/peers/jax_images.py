"""Networks of images in JAX: our layers, applied by XLA in one jitted step."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.configurations import GAMMA, make_order
from benchmarks.images import ImageConfiguration
from benchmarks.peers.jax_peer import adam, cross_entropy, minibatch
from data_utils import Dataset
from lpc_scratch.nn.layers import (
    BatchNorm,
    Conv2d,
    GlobalAveragePool,
    Images,
    Layer,
    Linear,
    ReLU,
    Residual,
    Sequential,
)
from lpc_scratch.nn.network import Network

Arrays = dict[str, jax.Array]


class JaxImages:
    """A JAX network of images in training; all of its state is donated to the next step.

    Parameters
    ----------
    configuration : ImageConfiguration
        The network; weights are those of ours.
    dataset : Dataset
        What it is trained on.
    """

    def __init__(self, configuration: ImageConfiguration, dataset: Dataset) -> None:
        network = configuration.network(dataset, np.float32)
        parameters, running = (
            {name: jnp.array(array) for name, array in named.items()}
            for named in (network.named_parameters(), network.named_state())
        )
        zeros = partial(jax.tree.map, jnp.zeros_like, parameters)
        self.state = (parameters, running, zeros(), zeros(), jnp.zeros((), jnp.int32))
        order = make_order(dataset, configuration.batch).astype(np.int32)
        labels = dataset.y_train.astype(np.int32)
        self.data = tuple(map(jnp.asarray, (dataset.x_train, labels, order)))
        pixels = (configuration.batch, dataset.scale, dataset.shift)
        step = partial(_step, network=network, pixels=pixels)
        self.step = jax.jit(step, donate_argnums=0)

    def run(self, steps: int) -> list[float]:
        """Take that many steps; return the losses, and wait for the last parameters."""
        losses = []
        for _ in range(steps):
            self.state, loss = self.step(self.state, *self.data)
            losses.append(loss)
        wait: Any = jax.block_until_ready
        wait(self.state)
        return jnp.stack(losses).tolist()


def _step(
    state: Any,
    x_train: jax.Array,
    y_train: jax.Array,
    order: jax.Array,
    *,
    network: Network,
    pixels: tuple[int, Any, Any],
) -> tuple[Any, jax.Array]:
    parameters, running, first, second, taken = state
    x, labels = minibatch(x_train, y_train, order, taken, *pixels)
    (loss, running), gradients = jax.value_and_grad(_loss, has_aux=True)(
        parameters, running, x, labels, network
    )
    taken = taken + 1
    parameters, first, second = adam(parameters, gradients, first, second, taken)
    return (parameters, running, first, second, taken), loss


def _loss(
    parameters: Arrays, running: Arrays, x: jax.Array, labels: jax.Array, network: Network
) -> tuple[jax.Array, Arrays]:
    moved = dict(running)
    features = _apply(network.backbone, "hidden", x, parameters, moved)
    z = _apply(network.latent_layer, "latent", features, parameters, moved)
    logits = _apply(network.classifier, "classifier", z, parameters, moved)
    return cross_entropy(logits, labels) + GAMMA * jnp.exp(jnp.mean(z * z)), moved


def _apply(layer: Layer, name: str, x: jax.Array, parameters: Arrays, running: Arrays) -> jax.Array:
    """Return what a layer makes of x; write what its running statistics become."""
    match layer:
        case Sequential():
            for own, child in layer.children.items():
                x = _apply(child, f"{name}.{own}", x, parameters, running)
            return x
        case Residual():
            paths = [
                _apply(child, f"{name}.{own}", x, parameters, running)
                for own, child in layer.children.items()
            ]
            return paths[0] + (paths[1] if paths[1:] else x)
        case Images():
            return x.reshape(-1, *layer.shape)
        case Conv2d():
            kernels = parameters[f"{name}.W"].reshape(*layer.window, layer.channels, -1)
            y = jax.lax.conv_general_dilated(
                x, kernels, layer.stride, layer.padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            return y + parameters[f"{name}.b"][0] if layer.bias is not None else y
        case BatchNorm():
            return _normalised(layer, name, x, parameters, running)
        case Linear():
            return x @ parameters[f"{name}.W"] + parameters[f"{name}.b"]
        case ReLU():
            return jax.nn.relu(x)
        case GlobalAveragePool():
            return x.mean((1, 2))
    raise TypeError(f"{type(layer).__name__} is not translated to JAX")


def _normalised(
    layer: BatchNorm, name: str, x: jax.Array, parameters: Arrays, running: Arrays
) -> jax.Array:
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    unbiased = variance * x[..., 0].size / (x[..., 0].size - 1)
    for kind, value in (("mean", mean), ("variance", unbiased)):
        old = running[f"{name}.running_{kind}"]
        running[f"{name}.running_{kind}"] = old + layer.momentum * (value - old)
    scale, shift = (parameters[f"{name}.{kind}"][0] for kind in ("scale", "shift"))
    return (x - mean) * jax.lax.rsqrt(variance + layer.epsilon) * scale + shift
