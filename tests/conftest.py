import sys
import types

import numpy as np
import pytest

import lpc_scratch.backend
from lpc_scratch.backend import get_backend
from lpc_scratch.errors import DeviceError


@pytest.fixture(params=["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
def backend(request):
    """Run a test on every device that is present."""
    try:
        return get_backend(request.param)
    except DeviceError as error:
        pytest.skip(str(error))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def fresh_backends():
    """Forget the GPU's backend and module for a test, and again what the test has made of them."""
    name = "lpc_scratch.backend.cupy_ops"
    real = sys.modules.get(name)

    def forget():
        sys.modules.pop(name, None)
        vars(lpc_scratch.backend).pop("cupy_ops", None)
        get_backend.cache_clear()

    forget()
    yield
    forget()
    if real:
        sys.modules[name] = lpc_scratch.backend.cupy_ops = real


class DeviceArray(np.ndarray):
    """Stands in for `cupy.ndarray`: like it, it refuses to meet an array of the host."""

    __module__ = "cupy"

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **keywords):
        results = getattr(ufunc, method)(
            *map(_enter, inputs), **keywords, **({"out": tuple(map(_enter, out))} if out else {})
        )
        return out[0] if out else np.asarray(results).view(DeviceArray)

    def __setitem__(self, index, value):
        _enter(value)
        super().__setitem__(index, value)


def _enter(value):
    if isinstance(value, DeviceArray):
        return value.view(np.ndarray)
    if isinstance(value, np.ndarray):
        raise TypeError("a host array meets a device array")
    return value


@pytest.fixture
def cupy_stand_in(monkeypatch, fresh_backends):
    """Make `get_backend("gpu")` work without a GPU, on NumPy as strict as CuPy."""

    def on_device(make):
        return lambda *arguments: make(*arguments).view(DeviceArray)

    cupy = types.ModuleType("cupy")
    vars(cupy).update({name: getattr(np, name) for name in np.__all__})
    for name in ("array", "arange", "empty", "ones", "zeros", "zeros_like"):
        setattr(cupy, name, on_device(getattr(np, name)))
    cupy.asarray = lambda a: a if isinstance(a, DeviceArray) else cupy.array(a)
    cupy.asnumpy = np.array
    cupy.cuda = types.SimpleNamespace(
        Device=lambda: types.SimpleNamespace(id=0),
        get_current_stream=lambda: types.SimpleNamespace(synchronize=lambda: None),
        runtime=types.SimpleNamespace(
            getDeviceCount=lambda: 1, getDeviceProperties=lambda _: {"name": b"stand-in"}
        ),
    )
    cupy.__version__ = "0"
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return get_backend("gpu")
