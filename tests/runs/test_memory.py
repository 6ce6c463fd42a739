import dataclasses
import inspect
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from data_utils import Dataset
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import LPCError, MemoryLimitError
from lpc_scratch.files import host_memory
from lpc_scratch.metrics import fit_mixtures, latent_entropy
from lpc_scratch.runs import memory
from lpc_scratch.runs.memory import check_memory, format_bytes, required_memory

SMALL = TrainConfig(hidden=(32, 32), epochs=40)
GIB = 2**30
PEAK = Path("/proc/self/status")  # and not getrusage, whose peak begins with that of the parent

# Train, measure and save in a process of its own: what it takes at its peak, and the estimate.
MEASURE = """
import json, sys, tempfile
from pathlib import Path
from lpc_scratch.config import TrainConfig
from lpc_scratch.runs.memory import required_memory
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.training import load_configured_dataset, train

def status(name):
    return 1024 * int(Path("/proc/self/status").read_text().partition(name)[2].split()[0])

config = TrainConfig(**json.loads(sys.argv[1]))
dataset = load_configured_dataset(config)
before = status("VmRSS:")
with tempfile.TemporaryDirectory() as folder:
    train(config, dataset, RunFolder(Path(folder, "run")))
print(json.dumps([required_memory(config, dataset).host, status("VmHWM:") - before]))
"""


def make_dataset(samples=1000, features=64, classes=10, dtype=np.uint8, image_shape=None):
    """Return a data set of that shape, whose arrays take no memory."""

    def empty(*shape, dtype=np.int64):
        return np.broadcast_to(np.zeros((), dtype), shape)

    return Dataset(
        name="empty",
        x_train=empty(samples, features, dtype=dtype),
        y_train=empty(samples),
        x_test=empty(samples // 5, features, dtype=dtype),
        y_test=empty(samples // 5),
        scale=1.0,
        shift=0.0,
        class_names=tuple(map(str, range(classes))),
        image_shape=image_shape or (features,),
    )


def needed(dataset=None, **changes):
    dataset = dataset or make_dataset(image_shape=(8, 8))
    return required_memory(dataclasses.replace(SMALL, **changes), dataset)


@pytest.mark.skipif(not PEAK.exists(), reason="only Linux tells the peak of one process alone")
@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"hidden": [2048, 1536]},
        {"backbone": "cnn", "channels": [64, 64], "blocks": 2},
        {"backbone": "resnet", "channels": [32, 64], "crop": 1, "flip": True},
    ],
    ids=lambda settings: settings.get("backbone", "mlp"),
)
def test_estimate_is_what_a_run_takes(settings):
    settings = {"batch_size": 1437, "epochs": 1} | settings
    process = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps(settings)],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    estimate, taken = json.loads(process.stdout)
    assert taken > 150e6
    assert 0.8 < estimate / taken < 1.5


@pytest.mark.parametrize("device", ["cpu", "gpu"])
@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ({}, {"hidden": (20_000, 32)}),
        ({}, {"hidden": (32, 20_000)}),
        ({}, {"hidden": (32,) * 2000}),
        ({}, {"architecture": "none", "hidden": (32, 2000)}),
        ({}, {"latent_dim": 2000}),
        ({}, {"seeds": tuple(range(64))}),
        ({}, {"batch_size": 1000, "hidden": (1000, 1000)}),
        ({"hidden": (2000, 2000)}, {"dtype": "float64"}),
        ({"hidden": (2000, 2000), "optimizer": "sgd"}, {"optimizer": "adam"}),
        ({"hidden": (1000, 1000), "batch_size": 1000}, {"dropout": 0.5}),
        ({"hidden": (1000, 1000), "batch_size": 1000}, {"activation": "tanh"}),
        ({"hidden": (1000, 1000), "batch_size": 1000}, {"activation": "silu"}),
        ({"backbone": "cnn"}, {"channels": (160, 320)}),
        ({"backbone": "cnn"}, {"blocks": 5}),
        ({"backbone": "resnet", "batch_norm": False}, {"batch_norm": True}),
        ({"backbone": "resnet", "stem_stride": 2}, {"stem_stride": 1}),
        ({"backbone": "cnn", "batch_size": 1000}, {"crop": 2}),
    ],
    ids=lambda settings: " ".join(settings),
)
def test_estimate_grows_with_a_setting(base, changes, device):
    small = needed(**base, device=device)
    large = needed(**base | changes, device=device)
    assert large.host + large.device > small.host + small.device
    assert large.host >= small.host


