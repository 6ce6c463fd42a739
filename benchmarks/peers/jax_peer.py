"""The same training step in JAX: one jitted function, gather and Adam included."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.configurations import GAMMA, LEARNING_RATE, Configuration, make_order
from data_utils import Dataset

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


class JaxPeer:
    """A JAX network in training; all of its state is donated to the next step.

    Parameters
    ----------
    configuration : Configuration
        The network.
    dataset : Dataset
        What it is trained on.
    """

    def __init__(self, configuration: Configuration, dataset: Dataset) -> None:
        rng = np.random.default_rng(0)
        parameters = [
            (_uniform(rng, fan_in, (fan_in, fan_out)), _uniform(rng, fan_in, (fan_out,)))
            for fan_in, fan_out in configuration.shapes
        ]
        zeros = partial(jax.tree.map, jnp.zeros_like, parameters)
        self.state = (parameters, zeros(), zeros(), jnp.zeros((), jnp.int32), jax.random.key(0))
        order = make_order(dataset, configuration.batch).astype(np.int32)
        labels = dataset.y_train.astype(np.int32)
        self.data = tuple(map(jnp.asarray, (dataset.x_train, labels, order)))
        step = partial(_step, configuration=configuration, scale=dataset.scale, shift=dataset.shift)
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
    configuration: Configuration,
    scale: Any,
    shift: Any,
) -> tuple[Any, jax.Array]:
    parameters, first, second, taken, key = state
    pixels = (configuration.batch, scale, shift)
    x, labels = minibatch(x_train, y_train, order, taken, *pixels)
    key, dropout_key = jax.random.split(key)
    loss, gradients = jax.value_and_grad(_loss)(
        parameters, x, labels, configuration.dropout, dropout_key
    )
    taken = taken + 1
    parameters, first, second = adam(parameters, gradients, first, second, taken)
    return (parameters, first, second, taken, key), loss


def minibatch(
    x_train: jax.Array,
    y_train: jax.Array,
    order: jax.Array,
    taken: jax.Array,
    batch: int,
    scale: Any,
    shift: Any,
) -> tuple[jax.Array, jax.Array]:
    """Return the standardised inputs and the labels after so many steps."""
    rows = jax.lax.dynamic_slice(order, (taken * batch % len(order),), (batch,))
    return x_train[rows].astype(jnp.float32) * scale + shift, y_train[rows]


def adam(
    parameters: Any, gradients: Any, first: Any, second: Any, taken: jax.Array
) -> tuple[Any, Any, Any]:
    """Return parameters and moments after a step, the `taken`-th."""
    first = jax.tree.map(lambda m, g: _BETA1 * m + (1 - _BETA1) * g, first, gradients)
    second = jax.tree.map(lambda v, g: _BETA2 * v + (1 - _BETA2) * g * g, second, gradients)
    rate = LEARNING_RATE / (1 - _BETA1**taken)
    root = jnp.sqrt(1 - _BETA2**taken)
    parameters = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + _EPSILON), parameters, first, second
    )
    return parameters, first, second


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the mean over a minibatch."""
    logarithms = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(logarithms, labels[:, None], axis=1).mean()


def _loss(
    parameters: Any, x: jax.Array, labels: jax.Array, dropout: float, key: jax.Array
) -> jax.Array:
    *hidden, (latent_W, latent_b), (classifier_W, classifier_b) = parameters
    for index, (W, b) in enumerate(hidden):
        if index and dropout:
            kept = jax.random.bernoulli(jax.random.fold_in(key, index), 1 - dropout, x.shape)
            x = jnp.where(kept, x / (1 - dropout), 0)
        x = jax.nn.relu(x @ W + b)
    z = x @ latent_W + latent_b
    logits = z @ classifier_W + classifier_b
    return cross_entropy(logits, labels) + GAMMA * jnp.exp(jnp.mean(z * z))


def _uniform(rng: np.random.Generator, fan_in: int, shape: tuple[int, ...]) -> jax.Array:
    """Return initial parameters, distributed as ours."""
    bound = fan_in**-0.5
    return jnp.asarray(rng.uniform(-bound, bound, shape).astype(np.float32))
