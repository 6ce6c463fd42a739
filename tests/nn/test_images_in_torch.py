"""Convolution, pooling, batch norm and whole networks against torch, in float64."""

import numpy as np
import pytest

from lpc_scratch.config import TrainConfig
from lpc_scratch.nn.layers import BatchNorm, Conv2d, GlobalAveragePool, MaxPool2d
from lpc_scratch.training import load_configured_dataset
from lpc_scratch.training.trainer import Trainer


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch, the outside oracle, is not installed")


def as_torch(torch, array):
    """Return images as torch has them, (B, C, H, W), with a gradient to come."""
    return torch.tensor(np.moveaxis(array, -1, 1).copy(), requires_grad=True)


def from_torch(tensor):
    return np.moveaxis(tensor.detach().numpy(), 1, -1)


def close(found, expected):
    return np.allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("channels", [(3, 5), (16, 16)])
@pytest.mark.parametrize(
    ("size", "window", "stride", "padding"),
    [
        ((9, 8), (3, 3), (1, 1), ((1, 1), (1, 1))),
        ((9, 8), (3, 3), (2, 2), ((1, 1), (1, 1))),
        ((13, 11), (5, 2), (2, 3), ((1, 0), (2, 3))),
        ((8, 8), (1, 1), (2, 2), ((0, 0), (0, 0))),
    ],
)
def test_convolution_is_torchs(torch, rng, channels, size, window, stride, padding):
    layer = Conv2d(*channels, window, stride, padding, dtype=np.float64)
    layer.W[...], layer.b[...] = rng.normal(size=layer.W.shape), rng.normal(size=layer.b.shape)
    x = rng.normal(size=(4, *size, channels[0]))
    theirs = as_torch(torch, x)
    W, b = (torch.tensor(a.copy(), requires_grad=True) for a in (layer.W, layer.b))
    padded = torch.nn.functional.pad(theirs, (*padding[1], *padding[0]))
    kernels = W.reshape(*window, *channels).permute(3, 2, 0, 1)
    expected = torch.nn.functional.conv2d(padded, kernels, b[0], stride)
    y = layer.forward(x)
    assert close(y, from_torch(expected))
    dy = rng.normal(size=y.shape)
    expected.backward(as_torch(torch, dy))
    assert close(layer.backward(dy), from_torch(theirs.grad))
    assert close(layer.dW, W.grad.numpy())
    assert close(layer.db, b.grad.numpy())


@pytest.mark.parametrize("kind", ["max", "mean"])
def test_pooling_is_torchs(torch, rng, kind):
    layer, function = {
        "max": (MaxPool2d((3, 2), (2, 3)), torch.nn.MaxPool2d((3, 2), (2, 3))),
        "mean": (GlobalAveragePool(), lambda images: images.mean((2, 3))),
    }[kind]
    x = rng.normal(size=(4, 9, 8, 3))
    theirs = as_torch(torch, x)
    expected, y = function(theirs), layer.forward(x)
    assert close(y, from_torch(expected))
    dy = rng.normal(size=y.shape)
    expected.backward(as_torch(torch, dy))
    assert close(layer.backward(dy), from_torch(theirs.grad))


@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 2, 5)])
def test_batch_norm_is_torchs_with_its_running_statistics(torch, rng, shape):
    layer = BatchNorm(5, dtype=np.float64)
    layer.initialize("pytorch", [])
    layer.scale[...], layer.shift[...] = rng.normal(size=(2, 1, 5))
    kind = torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d
    oracle = kind(5, dtype=torch.float64)
    with torch.no_grad():
        oracle.weight.copy_(torch.tensor(layer.scale[0]))
        oracle.bias.copy_(torch.tensor(layer.shift[0]))
    for training in (True, True, False):
        oracle.train(training)
        x = rng.normal(3, 2, size=shape)
        theirs = as_torch(torch, x)
        oracle.zero_grad()
        expected, y = oracle(theirs), layer.forward(x, training)
        assert close(y, from_torch(expected))
        dy = rng.normal(size=shape)
        expected.backward(as_torch(torch, dy))
        assert close(layer.backward(dy), from_torch(theirs.grad))
        assert close(layer.dscale[0], oracle.weight.grad.numpy())
        assert close(layer.dshift[0], oracle.bias.grad.numpy())
        assert close(layer.running_mean[0], oracle.running_mean.numpy())
        assert close(layer.running_variance[0], oracle.running_var.numpy())


