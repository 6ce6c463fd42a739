"""Convolution, pooling, augmentation and the views between rows and images."""

import numpy as np
import pytest
from scipy.signal import correlate2d

from lpc_scratch.nn.backbones import cnn, resnet
from lpc_scratch.nn.gradcheck import assert_layer_gradients
from lpc_scratch.nn.layers import (
    ACTIVATIONS,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Images,
    Linear,
    MaxPool2d,
    RandomCrop,
    RandomFlip,
    Residual,
    Sequential,
    walk,
)
from lpc_scratch.nn.seeding import generator

GEOMETRIES = {  # (H, W), window, stride, padding
    "same size": ((5, 5), 3, 1, 1),
    "all numbers different": ((13, 11), (5, 3), (2, 4), ((1, 0), (2, 3))),
    "last rows of the padding never read": ((16, 16), 7, 3, 2),
    "last rows never read": ((16, 16), 7, 3, ((2, 0), (2, 0))),
    "even window, one-sided padding": ((5, 6), (2, 4), 1, ((1, 0), (0, 2))),
    "1 x k": ((4, 7), (1, 3), (1, 2), 0),
    "k x 1": ((7, 4), (3, 1), (2, 1), (2, 0)),
    "padding of columns alone": ((5, 4), 3, 1, (0, 1)),
    "stride larger than window": ((8, 9), 2, 3, 0),
    "window as large as the image": ((4, 3), (4, 3), 1, 0),
    "padding larger than window": ((2, 3), 2, 1, 3),
    "one pixel": ((1, 1), 1, 1, 0),
}
STACKS = [(), (3,)]  # one network, and three on the member axis


def normal(backend, rng, *shape):
    return backend.to_device(rng.normal(size=shape))


def randomized(layer, rng):
    """Give every parameter and running statistic a random value, and return the layer."""
    for _, one in [("", layer), *walk(layer)]:
        for name in (*one.parameter_names, *one.state_names):
            values = rng.uniform(0.5, 2, size=getattr(one, name).shape)
            if name not in ("running_variance", "scale"):
                values *= rng.choice([-0.3, 0.3], size=values.shape)
            getattr(one, name)[...] = one.backend.to_device(values)
    return layer


def convolution(backend, rng, geometry, stack=(), bias=True, channels=2, filters=3):
    kind = Conv2d(channels, filters, *geometry[1:], bias, stack, np.float64, backend)
    return randomized(kind, rng)


@pytest.mark.parametrize(("stack", "bias"), [((), True), ((), False), ((3,), True)])
@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
def test_convolution_gradients_match_central_differences(backend, rng, geometry, stack, bias):
    layer = convolution(backend, rng, geometry, stack, bias)
    assert_layer_gradients(layer, normal(backend, rng, *stack, 2, *geometry[0], 2))


@pytest.mark.parametrize("channels", [1, 8])
def test_gradients_of_one_image_match_central_differences(backend, rng, channels):
    layer = convolution(backend, rng, GEOMETRIES["same size"], (), True, channels, channels)
    assert_layer_gradients(layer, normal(backend, rng, 1, 5, 5, channels))


def test_images_common_to_all_members_have_a_gradient_of_each(backend, rng):
    layer = convolution(backend, rng, GEOMETRIES["all numbers different"], (3,))
    x = normal(backend, rng, 2, 13, 11, 2)
    y = layer.forward(x).copy()
    dx = layer.backward(y).copy()
    gradients = layer.dW.copy(), layer.db.copy()
    stacked = backend.xp.stack([x, x, x])
    assert (layer.predict(x) == y).all()
    assert backend.xp.allclose(layer.forward(stacked), y, rtol=0, atol=1e-13)
    assert backend.xp.allclose(layer.backward(y), dx, rtol=0, atol=1e-13)
    for found, expected in zip((layer.dW, layer.db), gradients, strict=True):
        assert backend.xp.allclose(found, expected, rtol=0, atol=1e-12)


