from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lpc_scratch.attacks import PixelModel, apgd, ddn, deepfool, fgsm, pgd, square_attack
from lpc_scratch.config import TrainConfig
from lpc_scratch.nn.backbones import mlp, of_rows, resnet
from lpc_scratch.nn.layers import Linear
from lpc_scratch.nn.network import Network, make_latent_layer
from lpc_scratch.training import load_configured_dataset, train

ATTACKS = {
    "fgsm": lambda model, images, labels, epsilon=0.03: fgsm(model, images, labels, epsilon),
    "pgd": lambda model, images, labels, epsilon=0.03: pgd(
        model, images, labels, epsilon, steps=10, restarts=2
    ),
    "pgd l2": lambda model, images, labels, epsilon=0.1: pgd(
        model, images, labels, epsilon, norm="l2", steps=10, restarts=2
    ),
    "targeted pgd": lambda model, images, labels, epsilon=0.03: pgd(
        model, images, labels, epsilon, steps=10, targets=2
    ),
    "apgd": lambda model, images, labels, epsilon=0.03: apgd(
        model, images, labels, epsilon, steps=20, restarts=2
    ),
    "targeted apgd l2": lambda model, images, labels, epsilon=0.1: apgd(
        model, images, labels, epsilon, norm="l2", steps=20, targets=2
    ),
    "ddn": lambda model, images, labels: ddn(model, images, labels, steps=60, targets=0),
    "targeted ddn linf": lambda model, images, labels: ddn(
        model, images, labels, steps=40, norm="linf", targets=2
    ),
    "deepfool": lambda model, images, labels: deepfool(model, images, labels),
    "square": lambda model, images, labels, epsilon=0.03: square_attack(
        model, images, labels, epsilon, iterations=30
    ),
}


def describe(image_shape, scale=2 / 255, shift=-1.0, mean=None, white=None):
    """Return what a model needs to know of its data."""
    return SimpleNamespace(
        image_shape=image_shape,
        scale=scale,
        shift=shift,
        feature_mean=mean,
        feature_deviation=mean,
        white=white,
    )


@pytest.fixture(scope="session")
def describe_data():
    return describe


@pytest.fixture(params=ATTACKS)
def attack(request):
    """Run a test on every attack."""
    return ATTACKS[request.param]


@pytest.fixture(params=[name for name in ATTACKS if "ddn" not in name and name != "deepfool"])
def bounded_attack(request):
    """Run a test on every attack that takes an epsilon, with the norm that this bounds."""
    return ATTACKS[request.param], "l2" if "l2" in request.param else "linf"


@pytest.fixture
def make_model(rng):
    """Make a model of an untrained network on 4 x 4 images; its weights are random, and large."""

    def make(
        seeds=0,
        dtype=np.float64,
        backend=None,
        classes=4,
        image_shape=(4, 4),
        hidden=(12,),
        architecture="linear",
        images=None,
    ):
        place = (np.shape(seeds), dtype, backend)
        features = int(np.prod(image_shape))
        if images:
            settings = ((3, 4), 1, "relu", True, *([1] if images is resnet else []), *place)
            backbone = of_rows(images(1, *settings), (*image_shape, 1), crop=1, flip=True)
        else:
            backbone = mlp(features, hidden, "relu", 0.0, *place)
        (width,) = backbone.output_shape((features,))
        latent_layer = make_latent_layer(architecture, width, 6, *place)
        (latent_dim,) = latent_layer.output_shape((width,))
        network = Network(
            backbone, latent_layer, Linear(latent_dim, classes, *place), features, seeds
        )
        network.parameters *= 3 if images else 6  # logits that differ by more than 1
        for state in network.named_state().values():
            state += network.backend.xp.linspace(-0.3, 0.3, state.shape[-1])
        return PixelModel(network, describe(image_shape))

    return make


@pytest.fixture
def smallest_epsilons():
    """Say how far the samples of a linear classifier are from the nearest other class.

    `dual` is the order of the norm dual to that of the distance.
    """

    def measure(model, images, dual):
        W = 2 * (next(model.network.leaves()).W @ model.network.classifier.W).mT  # per pixel
        logits = model.logits(images)
        labels = logits.argmax(axis=-1)[..., None]
        gaps = logits.max(axis=-1, keepdims=True) - logits
        own = np.take_along_axis(W, labels, axis=-2)[..., None, :]
        lengths = np.linalg.norm(own - W[..., None, :, :], ord=dual, axis=-1)
        with np.errstate(invalid="ignore"):
            return labels[..., 0], np.nanmin(gaps / lengths, axis=-1)

    return measure


@pytest.fixture
def torch_twin():
    """Make a torch module of a perceptron, or of a member of a stack, that takes pixels."""
    torch = pytest.importorskip("torch", reason="torch is not installed")

    class Twin(torch.nn.Module):
        def __init__(self, model, member=...):
            super().__init__()
            self.model, self.member = model, member

        def forward(self, x):
            x = 2 * x.flatten(1) - 1
            for layer in self.model.network.leaves():
                if hasattr(layer, "W"):
                    W, b = (torch.from_numpy(array[self.member]) for array in (layer.W, layer.b))
                    x = x @ W + b
                else:
                    x = torch.relu(x)
            return x

    return lambda *given: Twin(*given).eval()


@pytest.fixture
def images(rng):
    """Return 24 images without black or white pixels."""
    return rng.uniform(0.3, 0.7, size=(24, 16))


@pytest.fixture(scope="session")
def digits():
    """Return the digits, with 150 test images."""
    dataset = load_configured_dataset(TrainConfig())
    return replace(dataset, x_test=dataset.x_test[:150], y_test=dataset.y_test[:150])


@pytest.fixture(scope="session")
def digits_model(digits):
    """Return two networks that have learned the digits."""
    config = TrainConfig(hidden=(64,), latent_dim=8, gamma=1.0, seeds=(0, 1))
    config = replace(config, learning_rate=5e-3, epochs=10, evaluate_every=10)
    return PixelModel(train(config).network, digits)
