import sys

import numpy as np
import pytest

from lpc_scratch.backend import compiled_ops, get_backend
from lpc_scratch.errors import DeviceError


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 1000, 400_001])  # the last is split over the threads
@pytest.mark.parametrize(("weight_decay", "decoupled"), [(0.0, False), (0.1, False), (0.1, True)])
def test_compiled_adam_takes_the_step_of_numpy_to_the_bit(
    rng, dtype, size, weight_decay, decoupled
):
    pytest.importorskip("numba", reason="numba is not installed")
    start = [*rng.normal(size=(3, size)), np.abs(rng.normal(size=size))]
    ours, compiled = ([vector.astype(dtype) for vector in start] for _ in range(2))
    for ops, vectors in ((get_backend().ops, ours), (compiled_ops(), compiled)):
        for step in (1, 2):
            settings = (step, 1e-3, (0.9, 0.999), 1e-8, weight_decay, decoupled)
            ops.adam_step(*vectors, *settings)
    assert all(np.array_equal(a, b) for a, b in zip(ours, compiled, strict=True))


def test_absent_numba_is_named_with_the_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)  # makes the import fail
    monkeypatch.delitem(sys.modules, "lpc_scratch.backend.numba_ops", raising=False)
    monkeypatch.delattr("lpc_scratch.backend.numba_ops", raising=False)
    with pytest.raises(
        DeviceError, match=r"numba is asked for.*pip install numba, or leave it off"
    ):
        compiled_ops()