def test_kernels_are_ordered_by_row_column_and_channel(backend):
    layer = Conv2d(3, 4, (2, 5), (3, 2), ((1, 0), (2, 1)), True, (), np.float64, backend)
    x = backend.xp.zeros((1, 8, 9, 3))
    x[0, 3, 7, 1] = 10  # of the padded image: row 4, column 9
    layer.W[(1 * 5 + 3) * 3 + 1, 2] = 7  # kernel row 1, column 3, channel 1, filter 2
    layer.b[...] = backend.to_device(np.array([[0.1, 0.2, 0.3, 0.4]]))
    y = backend.to_host(layer.forward(x))
    assert y.shape == (1, 3, 4, 4)
    expected = np.broadcast_to([0.1, 0.2, 0.3, 0.4], y.shape).copy()
    expected[0, 1, 3, 2] += 70  # row 4 = 3 * 1 + 1, column 9 = 2 * 3 + 3
    assert np.array_equal(y, expected)


@pytest.mark.parametrize("geometry", ["1 x k", "k x 1", "even window, one-sided padding"])
def test_one_channel_is_a_correlation(backend, rng, geometry):
    size, window, stride, _ = GEOMETRIES[geometry]
    layer = convolution(backend, rng, GEOMETRIES[geometry], (), False, 1, 1)
    x = rng.normal(size=size)
    kernel = backend.to_host(layer.W).reshape(window)
    rows, columns = stride if isinstance(stride, tuple) else (stride, stride)
    expected = correlate2d(np.pad(x, layer.padding), kernel, "valid")[::rows, ::columns]
    y = backend.to_host(layer.forward(backend.to_device(x[None, :, :, None])))
    assert np.allclose(y[0, :, :, 0], expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("size", "window"), [((3, 5), 1), ((3, 5), (3, 5))])
def test_kernel_of_one_pixel_or_of_the_whole_image_is_a_linear_layer(backend, rng, size, window):
    layer = convolution(backend, rng, (size, window, 1, 0))
    linear = Linear(*layer.W.shape, dtype=np.float64, backend=backend)
    linear.W[...], linear.b[...] = layer.W, layer.b
    x = normal(backend, rng, 4, *size, 2)
    y = layer.forward(x)
    rows = (x.reshape(-1, len(layer.W)), y.reshape(-1, 3))
    assert backend.xp.allclose(linear.forward(rows[0]), rows[1], rtol=0, atol=1e-13)
    dy = normal(backend, rng, *y.shape)
    dx, expected = layer.backward(dy), linear.backward(dy.reshape(-1, 3))
    for found, other in ((dx.reshape(expected.shape), expected), (layer.dW, linear.dW)):
        assert backend.xp.allclose(found, other, rtol=0, atol=1e-12)
    assert backend.xp.allclose(layer.db, linear.db, rtol=0, atol=1e-12)


def test_bias_is_added_at_every_pixel_and_so_is_its_gradient(backend, rng):
    layer = convolution(backend, rng, GEOMETRIES["all numbers different"], (3,))
    y = layer.forward(normal(backend, rng, 3, 2, 13, 11, 2))
    dy = normal(backend, rng, *y.shape)
    layer.backward(dy)
    expected = dy.sum(axis=(1, 2, 3)).reshape(layer.db.shape)
    assert backend.xp.allclose(layer.db, expected, rtol=1e-12)