class Oracle:
    """The backbones of images in torch, of our parameters and running statistics by their names."""

    def __init__(self, torch, network):
        self.functional = torch.nn.functional

        def leaves(named, gradient):
            return {n: torch.tensor(a.copy(), requires_grad=gradient) for n, a in named.items()}

        self.parameters = leaves(network.named_parameters(), True)
        self.state = leaves(network.named_state(), False)

    def convolution(self, x, name, number="", stride=1):
        W = self.parameters[f"{name}conv{number}.W"]
        side = round((W.shape[0] / x.shape[1]) ** 0.5)
        kernels = W.reshape(side, side, x.shape[1], -1).permute(3, 2, 0, 1)
        bias = self.parameters.get(f"{name}conv{number}.b")
        y = self.functional.conv2d(x, kernels, None if bias is None else bias[0], stride, side // 2)
        norm = f"{name}norm{number}"
        if f"{norm}.scale" not in self.parameters:
            return y
        running = [self.state[f"{norm}.running_{kind}"][0] for kind in ("mean", "variance")]
        learned = [self.parameters[f"{norm}.{kind}"][0] for kind in ("scale", "shift")]
        return self.functional.batch_norm(y, *running, *learned, training=True)

    def cnn(self, x):
        for stage in range(2):
            x = self.convolution(x, f"hidden.{stage}.0.").relu()
            x = self.functional.max_pool2d(x, 2)
        return x.permute(0, 2, 3, 1).flatten(1)

    def resnet(self, x):
        x = self.convolution(x, "hidden.stem.").relu()
        for stage in range(2):
            name, stride = f"hidden.{stage}.0.", 2 if stage else 1
            y = self.convolution(x, f"{name}branch.", "1", stride).relu()
            y = self.convolution(y, f"{name}branch.", "2")
            x = (self.convolution(x, f"{name}shortcut.", "", stride) if stage else x) + y
            x = x.relu()
        return x.mean((2, 3))

    def affine(self, x, name):
        return x @ self.parameters[f"{name}.W"] + self.parameters[f"{name}.b"]


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("backbone", ["cnn", "resnet"])
def test_twenty_steps_of_training_follow_torchs(torch, backbone, batch_norm):
    config = TrainConfig(
        backbone=backbone,
        batch_norm=batch_norm,
        channels=(8, 12),
        latent_dim=6,
        gamma=2.0,
        learning_rate=3e-3,
        batch_size=32,
        dtype="float64",
    )
    digits = load_configured_dataset(config)
    trainer = Trainer(config, digits)
    oracle = Oracle(torch, trainer.network)
    adam = torch.optim.Adam(oracle.parameters.values(), lr=3e-3)
    order = np.random.default_rng(0).permutation(len(digits.x_train))[: 20 * 32]
    ours = trainer.take_steps(order, 3e-3, 2.0)

    losses = []
    for rows in order.reshape(20, 32):
        pixels = digits.x_train[rows].reshape(-1, 1, 8, 8) * digits.scale + digits.shift
        z = oracle.affine(getattr(oracle, backbone)(torch.tensor(pixels)), "latent")
        logits, labels = oracle.affine(z, "classifier"), torch.tensor(digits.y_train[rows])
        loss = torch.nn.functional.cross_entropy(logits, labels) + 2.0 * z.square().mean().exp()
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert np.allclose(ours, losses, rtol=1e-9)
    found = trainer.network.named_parameters() | trainer.network.named_state()
    for name, tensor in (oracle.parameters | oracle.state).items():
        assert np.abs(found[name] - tensor.detach().numpy()).max() < 1e-8, name
