"""The primitives of images on every device against the reference, as in `test_ops`."""

from contextlib import nullcontext

import numpy as np
import pytest
from agreement import REFERENCE, assert_agrees
from host_cuda import reverse_order

from lpc_scratch.backend.image_reference import NO_PADDING, ImageReference, output_size
from lpc_scratch.nn.seeding import generator

# H, W; window, stride, padding
GEOMETRIES = {
    "common": ((5, 7), (3, 3), (1, 1), ((1, 1), (1, 1))),
    "even window, four paddings": ((5, 7), (2, 4), (1, 2), ((0, 1), (3, 2))),
    "stride larger than the window": ((7, 5), (1, 2), (3, 3), NO_PADDING),
    "rows that no window sees": ((16, 13), (7, 5), (3, 2), ((2, 2), (1, 0))),
    "one row, padded at its sides": ((5, 5), (1, 3), (1, 1), ((0, 0), (1, 1))),
    "single pixels": ((4, 6), (1, 1), (1, 1), NO_PADDING),
    "every other pixel": ((4, 6), (1, 1), (2, 2), NO_PADDING),
    "whole image": ((3, 2), (3, 2), (1, 1), NO_PADDING),
    "much padding": ((2, 3), (3, 2), (2, 1), ((3, 1), (2, 4))),
}
CONVOLUTIONS = ["conv2d", "conv2d_weight_gradient", "conv2d_input_gradient"]


@pytest.fixture(params=GEOMETRIES)
def geometry(request):
    return GEOMETRIES[request.param]


def convolution(name, rng, geometry, stack, sizes=(3, 2, 4), shared=False):
    """Arguments of a primitive, for (images, channels, filters); x may be common to all members."""
    (H, W), *windows = geometry
    B, C, filters = sizes
    x = rng.normal(size=(*(() if shared else stack), B, H, W, C))
    weights = rng.normal(size=(*stack, np.prod(windows[0]) * C, filters))
    dy = rng.normal(size=(*stack, B, *output_size((H, W), *windows), filters))
    return {
        "conv2d": (x, weights, rng.normal(size=(*stack, 1, filters)), *windows),
        "conv2d_weight_gradient": (x, dy, *windows),
        "conv2d_input_gradient": (dy, weights, (H, W, C), *windows),
    }[name]


def tolerance(dtype):
    return 1e-11 if dtype == np.float64 else 2e-5


@pytest.mark.parametrize(("stack", "dtype"), [((), "f8"), ((2,), "f8"), ((2,), "f4")])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(device, rng, geometry, name, stack, dtype):
    arguments = convolution(name, rng, geometry, stack)
    assert_agrees(device, name, arguments, stack, np.dtype(dtype), tolerance(dtype))