def test_pixels_that_no_window_reads_have_no_gradient(backend, rng):
    read = {"last rows never read": (14, 14), "stride larger than window": (8, 8)}
    for name, (rows, columns) in read.items():
        layer = convolution(backend, rng, GEOMETRIES[name])
        x = normal(backend, rng, 2, *GEOMETRIES[name][0], 2)
        dx = backend.to_host(layer.backward(layer.forward(x).copy()))
        seen = np.zeros(GEOMETRIES[name][0], bool)
        seen[:rows, :columns] = True
        if name == "stride larger than window":
            seen[2::3], seen[:, 2::3] = False, False
        assert np.all(dx[:, ~seen] == 0)
        assert np.all(dx[:, seen] != 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((1, 2, 0), "window must be at least 1, not 0"),
        ((1, 2, (3, 0)), r"window must be at least 1, not \(3, 0\)"),
        ((1, 2, 3, 0), "stride must be at least 1, not 0"),
        ((1, 2, 3, 1, -1), "padding must be at least 0, not -1"),
        ((1, 2, 3, 1, ((0, -1), 0)), r"padding must be at least 0, not \(0, -1\)"),
        ((0, 2, 3), "channels and filters must be at least 1, not 0, 2"),
    ],
)
def test_settings_that_make_no_convolution_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Conv2d(*settings)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Conv2d(2, 3, (5, 2), padding=1), (2, 9, 2), "kernel of 5 x 2 is larger than an image of"),
        (Conv2d(2, 3, (2, 5), padding=(1, 0)), (9, 4, 2), "kernel of 2 x 5 is larger than an ima"),
        (Conv2d(2, 3, 1), (4, 4, 1), "a Conv2d layer of 2 channels cannot take 1"),
        (Conv2d(2, 3, 1), (32,), r"Conv2d layer takes images of .*, not \(32,\)"),
        (MaxPool2d(3), (2, 9, 2), "a window of 3 x 3 is larger than an image of 2 x 9"),
        (GlobalAveragePool(), (9,), r"GlobalAveragePool layer takes images of .*, not \(9,\)"),
        (RandomCrop(3), (2, 9, 1), "a crop by 3 pixels is too much for images of 2 x 9"),
        (Images((2, 3, 4)), (23,), r"images of the shape \(2, 3, 4\) cannot be had from \(23,\)"),
        (BatchNorm(3), (4, 4, 2), r"normalisation of 3 channels cannot take \(4, 4, 2\)"),
    ],
)
def test_images_that_a_layer_cannot_take_are_refused(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer.output_shape(shape)
    if isinstance(layer, Conv2d | MaxPool2d) and len(shape) == 3:
        for see in (layer.forward, layer.predict):
            with pytest.raises(ValueError, match=message):
                see(np.zeros((2, *shape), np.float32))


@pytest.mark.parametrize("window", [0, 16])
def test_windows_that_cannot_be_pooled_are_refused(window):
    with pytest.raises(ValueError, match="window must"):
        MaxPool2d(window)


class Repeated:
    """Draws the same words at every call, as a gradient check needs."""

    def forward(self, x, training=False):
        count = len(x) if x.ndim == 5 else 1
        self.generators = [generator(seed, self.purpose) for seed in range(count)]
        return super().forward(x, training)


class RepeatedCrop(Repeated, RandomCrop):
    pass


class RepeatedFlip(Repeated, RandomFlip):
    pass


WITHOUT_PARAMETERS = {
    "largest of 2 x 2": lambda backend: MaxPool2d(2, backend=backend),
    "largest, all numbers different": lambda backend: MaxPool2d((3, 2), (1, 3), backend),
    "largest, with gaps": lambda backend: MaxPool2d((1, 2), 3, backend),
    "mean": GlobalAveragePool,
    "flatten": Flatten,
    "crop": lambda backend: RepeatedCrop(2, backend),
    "flip": RepeatedFlip,
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("make", WITHOUT_PARAMETERS.values(), ids=WITHOUT_PARAMETERS)
def test_gradients_of_layers_without_parameters_match_central_differences(
    backend, rng, make, stack, training
):
    layer, x = make(backend), normal(backend, rng, *stack, 4, 5, 7, 2)
    assert_layer_gradients(layer, x, training)
    if not training:
        assert (layer.forward(x) == layer.predict(x)).all()
    assert layer.forward(x, training).shape == (*stack, 4, *layer.output_shape((5, 7, 2)))


@pytest.mark.parametrize("stack", STACKS)
def test_rows_become_images_and_rows_again_without_a_copy(backend, rng, stack):
    x = normal(backend, rng, *stack, 4, 30)
    views = Images((3, 5, 2), backend), Flatten(backend)
    images = views[0].forward(x)
    assert images.shape == (*stack, 4, 3, 5, 2)
    assert (images[..., 1, 4, 0] == x[..., (1 * 5 + 4) * 2]).all()
    rows = views[1].forward(images)
    assert rows.shape == x.shape
    assert views[0].backward(views[1].backward(rows)).shape == x.shape
    rows[...] = 0
    assert not x.any()


LAYOUTS = {
    "every second": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
    "channels first": lambda x: x.transpose(0, 3, 1, 2).copy().transpose(0, 2, 3, 1),
    "Fortran's": np.asfortranarray,
    "read-only": lambda x: (x.setflags(write=False), x)[1],
}
LAYERS = {
    "conv": lambda: Conv2d(2, 3, (3, 2), (2, 1), ((1, 0), 1), dtype=float),
    "conv 1 x 1": lambda: Conv2d(2, 3, 1, dtype=float),
    "conv 3 x 3": lambda: Conv2d(2, 3, 3, 1, 1, dtype=float),
    "max": lambda: MaxPool2d(2),
    "mean": GlobalAveragePool,
    "norm": lambda: BatchNorm(2, dtype=float),
    "crop": lambda: RepeatedCrop(2),
    "flip": RepeatedFlip,
    "rows": Flatten,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", LAYERS)
def test_layout_in_memory_does_not_matter(rng, name, layout):
    layer, x = randomized(LAYERS[name](), rng), rng.normal(size=(4, 5, 7, 2))
    y = layer.forward(x, training=True).copy()
    dy = rng.normal(size=y.shape)
    dx = layer.backward(dy).copy()
    gradients = [getattr(layer, f"d{name}").copy() for name in layer.parameter_names]
    strange = LAYOUTS[layout](x.copy())
    strange_dy = LAYOUTS[layout](dy.copy()) if dy.ndim == 4 else dy
    close = {"rtol": 0, "atol": 1e-12}
    assert np.allclose(layer.forward(strange, training=True), y, **close)
    assert np.allclose(layer.backward(strange_dy), dx, **close)
    for name, expected in zip(layer.parameter_names, gradients, strict=True):
        assert np.allclose(getattr(layer, f"d{name}"), expected, **close)
    assert np.array_equal(strange, x)
    assert np.array_equal(strange_dy, dy)


@pytest.mark.parametrize("name", LAYERS)
def test_a_smaller_batch_after_a_larger_one_is_computed_as_by_a_fresh_layer(rng, name):
    used, fresh = (randomized(LAYERS[name](), np.random.default_rng(0)) for _ in range(2))
    x = rng.normal(size=(7, 5, 7, 2))
    used.backward(used.forward(x[:4], training=True).copy())
    dy = rng.normal(size=(3, *used.output_shape((5, 7, 2))))
    found, expected = (
        [layer.forward(x[4:], training=True), layer.backward(dy)]
        + [getattr(layer, f"d{parameter}") for parameter in layer.parameter_names]
        for layer in (used, fresh)
    )
    assert all(map(np.array_equal, found, expected))


def chain(*layers):
    return lambda: Sequential([make() for make in layers])


def conv(channels=3):
    return lambda: Conv2d(channels, 3, 3, 1, 1, dtype=float)


def norm():
    return BatchNorm(3, dtype=float)


def block(*layers, shortcut=None):
    return lambda: Residual(chain(*layers)(), shortcut and shortcut())


def chains(act):
    """Return networks in which an activation could write over what is read again."""
    return {
        "conv act norm": chain(conv(), act, norm),
        "norm act conv": chain(norm, act, conv()),
        "norm act norm": chain(norm, act, norm),
        "conv act pool": chain(conv(), act, lambda: MaxPool2d(2, 1), conv()),
        "pool act conv": chain(lambda: MaxPool2d(2), act, conv()),
        "mean act": chain(conv(), GlobalAveragePool, act),
        "act in a branch": chain(conv(), block(act, conv(), norm, act)),
        "norm first in a branch": chain(conv(), act, block(norm, act, conv())),
        "residual act residual": chain(block(conv(), norm), act, block(conv(), act, conv())),
        "residual of a residual": chain(conv(), block(block(conv(), act), act), act),
        "shortcut": chain(conv(), act, block(act, conv(), shortcut=chain(act, conv(), norm)), act),
        "crop act": chain(conv(), lambda: RepeatedCrop(1), act, conv()),
        "act crop": chain(conv(), act, RepeatedFlip, norm),
    }


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("act", ["relu", "silu"])
@pytest.mark.parametrize("name", chains(None))
def test_activations_overwrite_nothing_that_is_read_again(rng, name, act, training):
    layer = randomized(chains(ACTIVATIONS[act])[name](), rng)
    x = rng.normal(size=(4, 4, 5, 3))
    assert_layer_gradients(layer, x, training)
    if not training:
        given = x.copy()
        assert np.allclose(layer.predict(x), layer.forward(x), rtol=0, atol=1e-13)
        assert np.array_equal(x, given)


@pytest.mark.parametrize("name", LAYERS)
def test_gradient_of_the_input_is_an_array_of_its_own(rng, name):
    layer, x = randomized(LAYERS[name](), rng), rng.normal(size=(4, 5, 7, 2))
    given = x.copy()
    y = layer.forward(x, training=True)
    dy = y.copy()
    dx = layer.backward(dy)
    if name != "rows":
        assert not np.shares_memory(y, x)
        assert not any(np.shares_memory(dx, other) for other in (x, y, dy))
    assert np.array_equal(x, given)
    assert dx.shape == x.shape


def test_crop_fills_with_zeros_and_reaches_every_place(backend):
    crop = RandomCrop(2, backend)
    crop.generators = [generator(0, "augmentation")]
    x = backend.xp.ones((500, 5, 7, 1), np.float32)
    y = backend.to_host(crop.forward(x, training=True))[..., 0]
    assert set(np.unique(y)) == {0, 1}
    moved = {(first_rows(image), first_rows(image.T)) for image in y}
    assert len(moved) == 25
    assert crop.forward(x) is x
    assert crop.predict(x) is x


def first_rows(image):
    """How many rows an image of ones was moved up, below 0 for down."""
    empty = ~image.any(axis=1)
    return empty.sum() * (1 if empty[-1] else -1)


def test_flip_mirrors_half_of_the_images_left_for_right(backend, rng):
    flip = RandomFlip(backend)
    flip.generators = [generator(0, "augmentation")]
    x = rng.normal(size=(1000, 2, 3, 1))
    y = backend.to_host(flip.forward(backend.to_device(x), training=True))
    mirrored = (y == x[:, :, ::-1]).all(axis=(1, 2, 3))
    assert np.array_equal(y[~mirrored], x[~mirrored])
    assert mirrored.mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("make", [lambda b: RandomCrop(1, b), RandomFlip])
def test_members_are_changed_as_each_is_alone_and_at_every_step_anew(backend, rng, make):
    x = normal(backend, rng, 3, 16, 4, 5, 2)
    stack, alone = make(backend), make(backend)
    stack.generators = [generator(seed, "augmentation", 2) for seed in range(3)]
    steps = [backend.to_host(stack.forward(x, training=True)).copy() for _ in range(2)]
    assert not np.array_equal(*steps)
    for seed in range(3):
        alone.generators = [generator(seed, "augmentation", 2)]
        for step in steps:
            found = backend.to_host(alone.forward(x[seed], training=True))
            assert np.array_equal(found, step[seed])


@pytest.mark.parametrize("padding", [0, -1, 2**14])
def test_crop_by_no_pixel_or_by_too_many_is_refused(padding):
    with pytest.raises(ValueError, match=f"padding must be from 1 to 16383, not {padding}"):
        RandomCrop(padding)


@pytest.mark.parametrize("window", [[3, 3], (3, 3, 3), 3.0, (0, 1)])
def test_a_window_is_one_or_two_whole_numbers(window):
    with pytest.raises(ValueError, match="window must be"):
        Conv2d(1, 1, window)


@pytest.mark.parametrize("settings", [{"momentum": 5}, {"epsilon": -1}, {"channels": 0}])
def test_batch_norm_refuses_what_is_out_of_bounds(settings):
    with pytest.raises(ValueError, match="momentum above 0"):
        BatchNorm(**{"channels": 2, **settings})


def test_glorot_counts_the_places_at_which_a_pixel_meets_a_kernel():
    layer = Conv2d(64, 64, 3)
    layer.initialize("glorot", [np.random.default_rng(0)])
    bound = (6 / (9 * 64 + 9 * 64)) ** 0.5  # as torch.nn.init.xavier_uniform_
    assert 0.99 * bound < np.abs(layer.W).max() <= bound


@pytest.mark.parametrize("build", [cnn, resnet])
def test_a_backbone_makes_nothing_of_no_images(build):
    backbone = build(3, (4, 6), dtype=np.float64)
    assert backbone.predict(np.empty((0, 8, 8, 3))).shape[0] == 0
