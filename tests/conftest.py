import numpy as np
import pytest

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
