import dataclasses

import numpy as np
import pytest

from data_utils import load_dataset
from lpc_scratch import load_run
from lpc_scratch.attacks import PixelModel, margin_gradient_norm
from lpc_scratch.attacks.objectives import cross_entropy, log_odds, margin
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError
from lpc_scratch.nn.backbones import cnn, mlp, resnet
from lpc_scratch.nn.gradcheck import assert_gradient
from lpc_scratch.nn.inputs import Standardisation
from lpc_scratch.nn.layers import Linear
from lpc_scratch.nn.losses import softmax_cross_entropy
from lpc_scratch.nn.network import Network
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.training import train


def make_network(features, classes, dtype=np.float32):
    backbone = mlp(features, (5,), dtype=dtype)
    layers = Linear(5, 4, dtype=dtype), Linear(4, classes, dtype=dtype)
    return Network(backbone, *layers, features)


@pytest.mark.parametrize("seeds", [0, [0, 1]])
@pytest.mark.parametrize(
    ("kind", "network"),
    [
        ("loss_gradient", None),
        ("margin_gradient", None),
        ("loss_gradient", cnn),
        ("margin_gradient", resnet),
    ],
)
def test_pixel_gradients_match_central_differences(
    backend, make_model, images, rng, monkeypatch, kind, network, seeds
):
    monkeypatch.setattr("lpc_scratch.attacks.model.CHUNK", 10)  # three chunks
    model = make_model(seeds, backend=backend, images=network)
    labels = rng.integers(4, size=24)
    _, gradient = getattr(model, kind)(images, labels)
    assert gradient.shape == (*np.shape(seeds), 24, 16)
    total = gradient.sum(axis=0) if seeds else gradient
    assert_gradient(lambda p: getattr(model, kind)(p, labels)[0], images, total)


@pytest.mark.parametrize("seeds", [0, [0, 1]])
def test_pixels_of_every_channel_have_their_own_contrast(
    backend, describe_data, make_model, rng, seeds
):
    shape = (2, 3, 3)
    scale, shift = np.tile(rng.uniform(0.005, 0.02, size=(2, 3)), 6) * np.array([[1], [-60]])
    network = make_model(seeds, backend=backend, image_shape=shape).network.shown(Standardisation())
    model = PixelModel(network, describe_data(shape, scale, shift, white=255))
    stored = rng.integers(256, size=(4, *shape), dtype=np.uint8)
    pixels, labels = model.pixels(stored), rng.integers(4, size=4)
    assert model.largest == 255
    assert (pixels * 255).round().astype(int).tolist() == stored.reshape(4, 18).tolist()
    shown = stored.reshape(4, 18) * scale + shift
    expected = backend.to_host(network.predict(backend.to_device(shown)))
    assert model.logits(pixels) == pytest.approx(expected, abs=1e-12)
    inner = pixels * 0.8 + 0.1  # differences stay within the range
    _, gradient = model.loss_gradient(inner, labels)
    total = gradient.sum(axis=0) if seeds else gradient
    assert_gradient(lambda p: model.loss_gradient(p, labels)[0], inner, total)


@pytest.mark.parametrize("objective", [cross_entropy, log_odds, margin])
def test_gradients_of_objectives_match_central_differences(backend, rng, objective):
    logits = backend.to_device(rng.normal(size=(3, 5, 4)))
    labels = backend.to_device(rng.integers(4, size=(3, 5)))
    upstream = backend.to_device(rng.normal(size=(3, 5)))
    before = logits.copy()
    gradient = objective(logits, labels)[1] * upstream[..., None]
    assert (logits == before).all()
    assert_gradient(lambda s: objective(s, labels)[0], logits, gradient, upstream)


def test_objectives_agree_with_their_definitions(rng):
    logits, labels = rng.normal(size=(6, 4)), rng.integers(4, size=6)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    own = p[np.arange(6), labels]
    loss, dloss = cross_entropy(logits, labels)
    odds, dodds = log_odds(logits, labels)
    assert loss == pytest.approx(-np.log(own))
    assert odds == pytest.approx(np.log((1 - own) / own))
    assert dodds * (1 - own)[:, None] == pytest.approx(dloss)
    others = [np.delete(row, label).max() for row, label in zip(logits, labels, strict=True)]
    assert margin(logits, labels)[0] == pytest.approx(logits[np.arange(6), labels] - others)
    mean, gradient = softmax_cross_entropy(logits, labels)
    assert (loss.mean(), dloss / 6) == (pytest.approx(mean), pytest.approx(gradient))


