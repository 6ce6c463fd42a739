import sys

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
