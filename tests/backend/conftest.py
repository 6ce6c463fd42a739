import numpy as np
import pytest

from lpc_scratch.backend import get_backend
from lpc_scratch.errors import DeviceError

DEVICES = ["eager", "kernels"]


@pytest.fixture(
    params=["numpy", *(f"{d} on the host" for d in DEVICES)]
    + [pytest.param(f"{d} on the device", marks=pytest.mark.gpu) for d in DEVICES]
)
def device(request, monkeypatch):
    """The primitives of a device, and the way to its arrays and back."""
    if request.param == "numpy":
        return get_backend("cpu").ops, np.array, np.asarray
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
