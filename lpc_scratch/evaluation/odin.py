"""ODIN: how sure a network is at a high temperature, of an input moved towards its own answer."""

import numpy as np

from lpc_scratch.attacks import PixelModel
from lpc_scratch.attacks.objectives import cross_entropy
from lpc_scratch.backend import Array
from lpc_scratch.errors import ConfigError
from lpc_scratch.metrics.calibration import max_log_probability
from lpc_scratch.nn.inference import chunk_of
from lpc_scratch.nn.inputs import Standardisation
from lpc_scratch.nn.network import Network
from lpc_scratch.runs.run import Run

TEMPERATURE = 1000.0
"""The authors' choice for all of their networks."""

EPSILON = 0.0014
"""The authors' step for CIFAR-10 on a DenseNet, in pixel units from 0 to 1; of vectors, in standard
deviations of each feature."""


def odin_scores(
    run: Run, x: Array, epsilon: float = EPSILON, temperature: float = TEMPERATURE
) -> Array:
    """Return log max_k S_k(x̃; T), (E, N) in float64, of the softmax S(x; T) of s(x) / T.

    x̃ = x + epsilon sign(∇_x log S_c(x; T)) for the predicted class c: one step that makes the
    network surer of its answer, more so for inputs that it knows. The step is in pixel units, and
    may leave the range of pixels; of vectors it is in units of the standardised features. The
    authors choose epsilon and T on inputs of the foreign kind, which nobody has in practice: here
    they are fixed. Source: Liang, Li and Srikant 2018 ("Enhancing the reliability of
    out-of-distribution image detection in neural networks", arXiv 1706.02690); the logarithm
    changes no order, and loses no digits.

    Parameters
    ----------
    run : its E networks, of two classes or more
    x : (N, I) inputs as stored
    """
    network, inputs = _in_units(run, x)
    backend = network.backend
    parts = []
    rows = chunk_of(network.widest, 512, 2**21)  # all layers keep what they make of them
    for start in range(0, len(inputs), rows):
        shown = backend.to_device(inputs[start : start + rows])
        logits = network.forward(network.standardise(shown))
        _, slope = cross_entropy(logits / temperature, logits.argmax(-1))
        direction = backend.xp.sign(network.input_gradient(slope))
        parts.append(backend.to_host(network.predict(shown - epsilon * direction)))
    found = np.concatenate(parts, axis=-2).astype(np.float64) / temperature
    return np.stack([max_log_probability(s) for s in found.reshape(-1, *found.shape[-2:])])


def _in_units(run: Run, x: Array) -> tuple[Network, Array]:
    """Return a run's network as it takes inputs in the units of epsilon, and the inputs in them."""
    try:
        model = PixelModel.from_run(run)
    except ConfigError:  # no images
        return run.network.shown(Standardisation()), run.standardise(x)
    return model.network, model.pixels(x)
