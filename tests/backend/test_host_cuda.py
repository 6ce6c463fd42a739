"""The two ways to check CUDA kernels without a GPU: run them on the host, compile them by NVRTC."""

import contextlib

import host_cuda
import numpy as np
import nvrtc
import pytest

SOURCE = """
typedef REAL real;

// out[b] = sum of the 256 elements of x that are block b's
extern "C" __global__ void __launch_bounds__(256) sum(const real* __restrict__ x, real* out)
{
    __shared__ real partial[256];
    partial[threadIdx.x] = x[blockIdx.x * 256 + threadIdx.x];
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
    }
    if (threadIdx.x == 0) out[blockIdx.x] = partial[0];
}

// The element `step` threads on, without the barrier that this needs.
extern "C" __global__ void neighbour(const real* x, real* out, int step)
{
    __shared__ real shared[256];
    shared[threadIdx.x] = x[threadIdx.x];
    out[threadIdx.x] = shared[max(0, min((int)threadIdx.x + step, 255))];
}

extern "C" __global__ void add(real* x, real summand, long long n)
{
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    __syncthreads();
    x[i] += summand;
}

extern "C" __global__ void part_ways()
{
    if (threadIdx.x == 0)
        __syncthreads();
    else
        __syncthreads();
}

extern "C" __global__ void where(int* out)
{
    int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    int i = block * blockDim.x * blockDim.y * blockDim.z + thread;
    out[i] = i;
}

extern "C" __global__ void types(const unsigned char* a, const long long* b, double* c,
                                 unsigned long long* d, const bool* e, unsigned f, double g) {}
"""

needs_nvrtc = pytest.mark.skipif(
    nvrtc.find_nvrtc() is None, reason="needs NVRTC: pip install nvidia-cuda-nvrtc-cu12"
)


@pytest.fixture
def build():
    """Make the module for the host: build(code, real="float", ...)."""
    if host_cuda.host_compiler() is None:
        pytest.skip("needs g++ or c++ on Linux")

    def make(code=SOURCE, real="float", **keywords):
        return host_cuda.HostModule(code, (f"-DREAL={real}", "--std=c++17"), **keywords)

    return make


@pytest.fixture
def floats(build):
    return build()


@pytest.fixture(params=["first to last", "last to first"])
def order(request):
    backwards = request.param == "last to first"
    with host_cuda.reverse_order() if backwards else contextlib.nullcontext():
        yield


@pytest.mark.usefixtures("order")
@pytest.mark.parametrize(("real", "dtype"), [("float", np.float32), ("double", np.float64)])
def test_threads_of_a_block_share_memory(build, rng, real, dtype):
    x, out = rng.normal(size=(3, 256)).astype(dtype), np.zeros(3, dtype)
    build(real=real).get_function("sum")((3,), (256,), (x, out))
    np.testing.assert_allclose(out, x.sum(1), rtol=1e-4)


@pytest.mark.parametrize("step", [-1, 1])
def test_missing_barrier_shows_in_one_of_the_two_orders(floats, rng, step):
    neighbour, x = floats.get_function("neighbour"), rng.normal(size=256).astype(np.float32)
    out, right = np.empty_like(x), x[np.clip(np.arange(256) + step, 0, 255)]
    neighbour((1,), (256,), (x, out, np.int32(step)))
    assert np.array_equal(out, right) == (step == -1)
    with host_cuda.reverse_order():
        neighbour((1,), (256,), (x, out, np.int32(step)))
    assert np.array_equal(out, right) == (step == 1)


def test_shared_memory_begins_as_nan(floats):
    x, out = np.ones(256, np.float32), np.empty(256, np.float32)
    for _ in range(2):  # nor does a block find what the one before has left
        floats.get_function("neighbour")((1,), (256,), (x, out, np.int32(1)))
        np.testing.assert_array_equal(out, np.where(np.arange(256) == 255, 1, np.nan))


@pytest.mark.usefixtures("order")
def test_thread_that_has_ended_is_not_waited_for(floats):
    x = np.zeros(1000, np.float32)
    floats.get_function("add")((4,), (256,), (x, np.float32(2), np.int64(900)))
    np.testing.assert_array_equal(x, np.where(np.arange(1000) < 900, 2, 0))


def test_threads_at_different_barriers_are_an_error(floats):
    with pytest.raises(RuntimeError, match=r"part_ways: .*different barriers"):
        floats.get_function("part_ways")((1,), (32,), ())
    x = np.zeros(256, np.float32)  # and the next launch knows nothing of it
    floats.get_function("add")((1,), (256,), (x, np.float32(1), np.int64(256)))
    assert x.all()


@pytest.mark.usefixtures("order")
def test_grids_and_blocks_have_three_axes(floats):
    out = np.full(2 * 3 * 4 * 5 * 6 * 7, -1, np.int32)
    floats.get_function("where")((2, 3, 4), (5, 6, 7), (out,))
    np.testing.assert_array_equal(out, np.arange(len(out)))