@pytest.mark.parametrize("sizes", [(1, 2, 3), (3, 1, 2), (2, 3, 1), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution_of_one_image_channel_or_filter(device, rng, name, sizes):
    arguments = convolution(name, rng, GEOMETRIES["rows that no window sees"], (), sizes)
    assert_agrees(device, name, arguments, (), np.float64, 1e-11)


@pytest.mark.parametrize("name", CONVOLUTIONS[:2])
def test_images_common_to_all_members(device, rng, geometry, name):
    arguments = convolution(name, rng, geometry, (3,), shared=True)
    assert_agrees(device, name, arguments, (3,), np.float64, 1e-11)


def test_convolution_without_bias(device, rng, geometry):
    x, W, _, *windows = convolution("conv2d", rng, geometry, (2,))
    assert_agrees(device, "conv2d", (x, W, None, *windows), (2,), np.float64, 1e-11)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("stack", [(), (2,)])
@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_patches_of_some_images_at_a_time(
    cuda_stand_in, monkeypatch, rng, name, images, stack, shared
):
    if shared and name == "conv2d_input_gradient":
        pytest.skip("has no x")
    place = cuda_stand_in.to_device, cuda_stand_in.to_host
    (H, W), *windows = GEOMETRIES["common"]
    taken = np.prod(output_size((H, W), *windows)) * np.prod(windows[0]) * 2 * 8  # by an image
    monkeypatch.setattr("lpc_scratch.backend.cuda.image_ops.PATCHES", images * taken)
    arguments = convolution(name, rng, GEOMETRIES["common"], stack, shared=shared)
    assert_agrees((cuda_stand_in.ops, *place), name, arguments, stack, np.float64, 1e-11)


@pytest.mark.parametrize(("stack", "dtype"), [((), "f8"), ((2,), "f8"), ((2,), "f4")])
@pytest.mark.parametrize("name", ["max_pool", "max_pool_backward"])
def test_max_pool(device, rng, geometry, name, stack, dtype):
    (H, W), window, stride, _ = geometry
    H, W = H + 1, W + 1  # there is no padding, and what is larger than an image is refused
    x = np.round(rng.normal(size=(*stack, 3, H, W, 2)))  # so that there are equal ones
    y = REFERENCE.max_pool(x, window, stride)
    position = np.zeros(y.shape, np.uint8)
    REFERENCE.max_pool(x, window, stride, position=position)
    arguments = (rng.normal(size=y.shape), position, (H, W, 2), window, stride)
    if name == "max_pool":
        arguments = (x, window, stride, np.zeros_like(y), np.full_like(position, 9))
    assert_agrees(device, name, arguments, stack, np.dtype(dtype), tolerance(dtype))


def test_largest_value_is_nan_where_one_is(device):
    ops, to_device, to_host = device
    x = np.zeros((1, 2, 4, 1))
    x[0, 1, 2] = np.nan
    assert np.array_equal(
        to_host(ops.max_pool(to_device(x), (2, 2), (2, 2)))[0, 0, :, 0], [0, np.nan], equal_nan=True
    )


@pytest.mark.parametrize("shape", [(1, 1), (5, 3)])
@pytest.mark.parametrize(("stack", "dtype"), [((), "f8"), ((2,), "f8"), ((2,), "f4")])
def test_average_pool(device, rng, stack, dtype, shape):
    x, dy = rng.normal(size=(*stack, 3, *shape, 7)), rng.normal(size=(*stack, 3, 7))
    given = (stack, np.dtype(dtype), tolerance(dtype))
    assert_agrees(device, "average_pool", (x,), *given)
    assert_agrees(device, "average_pool_backward", (dy, (*shape, 7)), *given)


# Rows and images; of one channel, of more than a block has threads, of more rows than a slab has.
BATCHES = [(6, 5), (5, 1), (3, 4, 2, 7), (5, 6, 6, 1), (2, 300), (3, 40, 30, 3), (2100, 20)]
NORMS = ["batch_moments", "update_moments", "batch_norm", "batch_norm_backward"]


def norm(name, rng, shape, stack):
    x, dy = rng.normal(size=(2, *stack, *shape)) + 0.3
    vectors = (*stack, 1, shape[-1])
    mean, variance = REFERENCE.batch_moments(x, stack)
    inverse = 1 / np.sqrt(variance + 1e-5)
    scale, shift, dscale, dshift = rng.normal(size=(4, *vectors))
    running = rng.normal(size=vectors), rng.uniform(size=vectors)
    return {
        "batch_moments": (x, stack),
        "update_moments": (mean, variance, *running, 7, 0.1, 1e-5),
        "batch_norm": (x, mean, inverse, scale, shift),
        "batch_norm_backward": (dy, x, mean, inverse, scale, dscale, dshift),
    }[name]


@pytest.mark.parametrize(("stack", "dtype"), [((), "f8"), ((2,), "f8"), ((2,), "f4")])
@pytest.mark.parametrize("shape", BATCHES, ids=str)
@pytest.mark.parametrize("name", NORMS)
def test_batch_norm(device, rng, name, shape, stack, dtype):
    arguments = norm(name, rng, shape, stack)
    rtol = 1e-10 if dtype == "f8" else 1e-4
    assert_agrees(device, name, arguments, stack, np.dtype(dtype), rtol)


def test_variance_around_a_large_mean_keeps_its_digits(device, rng):
    ops, to_device, to_host = device
    x = (1000 + rng.normal(size=(3000, 3))).astype("f")
    _, variance = ops.batch_moments(to_device(x), ())
    assert np.allclose(to_host(variance), x.astype(float).var(axis=0), rtol=1e-4)


@pytest.mark.parametrize("stack", [(), (2,)])
@pytest.mark.parametrize("columns", [1, 20, 300])
def test_sum_over_many_rows(device, rng, columns, stack):
    dy = rng.normal(size=(*stack, 4200, columns))
    assert_agrees(device, "sum_rows", (dy,), stack, np.float64, 1e-10)


@pytest.mark.parametrize("stack", [(), (2,)])
@pytest.mark.parametrize("reach", [1, 3])
@pytest.mark.parametrize("back", [False, True])
def test_crop(device, rng, stack, reach, back):
    x = rng.normal(size=(*stack, 40, 5, 4, 3))
    words = rng.integers(2**64, size=(*stack, 40), dtype=np.uint64)
    for arguments in ((x, words, reach, None, back), (x[..., :1], words, reach, None, back)):
        assert_agrees(device, "crop", arguments, stack, np.float64, 0)


@pytest.mark.parametrize("stack", [(), (2,)])
@pytest.mark.parametrize("columns", [1, 4, 5])
def test_flip(device, rng, stack, columns):
    x = rng.normal(size=(*stack, 10, 3, columns, 2))
    words = rng.integers(2**64, size=(*stack, 10), dtype=np.uint64)
    assert_agrees(device, "flip", (x, words), stack, np.float64, 0)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("batch", [1, 6, 300])
def test_random_words_are_those_of_the_host(device, batch, members):
    ops, to_device, to_host = device
    state = None
    for epoch in range(2):
        ours, theirs = (
            [generator(seed, "augmentation", epoch, 1) for seed in range(members)] for _ in range(2)
        )
        state = ops.dropout_generators(ours, state)
        for _ in range(3):
            out = to_device(np.zeros((members, batch), np.uint64))
            expected = [g.bit_generator.random_raw(batch) for g in theirs]
            assert np.array_equal(to_host(ops.random_words(state, out)), expected)


def with_out(rng):
    """Return the primitives that write where they are told to, with arguments."""
    x, words = rng.normal(size=(2, 9, 5, 7, 3)), rng.integers(2**64, size=(2, 9), dtype=np.uint64)
    position = np.zeros((2, 9, 2, 3, 3), np.uint8)
    return (
        {name: convolution(name, rng, GEOMETRIES["common"], (2,)) for name in CONVOLUTIONS}
        | {name: norm(name, rng, (3, 4, 2, 7), (2,)) for name in NORMS[2:]}
        | {
            "max_pool": (x, (2, 2), (2, 2)),
            "max_pool_backward": (x[..., :2, :3, :], position, (5, 7, 3), (2, 2), (2, 2)),
            "average_pool": (x,),
            "average_pool_backward": (x[..., 0, 0, :], (5, 7, 3)),
            "crop": (x, words, 2),
            "flip": (x, words),
        }
    )


def test_result_is_written_where_it_is_asked_for(device, rng):
    ops, to_device, to_host = device
    for name, arguments in with_out(rng).items():
        placed = [to_device(a) if isinstance(a, np.ndarray) else a for a in arguments]
        expected = getattr(ops, name)(*placed)
        out = to_device(np.full(expected.shape, np.nan))
        result = getattr(ops, name)(*placed, out=out)
        assert result.shape == out.shape, name
        assert np.array_equal(to_host(out), to_host(expected)), name


def test_kernels_have_the_same_bits_in_any_order_of_threads(cuda_stand_in, rng):
    ops, to_device, to_host = cuda_stand_in.ops, cuda_stand_in.to_device, cuda_stand_in.to_host
    calls = list(with_out(rng).items())
    calls += [(name, norm(name, rng, (3000, 20), (2,))) for name in NORMS]
    calls += [("sum_rows", (rng.normal(size=(2, 4200, 40)),))]

    def run(order):
        found = []
        with order:
            for name, arguments in calls:
                placed = [
                    to_device(a.astype("f") if a.dtype == float else a)
                    if isinstance(a, np.ndarray)
                    else a
                    for a in arguments
                ]
                result = getattr(ops, name)(*placed)
                results = result if isinstance(result, tuple) else (result,)
                found += [to_host(a) for a in (*results, *placed) if hasattr(a, "dtype")]
        return found

    for a, b in zip(run(nullcontext()), run(reverse_order()), strict=True):
        assert np.array_equal(a, b)


def test_every_primitive_of_images_has_a_kernel(cuda_stand_in):
    names = [name for name in vars(ImageReference) if not name.startswith("_")]
    assert all(map(cuda_stand_in.ops.overrides, names))