def test_log_odds_keep_their_gradient_where_cross_entropy_has_none():
    logits, labels = np.array([[200, 0, -1]], np.float32), np.array([0])
    assert not cross_entropy(logits, labels)[1].any()
    value, gradient = log_odds(logits, labels)
    assert value == pytest.approx(-200 + np.log1p(np.exp(-1)))
    assert gradient.dtype == np.float32
    assert gradient[0] == pytest.approx([-1, 0.731059, 0.268941], rel=1e-5)


@pytest.mark.parametrize("dataset", ["digits", "mnist"])
def test_pixels_of_a_model_are_what_its_run_was_trained_on(rng, describe_data, dataset):
    side, largest = {"digits": (8, 16), "mnist": (28, 255)}[dataset]
    network = make_network(side * side, 10, np.float64)
    model = PixelModel(network, describe_data((side, side), scale=2 / largest))
    stored = rng.integers(largest + 1, size=(5, side, side), dtype=np.uint8)
    stored[0, 0, :2] = 0, largest
    pixels = model.pixels(stored)
    assert model.largest == largest
    assert (pixels.dtype, pixels.shape) == (np.float64, (5, side * side))
    assert (pixels.min(), pixels.max()) == (0, 1)
    assert np.array_equal(pixels, model.pixels(stored.reshape(5, -1)))
    expected = network.predict(stored.reshape(5, -1) * (2 / largest) - 1.0)
    assert model.logits(pixels) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seeds", [(3,), (3, 5)])
def test_model_of_a_run_has_all_its_members(tmp_path, digits, seeds):
    config = TrainConfig(hidden=(16,), latent_dim=4, epochs=1, gamma=0.1, seeds=seeds)
    train(config, recorder=RunFolder(tmp_path / "run"))
    run = load_run(tmp_path / "run")
    model = PixelModel.from_run(run)
    logits = model.logits(model.pixels(digits.x_test))
    assert (model.largest, model.classes, model.image_shape) == (16, 10, (8, 8))
    assert logits == pytest.approx(run.logits(digits.x_test), abs=1e-4)


def test_float32_networks_get_float32_images_and_gradients(make_model, images):
    model = make_model(dtype=np.float32)
    loss, gradient = model.loss_gradient(images, np.zeros(24, int))
    assert {a.dtype for a in (loss, gradient, model.logits(images))} == {np.dtype(np.float32)}
    assert model.pixels(np.zeros((3, 4, 4), np.uint8)).dtype == np.float32


def test_every_member_may_have_images_and_labels_of_its_own(make_model, images, rng):
    model, labels = make_model([0, 1]), rng.integers(4, size=(2, 24))
    both = np.stack([images, images[::-1]])
    loss, gradient = model.loss_gradient(both, labels)
    for member in range(2):
        one, d_one = model.loss_gradient(both[member], labels[member])
        assert np.array_equal(loss[member], one[member])
        assert np.array_equal(gradient[member], d_one[member])


