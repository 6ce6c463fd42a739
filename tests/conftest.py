import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from cupy_stand_in import make_cublas, make_cupy
from host_cuda import host_compiler
from threadpoolctl import threadpool_limits

import lpc_scratch.backend
from lpc_scratch.backend import get_backend
from lpc_scratch.backend.threads import num_threads
from lpc_scratch.errors import DeviceError


def pytest_configure():
    """Let processes that tests start import this checkout, and heed interrupts.

    A shell lets what it starts in the background ignore them, and that is inherited. BLAS
    and OpenMP have one thread, here and there: for work as small as that of tests, two take longer.
    """
    num_threads()  # those of our own stay as many as there are cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # which OpenBLAS reads too
    threadpool_limits(1)  # what is loaded already
    places = str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, places))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def unforced():
    """Force nothing to the disk: no test cuts the power, and a busy disk takes seconds for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


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
def undrawn(monkeypatch):
    """Let the commands draw no figures: those take seconds, and have their own tests."""
    for name in (
        "train.draw",
        "experiments.comparison.save_comparison_plots",
        "experiments.sweep_report.save_figures",
        "evaluate.save_evaluation_plots",
    ):
        monkeypatch.setattr(f"lpc_scratch.{name}", lambda *_, **__: [])


@pytest.fixture
def fresh_backends():
    """Forget the GPU's backend and modules for a test, and again what the test has made of them."""
    package = "lpc_scratch.backend.cuda"

    def modules():
        return {name: sys.modules[name] for name in sys.modules if name.startswith(package)}

    def forget():
        for name in modules():
            del sys.modules[name]
        vars(lpc_scratch.backend).pop("cuda", None)
        get_backend.cache_clear()

    real = modules()
    forget()
    yield
    forget()
    sys.modules.update(real)
    if real:
        lpc_scratch.backend.cuda = real[package]


@pytest.fixture
def cupy_stand_in(monkeypatch, fresh_backends):
    """Make `get_backend("gpu")` work without a GPU, eagerly, on NumPy as strict as CuPy."""
    monkeypatch.setitem(sys.modules, "cupy", make_cupy())
    monkeypatch.setenv("LPC_GPU", "eager")
    return get_backend("gpu")


@pytest.fixture
def cuda_stand_in(monkeypatch, fresh_backends):
    """Make `get_backend("gpu")` work without a GPU, with the kernels compiled for the host."""
    if host_compiler() is None:
        pytest.skip("no C++ compiler (g++ or c++) to build the kernels for the host")
    monkeypatch.setitem(sys.modules, "cupy", make_cupy())
    monkeypatch.setattr("lpc_scratch.backend.cuda.cublas.load", make_cublas)
    monkeypatch.delenv("LPC_GPU", raising=False)
    monkeypatch.delenv("CUPY_TF32", raising=False)
    return get_backend("gpu")