def test_modules_of_one_source_are_apart(build):
    x, _, module = np.ones(1), build(), build(real="double")
    module.get_function("add")((1,), (1,), (x, np.float64(1e-12), np.int64(1)))
    assert x == 1 + 1e-12


ARRAYS = [np.zeros(1, dtype) for dtype in (np.uint8, np.int64, np.float64, np.uint64, np.bool_)]
GOOD = [*ARRAYS, np.uint32(1), np.float64(1)]


@pytest.mark.parametrize(
    ("position", "bad"),
    [
        *((position, np.zeros(1, np.float32)) for position in range(7)),
        (0, np.zeros(1, np.int8)),
        (1, None),
        (2, np.broadcast_to(np.zeros(1), 3)),  # not to be written
        (3, np.zeros(1, np.int64)),
        (5, 1),
        (5, np.int32(1)),
        (5, np.uint64(1)),
        (5, np.zeros((), np.uint32)),
        (6, 1.0),
        (6, np.float32(1)),
    ],
)
def test_argument_of_another_type_is_refused(floats, position, bad):
    kernel = floats.get_function("types")
    kernel((1,), (1,), tuple(GOOD))
    with pytest.raises(TypeError, match=f"types: argument {position} is .*, not an? "):
        kernel((1,), (1,), (*GOOD[:position], bad, *GOOD[position + 1 :]))


def test_wrong_number_of_arguments_is_refused(floats):
    with pytest.raises(TypeError, match="types: 6 arguments of 7"):
        floats.get_function("types")((1,), (1,), tuple(GOOD[:6]))


def test_address_and_chosen_type_of_array(build):
    class Ours(np.ndarray):
        pass

    kernel, x = build(array_type=Ours).get_function("add"), np.zeros(3, np.float32)
    numbers = (np.float32(1), np.int64(3))
    kernel((1,), (3,), (x.view(Ours), *numbers))
    kernel((1,), (3,), (np.uintp(x.ctypes.data), *numbers))
    with pytest.raises(TypeError, match="argument 0 is ndarray float32, not a writeable array"):
        kernel((1,), (3,), (x, *numbers))
    np.testing.assert_array_equal(x, 2)


@pytest.mark.parametrize("grid", [(0,), (1, 65_536), (1, 1, 65_536)])
def test_grid_that_cuda_refuses_is_refused(floats, grid):
    with pytest.raises(ValueError, match="part_ways: grid"):
        floats.get_function("part_ways")(grid, (1,), ())


@pytest.mark.parametrize("block", [(0,), (1025,), (32, 33), (1, 1, 65)])
def test_block_that_cuda_refuses_is_refused(floats, block):
    with pytest.raises(ValueError, match="part_ways: block"):
        floats.get_function("part_ways")((1,), block, ())


def test_unknown_kernel_and_bad_source_say_so(build, floats):
    with pytest.raises(AttributeError, match="no kernel absent"):
        floats.get_function("absent")
    with pytest.raises(RuntimeError, match=r"kernels\.cu:2:.*nonsense"):
        build('extern "C" __global__ void f(int* x)\n{ *x = nonsense; }')


def test_recording_keeps_numbers_and_reads_arrays_when_it_is_replayed(floats):
    add, x, n = floats.get_function("add"), np.zeros(3, np.float32), np.int64(3)
    seen = []
    host_cuda.begin_capture()
    for summand in (np.float32(1), np.float32(2)):
        add((1,), (3,), (x, summand, n))
        host_cuda.record(lambda: seen.append(x[0]))
    graph = host_cuda.end_capture()
    assert not x.any()
    assert not seen
    x[:] = 10
    graph.launch()
    graph.launch()
    assert seen == [11, 13, 14, 16]


def test_recording_begins_and_ends_in_turn():
    with pytest.raises(RuntimeError, match="no recording"):
        host_cuda.end_capture()
    host_cuda.begin_capture()
    with pytest.raises(RuntimeError, match="under way"):
        host_cuda.begin_capture()
    host_cuda.end_capture().launch()
    assert not host_cuda.capturing()


@needs_nvrtc
@pytest.mark.parametrize("architecture", ["sm_70", "sm_80", "sm_90"])
@pytest.mark.parametrize("real", ["float", "double"])
def test_nvrtc_compiles_for_gpus(architecture, real):
    if architecture not in nvrtc.architectures():
        pytest.skip(f"this NVRTC does not know {architecture}")
    ptx = nvrtc.compile_to_ptx(SOURCE, architecture, (f"-DREAL={real}",))
    assert f".target {architecture}" in ptx
    assert ".entry neighbour(" in ptx


@needs_nvrtc
def test_nvrtc_gives_its_log():
    with pytest.raises(RuntimeError, match=r'kernels\.cu\(1\): error: .*"nonsense" is undefined'):
        nvrtc.compile_to_ptx('extern "C" __global__ void f(int* x) { *x = nonsense; }', "sm_80")
    with pytest.warns(UserWarning, match='"unused" was declared but never referenced'):
        nvrtc.compile_to_ptx('extern "C" __global__ void f() { int unused; }', "sm_80")
