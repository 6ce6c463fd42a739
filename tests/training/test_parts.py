"""The classifier trained otherwise than the rest, and started from a code."""

from dataclasses import replace

import numpy as np
import pytest

from data_utils import load_dataset
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.training import train
from lpc_scratch.training.trainer import Trainer

SMALL = TrainConfig(hidden=(24, 20), latent_dim=6, batch_size=100)
SPLIT = replace(SMALL, optimizer="sgd", classifier_optimizer="adam", classifier_learning_rate=1e-3)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def trained(config, dataset, epochs=2):
    trainer = Trainer(config, dataset)
    for epoch in range(epochs):
        trainer.run_epoch(epoch)
    return trainer


def parameters(trainer):
    host = trainer.backend.to_host
    return {n: host(p).copy() for n, p in trainer.network.named_parameters().items()}


def start(config, dataset):
    """Return the parameters with which `train` begins."""
    result = train(replace(config, epochs=0), dataset)
    return {name: p.copy() for name, p in result.network.named_parameters().items()}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_parts_with_the_same_optimizer_and_rate_are_the_whole_to_the_bit(digits, optimizer):
    whole = trained(replace(SMALL, optimizer=optimizer), digits)
    parts = trained(replace(SMALL, optimizer=optimizer, classifier_optimizer=optimizer), digits)
    assert set(parts.optimizer.optimizers) == {"rest", "classifier"}
    assert np.array_equal(parts.network.parameters, whole.network.parameters)


def test_classifier_without_an_optimizer_stays_and_the_rest_learns(digits):
    config = replace(SMALL, classifier_optimizer="none")
    before, after = start(config, digits), parameters(trained(config, digits))
    kept = {name for name in before if np.array_equal(before[name], after[name])}
    assert kept == {"classifier.W", "classifier.b"}


def test_each_part_moves_by_its_own_rate(digits):
    # the first step of Adam moves every weight by its learning rate
    config = replace(
        SPLIT, optimizer="adam", learning_rate=1e-3, classifier_learning_rate=1e-2, batch_size=1400
    )
    before, after = start(config, digits), parameters(trained(config, digits, epochs=1))
    for name, rate in (("latent.b", 1e-3), ("classifier.b", 1e-2)):
        assert np.abs(after[name] - before[name]) == pytest.approx(rate, rel=1e-3)


def test_a_schedule_of_its_own_keeps_the_rate_of_the_classifier(digits):
    config = replace(
        SMALL,
        classifier_learning_rate_schedule="constant",
        learning_rate_schedule="step",
        learning_rate_every=1,
        learning_rate_factor=1e-9,
    )
    trainer = trained(config, digits, epochs=1)
    before = parameters(trainer)
    trainer.run_epoch(1)
    after = parameters(trainer)
    assert np.abs(after["latent.W"] - before["latent.W"]).max() < 1e-7
    assert np.abs(after["classifier.W"] - before["classifier.W"]).max() > 1e-4


@pytest.mark.parametrize("settings", [{}, {"classifier_optimizer": "none"}], ids=str)
def test_groups_of_members_in_threads_equal_the_single_runs_to_the_bit(
    digits, monkeypatch, settings
):
    monkeypatch.setattr("lpc_scratch.training.trainer.num_threads", lambda: 2)
    if settings:
        settings = settings | {"classifier_learning_rate": None}
    config = replace(SPLIT, hidden=(128, 128), seeds=tuple(range(5)), **settings)
    together = trained(config, digits)
    assert [part for part, _ in together._executor._groups] == [slice(0, 2), slice(2, 5)]
    for member in (0, 4):
        alone = parameters(trained(replace(config, seeds=(member,)), digits))
        for name, parameter in parameters(together).items():
            assert np.array_equal(parameter[member], alone[name]), name


