"""The CuPy primitives against the NumPy ones.

`cupy_ops` uses only calls that CuPy shares with NumPy, so without a GPU its arithmetic is
checked with a strict NumPy standing in for CuPy; with one, the same checks run on the device.
"""

import inspect

import numpy as np
import pytest

from lpc_scratch.backend import get_backend, numpy_ops
from lpc_scratch.errors import DeviceError


def public_functions(module):
    functions = inspect.getmembers(module, inspect.isfunction)
    return {n: f for n, f in functions if not n.startswith("_") and f.__module__ == module.__name__}


DEVICES = ["eager", "kernels"]


@pytest.fixture(
    params=[f"{d} on the host" for d in DEVICES]
    + [pytest.param(f"{d} on the device", marks=pytest.mark.gpu) for d in DEVICES]
)
def gpu(request, monkeypatch):
    """`cupy_ops` or `cuda_ops`, with the way to its arrays and back: (ops, to_device, to_host)."""
    mode, _, _, place = request.param.split()
    if place == "host":
        fixture = {"eager": "cupy_stand_in", "kernels": "cuda_stand_in"}[mode]
        backend = request.getfixturevalue(fixture)
    else:
        request.getfixturevalue("fresh_backends")
        monkeypatch.setenv("LPC_GPU", "eager" if mode == "eager" else "graph")
        try:
            backend = get_backend("gpu")
        except DeviceError as error:
            pytest.skip(str(error))
    return backend.ops, backend.to_device, backend.to_host


def case(name, rng, stack, shape=(6, 5)):
    """Arguments of a primitive, `out` left out: arrays (float64), numbers, generators."""
    B, K = shape
    x, y = rng.normal(size=(2, *stack, B, K))
    labels = rng.integers(K, size=(*stack, B))
    gamma = np.full((*stack, 1, 1), 3.0) + np.arange(np.prod(stack, dtype=int)).reshape(
        *stack, 1, 1
    )
    flat = rng.normal(size=(3, B * K)), np.abs(rng.normal(size=B * K))
    return {
        "affine": (x, rng.normal(size=(*stack, K, 4)), rng.normal(size=(*stack, 1, 4))),
        "matmul": (x, np.ascontiguousarray(y.mT)),
        "sum_rows": (x,),
        "relu": (x,),
        "relu_backward": (x, y),
        "silu": (x,),
        "silu_backward": (x, y, np.abs(np.tanh(y))),
        "tanh": (x,),
        "tanh_backward": (x, np.tanh(y)),
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
    } | {f"{p}_penalty": (x, gamma) for p in ("exp", "exp_coordinate", "exp_sample", "l2")}


NAMES = [name for name in public_functions(numpy_ops) if name != "dropout_generators"]


def test_both_modules_have_the_same_signatures(gpu):
    ours = {name: inspect.signature(f) for name, f in public_functions(gpu[0]).items()}
    for name, function in public_functions(numpy_ops).items():
        assert ours.get(name) == inspect.signature(function), name


@pytest.mark.parametrize("stack", [(), (3,)])
@pytest.mark.parametrize("name", NAMES)
def test_primitive_agrees_with_numpy(gpu, rng, name, stack):
    assert_agrees(gpu, name, case(name, rng, stack)[name], stack, np.float64, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (70, 33)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_awkward_shapes_agree_with_numpy(gpu, rng, name, shape, dtype):
    arguments = case(name, rng, (2,), shape)[name]
    rtol = 1e-11 if dtype == np.float64 else 2e-5
    assert_agrees(gpu, name, arguments, (2,), dtype, rtol)


def assert_agrees(gpu, name, arguments, stack, dtype, rtol):
    ops, to_device, to_host = gpu

    def call(function, place):
        placed = [
            [np.random.Generator(np.random.SFC64(s)) for s in range(*stack or (1,))]
            if isinstance(a, str)
            else place(a.astype(dtype) if a.dtype == float else a)
            if isinstance(a, np.ndarray)
            else a
            for a in arguments
        ]
        results = function(*placed)
        results = results if isinstance(results, tuple) else (results,)
        in_place = [a for a in placed if hasattr(a, "dtype")]
        if name == "gather":
            del in_place[2]  # `raw` is a buffer, not a result
        return [r for r in (*results, *in_place) if r is not None]

    expected = call(getattr(numpy_ops, name), np.array)
    for result, reference in zip(call(getattr(ops, name), to_device), expected, strict=True):
        assert result.shape == reference.shape
        assert result.dtype == reference.dtype
        scale = np.abs(reference).max(initial=0.0) if dtype == np.float32 else 1e-3
        assert np.allclose(to_host(result), reference, rtol=rtol, atol=rtol * scale)


WITH_OUT = [
    name
    for name, function in public_functions(numpy_ops).items()
    if (out := inspect.signature(function).parameters.get("out")) and out.default is None
]


@pytest.mark.parametrize("module", ["numpy", "cupy"])
@pytest.mark.parametrize("name", WITH_OUT)
def test_result_is_written_where_it_is_asked_for(gpu, rng, name, module):
    ops, to_device, to_host = (numpy_ops, np.array, np.asarray) if module == "numpy" else gpu
    arguments = [to_device(a) for a in case(name, rng, (3,))[name]]
    expected = getattr(ops, name)(*arguments)
    expected = expected[1] if isinstance(expected, tuple) else expected
    out = to_device(np.full(expected.shape, np.nan))
    result = getattr(ops, name)(*arguments, out=out)
    assert (result[1] if isinstance(result, tuple) else result) is out
    assert np.array_equal(to_host(out), to_host(expected))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_in_floats_are_gathered_like_pixels(gpu, rng, dtype):
    ops, to_device, to_host = gpu
    source, rows = rng.normal(size=(20, 7)).astype(dtype), rng.integers(20, size=(2, 6))
    raw, out = np.empty((2, 6, 7), dtype), np.empty((2, 6, 7))
    result = ops.gather(*map(to_device, (source, rows)), 2.0, -1.0, *map(to_device, (raw, out)))
    assert np.allclose(to_host(result), source[rows] * 2.0 - 1.0, rtol=1e-6)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "double_softmax_cross_entropy"])
def test_labels_can_be_common_to_all_members(gpu, rng, name):
    ops, to_device, to_host = gpu
    logits, labels = rng.normal(size=(3, 6, 5)), rng.integers(5, size=6)
    found = getattr(ops, name)(to_device(logits), to_device(labels))
    for result, expected in zip(found, getattr(numpy_ops, name)(logits, labels), strict=True):
        assert np.allclose(to_host(result), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "double_softmax_cross_entropy"])
def test_huge_logits_do_not_overflow(gpu, name):
    ops, to_device, to_host = gpu
    logits = to_device(np.array([[1e4, -1e4, 0.0]]))
    loss, dlogits = getattr(ops, name)(logits, to_device(np.array([0])))
    assert np.isfinite(to_host(loss))
    assert np.isfinite(to_host(dlogits)).all()


def test_decoupled_weight_decay_agrees_with_numpy(gpu, rng):
    ops, to_device, to_host = gpu
    vectors = [*rng.normal(size=(3, 40)), np.abs(rng.normal(size=40))]
    ours = [np.array(vector) for vector in vectors]
    theirs = [to_device(vector) for vector in vectors]
    for function, arrays in ((numpy_ops.adam_step, ours), (ops.adam_step, theirs)):
        function(*arrays, 3, 0.1, (0.9, 0.999), 1e-8, 0.01, True)
    for array, reference in zip(theirs, ours, strict=True):
        assert np.allclose(to_host(array), reference, rtol=1e-12, atol=1e-15)
