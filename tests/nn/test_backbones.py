"""Whole networks of images: gradients, members, torch's steps, and that they learn."""

from dataclasses import replace

import numpy as np
import pytest

from lpc_scratch.config import TrainConfig
from lpc_scratch.nn.backbones import check_strides, cnn, of_rows, resnet
from lpc_scratch.nn.gradcheck import assert_gradient
from lpc_scratch.nn.layers import Linear
from lpc_scratch.nn.losses import softmax_cross_entropy
from lpc_scratch.nn.network import Network, make_latent_layer
from lpc_scratch.nn.penalties import PENALTIES
from lpc_scratch.training import load_configured_dataset, train
from lpc_scratch.training.members import Members
from lpc_scratch.training.trainer import Trainer

SHAPE = (4, 6, 2)
MAKE = {"cnn": cnn, "resnet": resnet}
SMALL = TrainConfig(
    channels=(4, 6), latent_dim=4, gamma=0.5, learning_rate=3e-3, batch_size=64, epochs=1
)


def make(
    backbone,
    batch_norm=True,
    seeds=0,
    backend=None,
    dtype=np.float64,
    architecture="binary",
    **more,
):
    """A network for images of 4 x 6 x 2 and 5 classes, with 4 latent dimensions."""
    place = (np.shape(seeds), dtype, backend)
    settings = {"blocks": 1, "activation": "silu", "batch_norm": batch_norm} | more
    changes = {name: settings.pop(name, 0) for name in ("crop", "flip")}
    settings |= {"stack": place[0], "dtype": dtype, "backend": backend}
    whole = of_rows(MAKE[backbone](SHAPE[-1], (3, 4), **settings), SHAPE, **changes)
    (width,) = whole.output_shape((48,))
    latent_layer = make_latent_layer(architecture, width, 4, *place)
    classifier = Linear(width if architecture == "none" else 4, 5, *place)
    return Network(whole, latent_layer, classifier, 48, seeds)


def step(network, x, labels, training, gamma=2.0):
    """Loss of each network and the gradients of its two terms; the same changes every time."""
    network.start_epoch(1)
    loss, dlogits = softmax_cross_entropy(network.forward(x, training), labels)
    penalty, dpenalty = PENALTIES["exp"](network.latent, gamma)
    return loss + penalty, dlogits, dpenalty


@pytest.mark.parametrize(
    ("training", "seeds", "more"),
    [
        (True, 0, {"crop": 2, "flip": True}),
        (True, [0, 1], {"crop": 1, "flip": True, "blocks": 2}),
        (False, [0, 1], {"activation": "relu"}),
        (True, 0, {"architecture": "nonlinear"}),
        (True, 0, {"architecture": "none"}),
    ],
)
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("backbone", MAKE)
def test_network_gradients_match_central_differences(
    backend, rng, backbone, batch_norm, training, seeds, more
):
    network = make(backbone, batch_norm, seeds, backend, **more)
    x = backend.to_device(rng.normal(size=(*network.stack, 3, 48)))
    labels = backend.to_device(rng.integers(5, size=(*network.stack, 3)))
    _, *upstream = step(network, x, labels, training)
    dx = network.backward(*upstream, input_gradient=True).copy()
    gradients = network.gradients.copy()

    def value(_):
        return step(network, x, labels, training)[0]

    assert_gradient(value, network.parameters, gradients, name="dparameters")
    assert_gradient(value, x, dx, name="dx")
    network.backward(*step(network, x, labels, training)[1:])
    assert (network.gradients == gradients).all()  # also where dx is not asked for


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("backbone", MAKE)
def test_attacks_see_the_gradient_of_common_images_and_touch_no_other(
    backend, rng, backbone, batch_norm
):
    network = make(backbone, batch_norm, [0, 1], backend)
    x = backend.to_device(rng.normal(size=(5, 48)))
    network.forward(x)
    network.gradients[...] = 3
    dlogits = backend.to_device(rng.normal(size=(2, 5, 5)))
    dx = network.input_gradient(dlogits).sum(axis=0)
    assert (network.gradients == 3).all()
    assert_gradient(network.forward, x, dx, dlogits, name="dx")


@pytest.mark.parametrize("backbone", MAKE)
def test_predict_equals_forward_and_leaves_training_undisturbed(backend, rng, backbone):
    network = make(backbone, backend=backend, crop=1, flip=True)
    x, other = (backend.to_device(a) for a in rng.normal(size=(2, 5, 48)))
    labels = backend.to_device(np.arange(5))
    logits = network.forward(x).copy()
    assert backend.xp.allclose(network.predict(x), logits, rtol=0, atol=1e-12)
    _, *upstream = step(network, x, labels, True)
    network.backward(*upstream)
    expected = network.gradients.copy()
    _, *upstream = step(network, x, labels, True)
    state = [array.copy() for array in network.named_state().values()]
    network.predict(other[:3])
    network.backward(*upstream)
    assert (network.gradients == expected).all()
    after = network.named_state().values()
    assert all((array == before).all() for array, before in zip(after, state, strict=True))


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("backbone", MAKE)
def test_stacked_networks_equal_the_same_seeds_alone_to_the_bit(rng, backbone, batch_norm):
    seeds = [5, 0, 7]
    settings = {"dtype": np.float32, "crop": 2, "flip": True, "activation": "relu"}
    stack = make(backbone, batch_norm, seeds, **settings)
    x = rng.normal(size=(3, 31, 48)).astype(np.float32)
    labels = rng.integers(5, size=(3, 31))
    losses, *upstream = step(stack, x, labels, True)
    stack.backward(*upstream)
    for member, seed in enumerate(seeds):
        alone = make(backbone, batch_norm, seed, **settings)
        loss, *upstream = step(alone, x[member], labels[member], True)
        alone.backward(*upstream)
        assert loss == losses[member]
        for found, expected in zip(stack.leaves(), alone.leaves(), strict=True):
            names = [*found.parameter_names, *found.state_names]
            for name in [*names, *(f"d{name}" for name in found.parameter_names)]:
                assert np.array_equal(getattr(found, name)[member], getattr(expected, name)), name
        assert np.array_equal(stack.predict(x[0])[member], alone.predict(x[0]))


