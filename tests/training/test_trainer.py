import dataclasses
import math
import tracemalloc

import numpy as np
import pytest

from data_utils import load_dataset
from data_utils.standardise import per_channel
from lpc_scratch.backend.numpy_ops import NumpyOps
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError, DivergenceError
from lpc_scratch.nn.layers import walk
from lpc_scratch.nn.losses import LOSSES
from lpc_scratch.training.measuring import measure_networks
from lpc_scratch.training.step import TrainingStep
from lpc_scratch.training.trainer import Trainer

SMALL = TrainConfig(hidden=(24, 20), latent_dim=6, batch_size=100)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def trained(config, dataset, epochs):
    trainer = Trainer(config, dataset)
    for epoch in range(epochs):
        trainer.run_epoch(epoch)
    return trainer


@pytest.mark.parametrize("architecture", ["binary", "linear", "nonlinear", "none"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_several_seeds_equal_the_single_runs_to_the_bit(digits, architecture, dtype):
    config = dataclasses.replace(
        SMALL, architecture=architecture, dtype=dtype, dropout=0.2, seeds=(0, 1, 2)
    )
    together = trained(config, digits, epochs=2).network.named_parameters()
    for member, seed in enumerate(config.seeds):
        alone = trained(dataclasses.replace(config, seeds=(seed,)), digits, epochs=2)
        for name, parameter in alone.network.named_parameters().items():
            assert np.array_equal(together[name][member], parameter), name


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_groups_of_members_in_threads_equal_the_single_runs_to_the_bit(
    digits, monkeypatch, optimizer
):
    monkeypatch.setattr("lpc_scratch.training.trainer.num_threads", lambda: 2)
    config = TrainConfig(
        hidden=(128, 128),
        dropout=0.2,
        optimizer=optimizer,
        weight_decay=0.01,
        seeds=tuple(range(9)),
        gammas=tuple(0.1 * 2**member for member in range(9)),
    )
    together = trained(config, digits, epochs=2)
    assert [part for part, _ in together._executor._groups] == [slice(0, 4), slice(4, 9)]
    assert together.optimizer.steps == 2 * together.steps_per_epoch
    for member in (0, 3, 4, 8):
        own = {"seeds": (member,), "gammas": (), "gamma": config.gammas[member]}
        alone = trained(dataclasses.replace(config, **own), digits, epochs=2)
        for name, parameter in alone.network.named_parameters().items():
            assert np.array_equal(together.network.named_parameters()[name][member], parameter)


def test_groups_in_threads_report_divergence(digits, monkeypatch):
    monkeypatch.setattr("lpc_scratch.training.trainer.num_threads", lambda: 2)
    config = TrainConfig(hidden=(128, 128), learning_rate=1e4, seeds=tuple(range(8)))
    with pytest.raises(DivergenceError, match="training diverged: the loss of seed"):
        Trainer(config, digits).run_epoch(0)


@pytest.mark.parametrize("activation", ["relu", "silu", "tanh"])
@pytest.mark.parametrize("settings", [{}, {"optimizer": "sgd"}, {"weight_decay": 0.1}], ids=str)
def test_step_allocates_no_array(digits, activation, settings):
    config = TrainConfig(hidden=(128, 128), activation=activation, batch_size=256, **settings)
    trainer = Trainer(config, digits)
    order = np.arange(1280)
    trainer.take_steps(order, 1e-3, 1.0)
    tracemalloc.start()
    try:
        trainer.take_steps(order, 1e-3, 1.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A hidden activation takes 128 KiB, the parameters 111 KiB; NumPy's buffers for a change of
    # type, 32 KiB.
    assert peak < 48 * 1024


def test_numba_trains_to_the_same_bits(digits):
    pytest.importorskip("numba", reason="numba is not installed")
    plain, compiled = Trainer(SMALL, digits), Trainer(SMALL, digits)
    plain.optimizer.ops, compiled.optimizer.ops = NumpyOps(math.inf), NumpyOps(0)
    for trainer in (plain, compiled):
        trainer.run_epoch(0)
    assert np.array_equal(plain.network.parameters, compiled.network.parameters)


def test_recorded_step_keeps_the_buffers_that_it_writes(digits, cuda_stand_in):
    trainer = Trainer(dataclasses.replace(SMALL, device="gpu"), digits)
    trainer.run_epoch(0)
    recorded = [a for _, layer in walk(trainer.network) for a in layer.buffers.values()]
    trainer.network.forward(cuda_stand_in.xp.zeros((7, 64), np.float32))  # replaces them
    kept = {id(array) for buffers in trainer._executor._kept for array in buffers.values()}
    assert recorded
    assert all(id(array) in kept for array in recorded)


def test_recorded_steps_report_divergence_and_throughput(digits, cuda_stand_in):
    trainer = Trainer(dataclasses.replace(SMALL, device="gpu", seeds=(5,)), digits)
    trainer.run_epoch(0)
    assert trainer.samples_per_second == pytest.approx(1400 / trainer.seconds)
    trainer = Trainer(dataclasses.replace(SMALL, device="gpu", learning_rate=1e4), digits)
    with pytest.raises(DivergenceError, match=r"became (inf|nan) in step \d+ of 14 of epoch 1"):
        trainer.run_epoch(0)


def test_same_configuration_trains_to_the_same_bits(digits):
    config = dataclasses.replace(SMALL, dropout=0.3)
    first, second = (trained(config, digits, epochs=2).network.parameters for _ in range(2))
    assert np.array_equal(first, second)


def test_epoch_visits_every_sample_once_but_for_a_partial_batch(digits, monkeypatch):
    trainer = Trainer(dataclasses.replace(SMALL, seeds=(3, 4)), digits)
    visited = []

    def visit(step, rows, *_):
        visited.append(rows.copy())
        return 0.0

    monkeypatch.setattr(TrainingStep, "__call__", visit)
    trainer.run_epoch(0)
    trainer.run_epoch(1)
    rows, later = np.split(np.concatenate(visited, axis=-1), 2, axis=-1)
    assert rows.shape == (2, 1400)  # 14 batches of 100; 37 samples are left out
    assert all(len(np.unique(member)) == 1400 for member in rows)
    assert not np.array_equal(rows[0], rows[1])
    assert not np.array_equal(rows, later)


def test_steps_follow_the_schedules(digits, monkeypatch):
    config = dataclasses.replace(
        SMALL,
        learning_rate_schedule="step",
        learning_rate_every=1,
        gamma_schedule="geometric",
        gamma_every=1,
    )
    trainer, steps = Trainer(config, digits), []

    def note(step, rows, *settings):
        steps.append(settings)
        return 0.0

    monkeypatch.setattr(TrainingStep, "__call__", note)
    trainer.run_epoch(0)
    trainer.run_epoch(1)
    assert steps == [(5e-4, 10.0)] * 14 + [(2.5e-4, 20.0)] * 14


def test_batch_normalisation_of_a_single_sample_is_refused(digits):
    config = TrainConfig(backbone="resnet", channels=(4,))
    one = dataclasses.replace(digits, x_train=digits.x_train[:1], y_train=digits.y_train[:1])
    with pytest.raises(ConfigError, match="a single training sample has no statistics"):
        Trainer(config, one)
    Trainer(dataclasses.replace(config, batch_norm=False), one).run_epoch(0)


def test_batch_size_above_the_training_set_means_one_full_batch(digits):
    trainer = Trainer(dataclasses.replace(SMALL, batch_size=10**6), digits)
    assert (trainer.batch_size, trainer.steps_per_epoch) == (1437, 1)


def test_step_returns_the_loss_of_the_gathered_batch(digits):
    trainer = Trainer(dataclasses.replace(SMALL, architecture="linear", dtype="float64"), digits)
    rows = np.arange(200, 300)
    logits = trainer.network.predict(digits.x_train[rows])
    expected, _ = LOSSES["softmax"](logits, digits.y_train[rows])
    assert trainer.take_steps(rows, 0.1, 10.0) == pytest.approx(float(expected), rel=1e-12)


def test_training_leaves_the_data_alone(digits):
    before = digits.x_train.copy()
    trained(SMALL, digits, epochs=1)
    assert np.array_equal(digits.x_train, before)
    assert digits.x_train.dtype == np.uint8


def test_divergence_names_seed_step_epoch_and_the_way_out(digits):
    trainer = Trainer(dataclasses.replace(SMALL, learning_rate=1e4, seeds=(5,)), digits)
    pattern = r"seed 5 became (inf|nan) in step \d+ of 14 of epoch 1; lower gamma \(10\) or the le"
    with pytest.raises(DivergenceError, match=pattern):
        trainer.run_epoch(0)


def test_gradients_that_overflow_are_divergence(digits):
    trainer = Trainer(dataclasses.replace(SMALL, gamma=1e30), digits)
    with pytest.raises(
        DivergenceError, match="or weights of seed 0 overflowed by the end of epoch 1; lower"
    ):
        trainer.run_epoch(0)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("penalty", ["exp", "l2"])
@pytest.mark.parametrize(
    ("optimizer", "oracle", "settings"),
    [
        ("sgd", "SGD", {"momentum": 0.5, "weight_decay": 1e-3}),
        ("adam", "Adam", {"betas": (0.8, 0.99), "eps": 1e-6, "weight_decay": 0.0}),
        ("adamw", "AdamW", {"weight_decay": 0.1}),
    ],
)
def test_fifty_full_batch_steps_on_digits_equal_autograd(
    digits, optimizer, oracle, settings, penalty, loss
):
    torch = pytest.importorskip("torch", reason="PyTorch, the outside oracle, is not installed")
    config = dataclasses.replace(
        SMALL,
        loss=loss,
        penalty=penalty,
        gamma=2.0,
        optimizer=optimizer,
        learning_rate=0.01,
        weight_decay=settings["weight_decay"],
        momentum=settings.get("momentum", 0.9),
        beta1=settings.get("betas", (0.9, 0.999))[0],
        beta2=settings.get("betas", (0.9, 0.999))[1],
        epsilon=settings.get("eps", 1e-8),
        batch_size=len(digits.x_train),
        dtype="float64",
    )
    trainer = Trainer(config, digits)
    leaves = {
        name: torch.tensor(parameter.copy(), requires_grad=True)
        for name, parameter in trainer.network.named_parameters().items()
    }
    autograd = getattr(torch.optim, oracle)(leaves.values(), lr=0.01, **settings)
    x = torch.tensor(digits.x_train * digits.scale + digits.shift)
    labels = torch.tensor(digits.y_train)
    for epoch in range(50):
        trainer.run_epoch(epoch)

        h = x
        for layer in ("hidden.0", "hidden.1"):
            h = torch.relu(h @ leaves[f"{layer}.W"] + leaves[f"{layer}.b"])
        z = h @ leaves["latent.W"] + leaves["latent.b"]
        s = z @ leaves["classifier.W"] + leaves["classifier.b"]
        s = s.softmax(-1) if loss == "double-softmax" else s
        mean_square = (z * z).mean()
        value = mean_square.exp() if penalty == "exp" else mean_square
        autograd.zero_grad()
        (torch.nn.functional.cross_entropy(s, labels) + 2.0 * value).backward()
        autograd.step()
    for name, parameter in trainer.network.named_parameters().items():
        assert np.abs(parameter - leaves[name].detach().numpy()).max() < 1e-9, name


@pytest.mark.gpu
@pytest.mark.parametrize("backend", ["gpu"], indirect=True)
def test_gpu_trains_like_the_cpu(digits, backend):
    assert_device_trains_like_the_cpu(digits, backend, optimizer="adam")


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgd", "activation": "silu", "loss": "double-softmax"},
        {"optimizer": "adam", "activation": "tanh", "penalty": "exp-sample"},
        {"optimizer": "adamw", "weight_decay": 0.1, "penalty": "exp-coordinate"},
        {"penalty": "exp-sample", "gammas": (0.1, 10.0)},
        {"architecture": "none", "seeds": (3,)},
    ],
    ids=str,
)
def test_a_device_that_refuses_host_arrays_trains_like_the_cpu(digits, cupy_stand_in, settings):
    assert_device_trains_like_the_cpu(digits, cupy_stand_in, **settings)


def test_pixels_standardised_per_channel_are_trained_on_in_kernels_too(digits, cuda_stand_in):
    pixels = dataclasses.replace(digits, image_shape=(4, 8, 2))
    assert_device_trains_like_the_cpu(per_channel(pixels), cuda_stand_in)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgd", "weight_decay": 0.1, "activation": "silu", "loss": "double-softmax"},
        {"optimizer": "adam", "activation": "tanh", "penalty": "exp-sample"},
        {"optimizer": "adamw", "weight_decay": 0.1, "penalty": "exp-coordinate"},
        {"architecture": "nonlinear", "weight_decay": 0.1, "seeds": (3,)},
        {"penalty": "exp-coordinate", "gammas": (0.1, 10.0)},
        {
            "penalty": "l2",
            "gamma_schedule": "geometric",
            "gamma_every": 1,
            "learning_rate_schedule": "cosine",
        },
    ],
    ids=str,
)
def test_recorded_kernels_train_like_the_cpu(digits, cuda_stand_in, settings):
    assert_device_trains_like_the_cpu(digits, cuda_stand_in, **settings)


def assert_device_trains_like_the_cpu(digits, backend, **settings):
    """The same seeds start from the same bits; float64 keeps the two together."""
    defaults = {"dtype": "float64", "dropout": 0.2, "seeds": (0, 1)}
    cpu = trained(dataclasses.replace(SMALL, **defaults | settings), digits, epochs=2)
    config = dataclasses.replace(cpu.config, device="gpu")
    device = trained(config, digits, epochs=2)
    order = np.stack([np.random.default_rng(m).permutation(1400) for m in range(2)])
    order = order if cpu.network.stack else order[0]
    losses = [trainer.take_steps(order, 1e-3, 1.0) for trainer in (cpu, device)]
    assert np.allclose(*losses, rtol=1e-9)
    difference = backend.to_host(device.network.parameters) - cpu.network.parameters
    assert np.abs(difference).max() < 1e-9
    (row, *_), _ = measure_networks(device, 2)
    assert row["nc1"] == pytest.approx(measure_networks(cpu, 2)[0][0]["nc1"], rel=1e-6)
