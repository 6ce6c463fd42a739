"""Every override of a primitive against the reference, on the CPU and on the GPU.

Without a GPU a strict NumPy stands in for CuPy, and the kernels are built by the host's compiler;
with one, the same checks run on the device.
"""

import inspect

import numpy as np
import pytest
from agreement import REFERENCE, assert_agrees

from lpc_scratch.backend.image_reference import ImageReference
from lpc_scratch.backend.reference import Reference

NAMES = [
    name
    for name, _ in inspect.getmembers(Reference, inspect.isfunction)
    if not name.startswith("_")
    and name not in ("compiles", "dropout_generators", "overrides")
    and not hasattr(ImageReference, name)  # which are in test_image_ops
]
PENALTIES = ["exp", "exp_coordinate", "exp_sample", "l2", "max"]


def case(name, rng, stack, shape=(6, 5)):
    """Arguments of a primitive, `out` left out: arrays (float64), numbers, generators."""
    B, K = shape
    x, y = rng.normal(size=(2, *stack, B, K))
    labels = rng.integers(K, size=(*stack, B))
    gamma = np.full((*stack, 1, 1), 3.0) + np.arange(np.prod(stack, dtype=int)).reshape(
        *stack, 1, 1
    )
    flat = rng.normal(size=(3, B * K)), np.abs(rng.normal(size=B * K))
    # Images of 6 x 4: kernels of 2 x 3 see 3 x 4 places, and never the last row of the padding.
    images, pixels = rng.normal(size=(2, *stack, B, 6, 4, K))
    kernels = (rng.normal(size=(*stack, 6 * K, 4)), rng.normal(size=(*stack, 1, 4)))
    geometry, pool = ((2, 3), (2, 1), ((0, 1), (1, 1))), ((2, 3), (2, 1))
    upstream = rng.normal(size=(*stack, B, 3, 4, 4))
    moments = rng.normal(size=(5, *stack, 1, K))
    own = images.mean((-4, -3, -2))[..., None, :], 1 / images.std((-4, -3, -2))[..., None, :]
    words = rng.integers(2**64 - 1, size=(*stack, B), dtype=np.uint64)
    return {
        "affine": (x, rng.normal(size=(*stack, K, 4)), rng.normal(size=(*stack, 1, 4))),
        "affine_relu": (x, rng.normal(size=(*stack, K, 4)), rng.normal(size=(*stack, 1, 4))),
        "matmul": (x, np.ascontiguousarray(y.mT)),
        "sum_rows": (x,),
        "relu": (x,),
        "relu_backward": (x, y),
        "relu_backward_sum": (x, y),
        "silu": (x,),
        "silu_backward": (x, y, np.abs(np.tanh(y))),
        "tanh": (x,),
        "tanh_backward": (x, np.tanh(y)),
        "add": (x, y),
        "multiply": (x, y),
        "dropout_mask": ("generators", 0.3, x),
        "gather": (
            rng.integers(255, size=(20, K), dtype=np.uint8),
            rng.integers(20, size=(*stack, B)),
            2 / 255,
            -1.0,
            np.zeros((*stack, B, K), np.uint8),
            x,
        ),
        "gather_labels": (np.arange(20), rng.integers(20, size=(*stack, B)), labels),
        "softmax_cross_entropy": (x, labels),
        "double_softmax_cross_entropy": (x, labels),
        "sgd_step": (*flat[0], 0.1, 0.9, 0.01),
        "adam_step": (*flat[0], flat[1], 3, 0.1, (0.9, 0.999), 1e-8, 0.01, False),
        "rmsprop_step": (*flat[0][:2], flat[1], 0.1, 0.99, 1e-8, 0.01),
        "signum_step": (*flat[0], 0.1, 0.9, 0.01),
        "lion_step": (*flat[0], 0.1, (0.9, 0.99), 0.01),
        "accumulate": (x, y, 0.9),
        "descend": (x, y, 0.1, 0.01),
        "normalized": (x,),
        "power_direction": (x, 3.0),
        "polar_factor": (x,),
        "mean_square": (x,),
        "lp_penalty": (x, gamma, 3.0),
        "patches": (images, *geometry),
        "conv2d": (images, *kernels, *geometry),
        "conv2d_weight_gradient": (images, upstream, *geometry),
        "conv2d_input_gradient": (upstream, kernels[0], (6, 4, K), *geometry),
        "max_pool": (images, *pool),
        "max_pool_backward": (
            rng.normal(size=(*stack, B, 3, 2, K)),
            rng.integers(6, size=(*stack, B, 3, 2, K), dtype=np.uint8),
            (6, 4, K),
            *pool,
        ),
        "batch_moments": (images, stack),
        "batch_norm": (images, *moments[:4]),
        "batch_norm_backward": (pixels, images, *own, *moments[2:]),
        "random_words": ("generators", words),
        "crop": (images, words, 2),
        "flip": (images, words),
    } | {f"{p}_penalty": (x, gamma) for p in PENALTIES}


