"""Steps of networks of images, recorded as one CUDA graph: by the host's compiler, and on a GPU."""

import numpy as np
import pytest

from data_utils import load_dataset
from lpc_scratch.backend import get_backend
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import DeviceError
from lpc_scratch.training.step import Serial
from lpc_scratch.training.step_graph import StepGraph
from lpc_scratch.training.trainer import Trainer

BATCH, STEPS = 20, 4
NETWORKS = [
    {"backbone": "cnn", "batch_norm": False, "activation": "silu", "seeds": (3,)},
    {"backbone": "cnn", "crop": 2, "flip": True, "blocks": 2},
    {"backbone": "resnet", "crop": 1, "flip": True},
    {"backbone": "resnet", "stem_stride": 2, "blocks": 2, "activation": "tanh", "seeds": (3,)},
    {"backbone": "mlp", "hidden": (12,), "crop": 1, "dropout": 0.2},
]


@pytest.fixture(params=["host", pytest.param("device", marks=pytest.mark.gpu)])
def gpu(request):
    """Where the kernels run: as C++ on the host, and on a GPU if there is one."""
    if request.param == "host":
        return request.getfixturevalue("cuda_stand_in")
    try:
        return get_backend("gpu")
    except DeviceError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def trainer_of(digits, settings, device, dtype="float64"):
    defaults = {"channels": (3, 5), "latent_dim": 4, "seeds": (0, 1), "batch_size": BATCH}
    return Trainer(TrainConfig(**defaults | settings, dtype=dtype, device=device), digits)


def steps(trainer):
    """Take steps in two epochs; return losses, parameters and state on the host."""
    network, losses = trainer.network, []
    for epoch in range(2):
        rng = np.random.default_rng(epoch)
        order = np.stack([rng.permutation(STEPS * BATCH) for _ in network.seeds])
        trainer.start_epoch(epoch)
        order = order.reshape(*network.stack, -1)
        losses.append(trainer.take_steps(order, 1e-2, 1.0).copy())
    arrays = [network.parameters, *network.named_state().values()]
    return [np.stack(losses), *map(network.backend.to_host, arrays)]


@pytest.mark.parametrize("settings", NETWORKS, ids=str)
def test_recorded_step_of_images_trains_like_the_cpu(digits, gpu, settings):
    there, here = (trainer_of(digits, settings, device) for device in ("gpu", "cpu"))
    assert isinstance(there._executor, StepGraph)  # and no warning of a missing kernel
    for found, expected in zip(steps(there), steps(here), strict=True):
        assert np.allclose(found, expected, rtol=1e-9, atol=1e-9)
    found, expected = (t.network.predict(digits.x_test[:50]) for t in (there, here))
    assert np.allclose(gpu.to_host(found), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("settings", NETWORKS[1:3], ids=str)
@pytest.mark.usefixtures("gpu")
def test_recorded_step_of_images_has_the_bits_of_one_that_is_launched(digits, settings):
    recorded, again, launched = (
        trainer_of(digits, settings, "gpu", dtype="float32") for _ in range(3)
    )
    serial = launched._make_step(launched.network, launched.optimizer)
    launched._executor = Serial(serial, launched._executor._losses, BATCH)
    expected = steps(launched)
    for trainer in (recorded, again):
        for a, b in zip(steps(trainer), expected, strict=True):
            assert np.array_equal(a, b)


def test_attack_between_recorded_steps_changes_nothing(digits, gpu):
    disturbed, alone = (trainer_of(digits, NETWORKS[2], "gpu") for _ in range(2))
    order = np.stack([np.arange(BATCH)] * 2)
    for trainer in (disturbed, alone):
        trainer.start_epoch(0)
        trainer.take_steps(order, 1e-2, 1.0)
    network = disturbed.network
    logits = network.forward(network.standardise(digits.x_train[:7]))
    network.input_gradient(gpu.xp.ones(logits.shape, logits.dtype))
    for trainer in (disturbed, alone):
        trainer.take_steps(order, 1e-2, 1.0)
    found, expected = (gpu.to_host(t.network.parameters) for t in (disturbed, alone))
    assert np.array_equal(found, expected)