def test_estimate_grows_with_the_length_of_the_history():
    assert needed(epochs=100_000).host > needed(epochs=100_000, evaluate_every=1000).host > 30e6


@pytest.mark.parametrize(
    "size", [{"samples": 100_000}, {"features": 100_000}, {"classes": 2000}], ids=str
)
def test_estimate_grows_with_the_data(size):
    assert needed(make_dataset(**size)).host > 1.5 * needed().host
    assert needed(make_dataset(**size), device="gpu").device > 1.5 * needed(device="gpu").device


def test_batches_beyond_the_data_need_no_more():
    assert needed(batch_size=10**12) == needed(batch_size=1000)


def test_data_count_on_the_device_alone():
    wide, narrow = (make_dataset(dtype=dtype, samples=10**7) for dtype in (np.float32, np.uint8))
    more = 3 * (10**7 + 2 * 10**6) * 64  # three more bytes for each feature
    difference = needed(wide, device="gpu").device - needed(narrow, device="gpu").device
    assert difference == pytest.approx(1.1 * more, rel=0.01)
    assert needed(narrow).device == 0
    assert needed(wide).host == pytest.approx(needed(narrow).host, rel=0.01)


def test_petabytes_are_refused_at_once():
    config = dataclasses.replace(SMALL, hidden=(1_000_000,) * 4, seeds=tuple(range(1000)))
    started = time.perf_counter()
    with pytest.raises(MemoryLimitError, match=r"needs about .* PiB of memory and .* available"):
        check_memory(config, make_dataset())
    assert time.perf_counter() - started < 1


def test_what_fits_is_let_through():
    assert check_memory(SMALL, make_dataset(image_shape=(8, 8))) == needed()


def test_refusal_names_both_amounts_and_the_way_out(monkeypatch):
    required = memory.RequiredMemory(host=3 * GIB // 2, device=0)
    monkeypatch.setattr(host_memory, "free_memory", lambda: GIB // 2)
    monkeypatch.setattr(memory, "required_memory", lambda *_: required)
    with pytest.raises(MemoryLimitError) as refused:
        check_memory(SMALL, make_dataset())
    assert str(refused.value) == (
        "this configuration needs about 1.5 GiB of memory and 512.0 MiB are available: use "
        "smaller hidden layers, a smaller latent_dim or batch_size"
    )
    with pytest.raises(MemoryLimitError, match=r"batch_size, or fewer seeds$"):
        check_memory(dataclasses.replace(SMALL, seeds=(0, 1)), make_dataset())
    assert isinstance(refused.value, LPCError)
    assert isinstance(refused.value, MemoryError)


def test_gpu_and_host_must_both_have_room(cupy_stand_in, monkeypatch):
    config = dataclasses.replace(SMALL, device="gpu")
    assert cupy_stand_in.free_memory() == 8 * GIB + 2**20  # of the device, and of CuPy's pool
    assert check_memory(config, make_dataset()).device > 0
    with pytest.raises(MemoryLimitError, match=r"GiB of GPU memory and 8\.0 GiB are available"):
        check_memory(dataclasses.replace(config, hidden=(30_000, 30_000)), make_dataset())
    monkeypatch.setattr(host_memory, "free_memory", lambda: 1)
    with pytest.raises(MemoryLimitError, match="MiB of memory and 1 bytes are available"):
        check_memory(config, make_dataset())


def test_numbers_of_other_modules_are_theirs():
    def default(function):
        return inspect.signature(function).parameters["max_samples"].default

    assert default(fit_mixtures) == memory._MIXTURE_SAMPLES
    assert default(latent_entropy) == memory._ENTROPY_SAMPLES


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1536, "1.5 KiB"),
        (2**20, "1.0 MiB"),
        (37.3 * GIB, "37.3 GiB"),
        (2**41, "2.0 TiB"),
        (12_345 * 2**50, "12,345.0 PiB"),
    ],
)
def test_bytes_in_words(count, words):
    assert format_bytes(count) == words
