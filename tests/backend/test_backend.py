import sys
import types

import numpy as np
import pytest

from lpc_scratch.backend import backend_of, get_backend
from lpc_scratch.errors import DeviceError


def test_cpu_backend_is_numpy_and_copies_nothing(rng):
    backend, x = get_backend("cpu"), rng.normal(size=3)
    assert backend.xp is np
    assert backend.to_device(x) is x
    assert backend.to_host(x) is x
    assert backend_of(x) is backend


def test_unknown_device_is_refused_by_name():
    with pytest.raises(DeviceError, match="unknown device 'tpu': choose cpu or gpu"):
        get_backend("tpu")


@pytest.mark.usefixtures("fresh_backends")
def test_gpu_without_cupy_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # makes the import fail
    with pytest.raises(DeviceError, match=r"needs CuPy.*pip install -r requirements-gpu.txt"):
        get_backend("gpu")


@pytest.mark.usefixtures("fresh_backends")
@pytest.mark.parametrize("answer", [0, RuntimeError("cudaErrorInsufficientDriver")])
def test_cupy_without_a_gpu_says_so(monkeypatch, answer):
    def count():
        if isinstance(answer, Exception):
            raise answer
        return answer

    cupy = types.ModuleType("cupy")
    cupy.cuda = types.SimpleNamespace(runtime=types.SimpleNamespace(getDeviceCount=count))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(DeviceError, match="needs an NVIDIA GPU"):
        get_backend("gpu")


@pytest.mark.usefixtures("cupy_stand_in")
def test_unknown_way_to_use_the_gpu_is_refused_by_name(monkeypatch):
    get_backend.cache_clear()
    monkeypatch.setenv("LPC_GPU", "quick")
    with pytest.raises(DeviceError, match="LPC_GPU is 'quick': set it to graph"):
        get_backend("gpu")


@pytest.mark.usefixtures("cuda_stand_in")
def test_kernels_that_fail_name_the_way_around_them(monkeypatch):
    def fail():
        raise OSError("libcublas.so: cannot open")

    get_backend.cache_clear()
    sys.modules["lpc_scratch.backend.cuda.products"]._cublas.cache_clear()
    monkeypatch.setattr("lpc_scratch.backend.cuda.products.load", fail)
    with pytest.raises(DeviceError, match=r"libcublas.so: cannot open.*set LPC_GPU=eager"):
        get_backend("gpu")


def test_stand_in_for_cupy_is_as_strict_as_cupy(cupy_stand_in):
    device, host = cupy_stand_in.xp.ones(2), np.ones(2)
    assert backend_of(device) is cupy_stand_in
    for mix in (lambda: device + host, lambda: host * device, lambda: np.add(device, 1, out=host)):
        with pytest.raises(TypeError, match="a host array meets a device array"):
            mix()
    with pytest.raises(TypeError, match="a host array meets a device array"):
        device[...] = host


def test_arrays_travel_to_the_device_and_back(backend, rng):
    x = rng.normal(size=(2, 3)).astype(np.float32)
    on_device = backend.to_device(x)
    assert backend_of(on_device) is backend
    backend.synchronize()
    assert np.array_equal(backend.to_host(on_device), x)