@pytest.mark.parametrize("seeds", [0, [0, 1]])
def test_margins_of_a_linear_classifier_are_its_distances(make_model, images, seeds):
    model = make_model(seeds, hidden=())
    logits = model.logits(images)
    labels = logits.argmax(axis=-1)
    labels[..., :3] = (labels[..., :3] + 1) % 4  # misclassified
    margins = margin_gradient_norm(model, images, labels)
    W = next(model.network.leaves()).W @ model.network.classifier.W
    own = np.take_along_axis(logits, labels[..., None], axis=-1)
    others = logits.copy()
    np.put_along_axis(others, labels[..., None], -np.inf, axis=-1)
    assert margins.margin == pytest.approx(own[..., 0] - others.max(axis=-1))
    columns = np.swapaxes(W, -1, -2)
    rival = others.argmax(axis=-1)
    difference = np.take_along_axis(columns, labels[..., None], axis=-2) - np.take_along_axis(
        columns, rival[..., None], axis=-2
    )
    assert margins.gradient_norm == pytest.approx(2 * np.linalg.norm(difference, axis=-1))
    assert margins.distance == pytest.approx(margins.margin / margins.gradient_norm)
    assert (margins.distance[..., :3] < 0).all()
    assert (margins.distance[..., 3:] > 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": np.zeros(16)}, "features of one's own"),
        ({"image_shape": (16,)}, r"\(H, W\) or \(H, W, C\), and these inputs have \(16,\)"),
        ({"scale": 1.0, "shift": 0.0}, "scaled by 1.0 and shifted by 0.0"),
        ({"scale": 0.3}, "scaled by 0.3 and shifted by -1"),
        ({"scale": -2 / 255}, "scaled by -0.00784313725490196 and"),
        ({"image_shape": (4, 5)}, r"takes 16 numbers, and images of shape \(4, 5\) have 20"),
    ],
)
def test_data_that_are_no_images_are_refused(describe_data, changes, message):
    data = describe_data(**{"image_shape": (4, 4)} | changes)
    with pytest.raises(ConfigError, match=message):
        PixelModel(make_network(16, 3), data)


def test_points_in_space_and_features_of_a_run_are_refused():
    gaussians = load_dataset("gaussians")
    network = make_network(gaussians.num_features, gaussians.num_classes)
    with pytest.raises(ConfigError, match="attacks need images"):
        PixelModel(network, gaussians)
    square = dataclasses.replace(gaussians, image_shape=(1, gaussians.num_features))
    with pytest.raises(ConfigError, match="attacks need pixels scaled to"):
        PixelModel(network, square)


def test_network_of_one_class_is_refused(describe_data):
    with pytest.raises(ConfigError, match="two classes or more"):
        PixelModel(make_network(16, 1), describe_data((4, 4)))


@pytest.mark.parametrize("seeds", [0, [0, 1]])
@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 15)), np.zeros(3, int), r"must have shape \(N, 16\), and have \(3, 15\)"),
        (np.zeros(16), np.zeros(1, int), r"must be \(N, 16\) with N of 1 or more"),
        (np.zeros((0, 16)), np.zeros(0, int), r"N of 1 or more, and are \(0, 16\)"),
        (np.full((3, 16), 1.5), np.zeros(3, int), "must be from 0 to 1, and there is 1.5"),
        (np.full((3, 16), 1.0000001), np.zeros(3, int), "there is 1.0000001$"),
        (np.full((3, 16), -0.1), np.zeros(3, int), "and there is -0.1"),
        (np.full((3, 16), np.nan), np.zeros(3, int), "must be finite numbers .*, and hold nan"),
        (np.zeros((3, 16)), np.zeros(2, int), r"shape \(3,\), .* int64 of shape \(2,\)"),
        (np.zeros((3, 16)), np.zeros(3), r"whole numbers of shape \(3,\), .* float64"),
        (np.zeros((3, 16)), [0, 1, 4], "must be from 0 to 3, and there is a 4"),
        (np.zeros((3, 16)), [0, -1, 0], "and there is a -1"),
    ],
)
def test_images_and_labels_that_cannot_be_are_refused(make_model, seeds, images, labels, message):
    with pytest.raises(ValueError, match=message):
        make_model(seeds).loss_gradient(images, labels)


def test_images_of_another_number_of_members_are_refused(make_model):
    for seeds in (0, [0, 1]):
        with pytest.raises(ValueError, match=r"images must be|must have shape"):
            make_model(seeds).logits(np.zeros((3, 2, 16)))


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (np.zeros((2, 15), np.uint8), r"images must be \(N, 16\), and are \(2, 15\)"),
        (np.zeros(16, np.uint8), r"and are \(16,\)"),
        (np.full((2, 16), 256), "must be from 0 to 255, and there is 256"),
    ],
)
def test_stored_images_that_cannot_be_are_refused(make_model, stored, message):
    with pytest.raises(ValueError, match=message):
        make_model().pixels(stored)
