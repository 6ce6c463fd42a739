import math
import sys

import numpy as np
import pytest

from lpc_scratch.backend import numpy_ops
from lpc_scratch.backend.numpy_ops import NumpyOps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 1000, 400_001])  # the last is split over the threads
@pytest.mark.parametrize(("weight_decay", "decoupled"), [(0.0, False), (0.1, False), (0.1, True)])
def test_compiled_adam_takes_the_step_of_numpy_to_the_bit(
    rng, dtype, size, weight_decay, decoupled
):
    pytest.importorskip("numba", reason="numba is not installed")
    start = [*rng.normal(size=(3, size)), np.abs(rng.normal(size=size))]
    ours, compiled = ([vector.astype(dtype) for vector in start] for _ in range(2))
    for ops, vectors in ((NumpyOps(math.inf), ours), (NumpyOps(0), compiled)):
        for step in (1, 2):
            settings = (step, 1e-3, (0.9, 0.999), 1e-8, weight_decay, decoupled)
            ops.adam_step(*vectors, *settings)
    assert all(np.array_equal(a, b) for a, b in zip(ours, compiled, strict=True))


@pytest.fixture
def forgetful():
    """Forget whether numba is there, before a test and after it."""
    numpy_ops._compiled_adam.cache_clear()
    yield
    numpy_ops._compiled_adam.cache_clear()


def test_long_vectors_alone_are_compiled(forgetful):
    pytest.importorskip("numba", reason="numba is not installed")
    ops = NumpyOps()
    assert [ops.compiles(size) for size in (999_999, 1_000_000)] == [False, True]


def test_numba_that_is_absent_or_switched_off_is_not_used(monkeypatch, forgetful):
    monkeypatch.setenv("LPC_NUMBA", "0")
    assert not NumpyOps(0).compiles(10)
    monkeypatch.delenv("LPC_NUMBA")
    numpy_ops._compiled_adam.cache_clear()
    monkeypatch.setitem(sys.modules, "numba", None)  # makes the import fail
    monkeypatch.delitem(sys.modules, "lpc_scratch.backend.numba_ops", raising=False)
    assert not NumpyOps(0).compiles(10)