def test_parameters_have_the_names_and_shapes_of_a_checkpoint():
    network = make("cnn", blocks=2)
    shapes = {name: p.shape for name, p in network.named_parameters().items()}
    names = ("hidden.0.0", "hidden.0.1", "hidden.1.0", "hidden.1.1")
    kernels = [(18, 3), (27, 3), (27, 4), (36, 4)]
    expected = {}
    for name, kernel in zip(names, kernels, strict=True):
        scale = {f"{name}.norm.{kind}": (1, kernel[1]) for kind in ("scale", "shift")}
        expected |= {f"{name}.conv.W": kernel} | scale
    assert dict([*shapes.items()][:12]) == expected
    assert shapes["latent.W"] == (4, 4)  # 4 x 6 pixels become 2 x 3, then one
    assert [*network.named_state()][:2] == [
        f"hidden.0.0.norm.running_{kind}" for kind in ("mean", "variance")
    ]
    assert "hidden.0.0.conv.b" in make("cnn", batch_norm=False).named_parameters()


def test_residual_networks_have_a_shortcut_where_shapes_change():
    network = make("resnet", blocks=2, stem_stride=2)
    names = [name for name in network.named_parameters() if name.endswith("W")]
    first, second, third, fourth = (f"hidden.{s}.{b}" for s in (0, 1) for b in (0, 1))
    assert names == [
        "hidden.stem.conv.W",
        *(f"{block}.branch.conv{n}.W" for block in (first, second, third) for n in (1, 2)),
        f"{third}.shortcut.conv.W",
        *(f"{fourth}.branch.conv{n}.W" for n in (1, 2)),
        *("latent.W", "classifier.W"),
    ]
    assert network.backbone.output_shape((48,)) == (4,)
    shape, sizes = (48,), []
    for name, layer in network.backbone.children.items():
        shape = layer.output_shape(shape)
        sizes += [shape] if name.startswith(("stem.conv", "0.0", "1.0")) else []
    assert sizes == [(2, 3, 3)] * 3 + [(1, 2, 4)] * 2  # each with its activation
    assert network.widest == 48  # the stem halves 4 x 6: no activation is as large as an image


@pytest.mark.parametrize(
    ("size", "stages", "stem_stride"),
    [((1, 1), 1, 1), ((2, 3), 2, 1), ((8, 8), 4, 1), ((28, 28), 2, 2), ((5, 9), 1, 5)],
)
def test_smallest_images_of_a_residual_network(size, stages, stem_stride):
    check_strides(size, stages, stem_stride)
    with pytest.raises(ValueError, match="is more than an image of"):
        check_strides(size, stages + 4, stem_stride)
    with pytest.raises(ValueError, match=f"of {size[0]} x {size[1]} has rows or columns"):
        check_strides(size, stages, min(size) + 1)


@pytest.fixture(scope="module")
def digits():
    return load_configured_dataset(SMALL)


def trained(config, digits):
    """Return the trainer and all parameters and statistics after its epochs, by their names."""
    trainer = Trainer(config, digits)
    for epoch in range(config.epochs):
        trainer.run_epoch(epoch)
    return trainer, trainer.network.named_parameters() | trainer.network.named_state()


@pytest.mark.parametrize("backbone", MAKE)
def test_one_seed_gives_the_same_bits_twice(digits, backbone):
    config = replace(SMALL, backbone=backbone, crop=1, flip=True)
    (_, first), (_, second) = (trained(config, digits) for _ in range(2))
    assert all(np.array_equal(array, second[name]) for name, array in first.items())
    for other in (replace(config, flip=False), replace(config, crop=2)):
        changed = trained(other, digits)[1]
        assert not any(np.array_equal(array, changed[name]) for name, array in first.items())


@pytest.mark.parametrize("backbone", MAKE)
def test_members_trained_on_threads_have_the_bits_of_their_single_runs(
    monkeypatch, digits, backbone
):
    monkeypatch.setattr("lpc_scratch.training.trainer.num_threads", lambda: 2)
    config = replace(SMALL, backbone=backbone, seeds=(3, 1, 0, 8), crop=1, flip=True)
    trainer, stacked = trained(config, digits)
    assert isinstance(trainer._executor, Members)
    for member, seed in enumerate(config.seeds):
        _, alone = trained(replace(config, seeds=(seed,)), digits)
        for name, array in alone.items():
            assert np.array_equal(stacked[name][member], array), name


@pytest.mark.parametrize("backbone", MAKE)
def test_digits_are_learned_in_a_few_epochs(digits, backbone):
    settings = {"channels": (8, 16), "latent_dim": 8, "gamma": 0.01, "learning_rate": 1e-2}
    result = train(replace(SMALL, backbone=backbone, epochs=4, **settings), digits)
    assert result.column("test_accuracy")[-1] > 0.93