@pytest.mark.parametrize("stack", [(), (3,)])
@pytest.mark.parametrize("name", NAMES)
def test_primitive_agrees_with_the_reference(device, rng, name, stack):
    assert_agrees(device, name, case(name, rng, stack)[name], stack, np.float64, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_awkward_shapes_agree_with_the_reference(device, rng, name, dtype):
    rtol = 1e-11 if dtype == np.float64 else 2e-5
    for shape in ((1, 1), (1, 300), (300, 1), (70, 33)):
        arguments = case(name, rng, (2,), shape)[name]
        assert_agrees(device, name, arguments, (2,), dtype, rtol)


WITH_OUT = [
    name
    for name in NAMES
    if (out := inspect.signature(getattr(Reference, name)).parameters.get("out"))
    and out.default is None
]


@pytest.mark.parametrize("name", WITH_OUT)
def test_result_is_written_where_it_is_asked_for(device, rng, name):
    ops, to_device, to_host = device
    arguments = [
        to_device(a) if isinstance(a, np.ndarray) else a for a in case(name, rng, (3,))[name]
    ]
    expected = getattr(ops, name)(*arguments)
    expected = expected[1] if isinstance(expected, tuple) else expected
    out = to_device(np.full(expected.shape, np.nan))
    result = getattr(ops, name)(*arguments, out=out)
    result = result[1] if isinstance(result, tuple) else result
    assert result.shape == expected.shape
    assert np.array_equal(to_host(out), to_host(expected))
    out[...] = 7
    assert (result == 7).all()  # it is `out`, or a view of all of it


@pytest.mark.parametrize("stack", [(), (3,)])
def test_pooling_notes_the_first_of_the_largest_values(device, rng, stack):
    ops, to_device, to_host = device
    x = rng.integers(3, size=(*stack, 5, 6, 4, 7)).astype(float)  # most windows have equal values
    expected = np.empty((*stack, 5, 3, 2, 7), np.uint8)
    REFERENCE.max_pool(x, (2, 3), (2, 1), position=expected)
    position = to_device(np.full_like(expected, 99))
    ops.max_pool(to_device(x), (2, 3), (2, 1), position=position)
    assert np.array_equal(to_host(position), expected)
    for place in np.ndindex(expected.shape):
        *image, i, j, channel = place
        window = x[*image, 2 * i : 2 * i + 2, j : j + 3, channel]
        assert expected[place] == np.argmax(window)


def test_a_flip_mirrors_the_images_of_odd_words(device, rng):
    ops, to_device, to_host = device
    x, words = rng.normal(size=(4, 2, 3, 1)), np.array([0, 1, 6, 2**64 - 1], np.uint64)
    flipped = to_host(ops.flip(to_device(x), to_device(words)))
    assert np.array_equal(flipped[::2], x[::2])
    assert np.array_equal(flipped[1::2], x[1::2, :, ::-1])


@pytest.mark.parametrize("reach", [1, 4])
def test_a_crop_is_a_part_of_the_image_padded_with_zeros(device, rng, reach):
    ops, to_device, to_host = device
    x = rng.normal(size=(40, 6, 4, 3))
    words = rng.integers(2**64 - 1, size=40, dtype=np.uint64)
    words[:2] = 0, 2**64 - 1  # the two ends
    padded = np.pad(x, [(0, 0), (reach, reach), (reach, reach), (0, 0)])
    starts = [
        [(int(word) >> bits & 0xFFFF) * (2 * reach + 1) >> 16 for bits in (0, 16)] for word in words
    ]
    expected = [padded[n, i : i + 6, j : j + 4] for n, (i, j) in enumerate(starts)]
    cut = ops.crop(to_device(x), to_device(words), reach)
    assert np.array_equal(to_host(cut), expected)
    assert {0, 2 * reach} <= {start[0] for start in starts}
    dy = rng.normal(size=x.shape)
    back = ops.crop(to_device(dy), to_device(words), reach, back=True)
    for image in range(40):  # the adjoint, image by image
        found = np.sum(to_host(back)[image] * x[image])
        assert found == pytest.approx(np.sum(dy[image] * expected[image]), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_in_floats_are_gathered_like_pixels(device, rng, dtype):
    ops, to_device, to_host = device
    source, rows = rng.normal(size=(20, 7)).astype(dtype), rng.integers(20, size=(2, 6))
    raw, out = np.empty((2, 6, 7), dtype), np.empty((2, 6, 7))
    result = ops.gather(*map(to_device, (source, rows)), 2.0, -1.0, *map(to_device, (raw, out)))
    assert np.allclose(to_host(result), source[rows] * 2.0 - 1.0, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stored", [np.uint8, np.float32])
@pytest.mark.parametrize("features", [1, 7, 300])
def test_every_feature_may_have_a_scale_and_a_shift_of_its_own(
    device, rng, dtype, stored, features
):
    ops, to_device, to_host = device
    source = rng.integers(255, size=(20, features)).astype(stored)
    rows, factors = rng.integers(20, size=(2, 6)), rng.normal(size=(2, features)).astype(dtype)
    raw, out = np.empty((2, 6, features), stored), np.empty((2, 6, features), dtype)
    result = ops.gather(*map(to_device, (source, rows, *factors, raw, out)))
    expected = source[rows] * factors[0].astype(float) + factors[1]
    assert result.dtype == dtype
    assert np.allclose(to_host(result), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "double_softmax_cross_entropy"])
def test_labels_can_be_common_to_all_members(device, rng, name):
    ops, to_device, to_host = device
    logits, labels = rng.normal(size=(3, 6, 5)), rng.integers(5, size=6)
    found = getattr(ops, name)(to_device(logits), to_device(labels))
    for result, expected in zip(found, getattr(REFERENCE, name)(logits, labels), strict=True):
        assert np.allclose(to_host(result), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "expected"),
    # of the probabilities (1, 0, 0), which the second softmax takes for logits
    [("softmax_cross_entropy", 0), ("double_softmax_cross_entropy", np.log(np.e + 2) - 1)],
)
def test_huge_logits_do_not_overflow(device, name, expected):
    ops, to_device, to_host = device
    logits = to_device(np.array([[1e4, -1e4, 0.0]]))
    loss, dlogits = getattr(ops, name)(logits, to_device(np.array([0])))
    assert to_host(loss) == pytest.approx(expected, rel=1e-12)
    assert np.array_equal(to_host(dlogits), np.zeros((1, 3)))


def test_decoupled_weight_decay_agrees_with_the_reference(device, rng):
    ops, to_device, to_host = device
    vectors = [*rng.normal(size=(3, 40)), np.abs(rng.normal(size=40))]
    ours = [np.array(vector) for vector in vectors]
    theirs = [to_device(vector) for vector in vectors]
    for function, arrays in ((REFERENCE.adam_step, ours), (ops.adam_step, theirs)):
        function(*arrays, 3, 0.1, (0.9, 0.999), 1e-8, 0.01, True)
    for array, reference in zip(theirs, ours, strict=True):
        assert np.allclose(to_host(array), reference, rtol=1e-12, atol=1e-15)
