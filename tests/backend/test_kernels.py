"""What the kernels do beyond the primitives of NumPy, and that they compile for a GPU."""

from pathlib import Path

import numpy as np
import nvrtc
import pytest
from host_cuda import reverse_order

import lpc_scratch.backend
from lpc_scratch.backend import get_backend
from lpc_scratch.errors import DeviceError
from lpc_scratch.nn.seeding import generator

CUDA = Path(lpc_scratch.backend.__file__).with_name("cuda")
SOURCE = "".join(
    CUDA.joinpath(name).read_text(encoding="utf-8") for name in ("kernels.cu", "image_kernels.cu")
)


@pytest.mark.parametrize("architecture", ["sm_70", "sm_80", "sm_90"])
@pytest.mark.parametrize("real", ["float", "double"])
def test_kernels_compile_for_the_gpus_of_three_generations(architecture, real):
    if nvrtc.find_nvrtc() is None:
        pytest.skip("NVRTC is not installed: pip install nvidia-cuda-nvrtc-cu12")
    if architecture not in nvrtc.architectures():
        pytest.skip(f"this NVRTC does not know {architecture}: pip install nvidia-cuda-nvrtc-cu12")
    assert SOURCE.isascii()  # the compiler's files may be written in any encoding
    text = nvrtc.compile_to_ptx(SOURCE, architecture, (f"-DREAL={real}",))
    assert text.count(".entry") == SOURCE.count("__global__")


@pytest.fixture(params=["host", pytest.param("device", marks=pytest.mark.gpu)])
def backend(request):
    """Where the kernels run: as C++ on the host, and on a GPU if there is one."""
    if request.param == "host":
        return request.getfixturevalue("cuda_stand_in")
    try:
        return get_backend("gpu")
    except DeviceError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("size", [(5, 7), (64, 256), (1, 1)], ids=str)
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_of_the_device_is_that_of_the_host(backend, size, rate):
    ops, members = backend.ops, 3

    def generators(epoch):
        return [generator(seed, "dropout", epoch, 2) for seed in range(members)]

    state = None
    for epoch in range(2):
        host, state = generators(epoch), ops.dropout_generators(generators(epoch), state)
        for _ in range(3):
            expected = get_backend().ops.dropout_mask(
                host, rate, np.empty((members, *size), np.float32)
            )
            mask = ops.dropout_mask(state, rate, backend.xp.empty((members, *size), "f"))
            assert np.array_equal(backend.to_host(mask), expected)


@pytest.mark.parametrize("stack_b", [(), (3,)])
@pytest.mark.parametrize("stack_a", [(), (3,)])
@pytest.mark.parametrize("sizes", [(4, 5, 6), (1, 5, 6), (4, 1, 6), (4, 5, 1), (1, 1, 1)], ids=str)
def test_products_of_transposes_and_of_shared_matrices(backend, rng, sizes, stack_a, stack_b):
    ops, to_device = backend.ops, backend.to_device
    m, k, n = sizes
    a, b = rng.normal(size=(*stack_a, m, k)), rng.normal(size=(*stack_b, k, n))
    flipped = [to_device(np.ascontiguousarray(x.mT)).mT for x in (a, b)]
    for left in (to_device(a), flipped[0]):
        for right in (to_device(b), flipped[1]):
            product = backend.to_host(ops.matmul(left, right))
            assert np.allclose(product, a @ b, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("size", [(1, 1), (70, 33), (256, 5), (257, 5)], ids=str)
def test_joined_kernels_give_the_bits_of_those_they_join(backend, rng, size):
    ops, to_device, to_host = backend.ops, backend.to_device, backend.to_host
    dy, y = (to_device(a.astype(np.float32)) for a in rng.normal(size=(2, 3, *size)))
    dx = ops.relu_backward(dy, y)
    total, found = ops.relu_backward_sum(dy.copy(), y)
    expected = {"dx": (dx, found), "its sum": (ops.sum_rows(dx), total)}
    in_place = dy.copy()
    ops.relu_backward_sum(in_place, y, out=in_place)
    expected["dx in place"] = (dx, in_place)
    W, b = (to_device(rng.normal(size=(3, n, 4)).astype(np.float32)) for n in (size[1], 1))
    expected["y"] = (ops.relu(ops.affine(dy, W, b)), ops.affine_relu(dy, W, b))
    for name, (one, other) in expected.items():
        assert np.array_equal(to_host(one), to_host(other)), name


def test_arrays_that_a_kernel_would_misread_are_refused(backend):
    ones = backend.xp.ones
    with pytest.raises(ValueError, match=r"no product of \(4, 5\) float64 and \(5, 4\) float32"):
        backend.ops.matmul(ones((4, 5), "d"), ones((5, 4), "f"))
    with pytest.raises(ValueError, match="one shape and dtype"):
        backend.ops.multiply(ones((4, 5), "d"), ones(5, "d"))
    with pytest.raises(ValueError, match="one shape and dtype"):
        backend.ops.relu_backward_sum(ones((4, 5), "d"), ones((4, 5), "f"))
    with pytest.raises(ValueError, match=r"out must be C-contiguous, of shape \(1, 5\)"):
        backend.ops.sum_rows(ones((4, 5), "d"), out=ones(7, "d"))


def test_failed_recording_shows_what_failed(backend):
    def fail():
        raise MemoryError("no room")

    graph = backend.graph()
    with pytest.raises(MemoryError, match="no room"), graph:
        graph.record(fail)
    assert not graph.recorded


def test_kernels_do_not_depend_on_the_order_of_threads(cuda_stand_in, rng):
    backend = cuda_stand_in
    to_device, to_host, ops = backend.to_device, backend.to_host, backend.ops
    z, labels = to_device(rng.normal(size=(2, 70, 33))), to_device(rng.integers(33, size=(2, 70)))
    losses = backend.xp.zeros((4, 2))
    vectors = [to_device(v) for v in np.abs(rng.normal(size=(4, 700)))]

    def run():
        counter = to_device(np.array(1))
        ops.end_step(z[:, 0, 0].copy(), losses, counter)
        parameters = [v.copy() for v in vectors]
        ops.adam_step(*parameters, 3, 0.1, (0.9, 0.999), 1e-8, 0.1, True)
        return [
            *ops.softmax_cross_entropy(z, labels),
            *ops.double_softmax_cross_entropy(z, labels),
            *(
                a
                for p in ("exp", "exp_sample", "exp_coordinate", "l2")
                for a in getattr(ops, f"{p}_penalty")(z, 2.0)
            ),
            ops.sum_rows(z),
            *ops.relu_backward_sum(z, z),
            counter,
            losses.copy(),
            *parameters,
        ]

    forward = run()
    with reverse_order():
        backward = run()
    assert all(
        np.array_equal(to_host(a), to_host(b)) for a, b in zip(forward, backward, strict=True)
    )