def test_a_recorded_step_gives_each_part_its_rate(digits, cuda_stand_in):
    config = replace(
        SPLIT, dtype="float64", seeds=(0, 1), learning_rate_schedule="cosine", epochs=3
    )
    cpu, gpu = (trained(replace(config, device=d), digits, epochs=3) for d in ("cpu", "gpu"))
    for name, parameter in parameters(gpu).items():
        assert np.abs(parameter - parameters(cpu)[name]).max() < 1e-9, name
    assert gpu.optimizer.steps == cpu.optimizer.steps == 3 * cpu.steps_per_epoch


def test_the_simplex_code_is_where_every_member_starts(digits):
    config = replace(SMALL, latent_dim=18, classifier_initialization="simplex", seeds=(0, 1))
    usual = start(replace(config, classifier_initialization="same"), digits)
    for name, parameter in start(config, digits).items():
        if name != "classifier.W":
            assert np.array_equal(parameter, usual[name])
            continue
        assert np.abs(parameter) == pytest.approx(0.2)
        gram = parameter[1].T @ parameter[1] / (18 * 0.2**2)
        assert gram == pytest.approx((10 * np.eye(10) - 1) / 9, abs=1e-6)


def test_a_code_of_ones_own_is_where_every_member_starts(digits, tmp_path):
    code = np.where(np.random.default_rng(0).random((10, 6)) > 0.5, 1, -1)
    np.save(tmp_path / "code.npy", code)
    config = replace(
        SMALL, classifier_code=tmp_path / "code.npy", classifier_code_scale=0.5, seeds=(0, 1)
    )
    assert np.array_equal(start(config, digits)["classifier.W"], np.stack([0.5 * code.T] * 2))


def test_classes_without_a_simplex_code_are_told_which_dimensions_have_one(digits):
    config = replace(SMALL, classifier_initialization="simplex")
    with pytest.raises(ConfigError, match=r"18") as refusal:
        start(config, digits)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (np.ones((6, 10)), r"must be numbers of the shape \(10, 6\).*not \(6, 10\) float64"),
        (np.zeros((10, 6)), r"must hold \+1 and -1 alone"),
        (np.full((10, 6), np.nan), r"must hold \+1 and -1 alone"),
        (np.full((10, 6), "a"), "must be numbers"),
        (np.full((10, 6), None), "cannot be read"),
        (b"PK\x03\x04garbage", "cannot be read: it is no .npy file"),
        (b"1 -1 1", "cannot be read: it is no .npy file"),
        (None, "cannot be read"),
    ],
    ids=str,
)
def test_a_code_that_is_none_is_refused_in_one_sentence(digits, tmp_path, code, message):
    path = tmp_path / "code.npy"
    if isinstance(code, bytes):
        path.write_bytes(code)
    elif code is not None:
        np.save(path, code)
    with pytest.raises(ConfigError, match=message) as refusal:
        start(replace(SMALL, classifier_code=path), digits)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_gradient_descent_takes_the_same_steps_in_a_rotated_basis_and_adam_does_not(digits):
    def weights(optimizer, basis):
        config = replace(
            SMALL, dtype="float64", classifier_optimizer=optimizer, classifier_basis=basis
        )
        return trained(config, digits, epochs=1).network.classifier.weight

    for optimizer, same in (("sgd", True), ("muon", True), ("adam", False), ("signum", False)):
        difference = weights(optimizer, "axes") - weights(optimizer, "rotated")
        assert (np.abs(difference).max() < 1e-6) == same, optimizer


def test_a_run_that_began_with_a_code_goes_on_without_its_file(digits, tmp_path):
    path, runs = tmp_path / "code.npy", [tmp_path / "whole", tmp_path / "resumed"]
    np.save(path, np.where(np.random.default_rng(0).random((10, 6)) > 0.5, 1, -1))
    config = replace(SMALL, classifier_code=path, epochs=2, gamma=0.1)
    whole = train(config, digits, RunFolder(runs[0]))
    train(replace(config, epochs=1), digits, RunFolder(runs[1]))
    path.unlink()
    resumed = train(config, digits, RunFolder(runs[1], resume=True))
    assert np.array_equal(resumed.network.parameters, whole.network.parameters)
