"""What the suites measure, on small networks that a test can know."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from data_utils import load_dataset
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError, RunFolderError
from lpc_scratch.evaluation.calibration import evaluate_calibration
from lpc_scratch.evaluation.noise import evaluate_noise
from lpc_scratch.evaluation.ood import evaluate_ood
from lpc_scratch.evaluation.retraining import retrain, train_without_half
from lpc_scratch.evaluation.robustness import evaluate_robustness
from lpc_scratch.evaluation.subject import load_subjects
from lpc_scratch.evaluation.training import evaluate_training
from lpc_scratch.evaluation.transfer import evaluate_transfer
from lpc_scratch.run_folder import RunFolder
from lpc_scratch.trainer import Trainer
from lpc_scratch.training import train

CONFIG = TrainConfig(
    hidden=(32,), latent_dim=8, gamma=1, learning_rate=5e-3, epochs=12, seeds=(0, 1)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    train(CONFIG, recorder=RunFolder(path))
    return path


@pytest.fixture(scope="module")
def subject(folder):
    return load_subjects([folder], samples=120, seed=0, device="cpu", data_dir=None)[0]


def values(measurements, test, measure):
    """Return the values of a test, (levels, E)."""
    found = [m.values for m in measurements if (m.test, m.measure) == (test, measure)]
    assert found, (test, measure)
    return np.stack(found)


def test_subject_is_a_sample_of_the_test_set_with_all_members(subject):
    assert len(subject.x) == 120
    assert subject.logits(subject.x).shape == (2, 120, 10)
    assert subject.latent(subject.x).shape == (2, 120, 8)
    rows = {row.tobytes() for row in subject.dataset.x_test}
    assert all(row.tobytes() in rows for row in subject.x)
    assert (subject.logits(subject.x).argmax(-1) == subject.y).mean() > 0.9


def test_runs_have_the_shortest_names_that_tell_them_apart(folder, tmp_path):
    other = tmp_path / "other"
    train(replace(CONFIG, epochs=0, architecture="none"), recorder=RunFolder(other))
    arguments = {"samples": 10, "seed": 0, "device": "cpu", "data_dir": None}
    labels = [subject.label for subject in load_subjects([folder, other], **arguments)]
    assert labels == ["binary", "none"]
    with pytest.raises(ConfigError, match="a run is named twice"):
        load_subjects([folder, folder], **arguments)


def test_run_of_a_gpu_is_trained_anew_where_it_is_loaded(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "run")
    settings = tmp_path / "run" / "config.yaml"
    settings.write_text(settings.read_text().replace("device: cpu", "device: gpu"))
    moved = load_subjects([tmp_path / "run"], 50, 0, "cpu", None)[0]
    assert values(evaluate_ood(moved, 20, 0, None), "held-out classes, energy", "AUROC").all()


def test_suites_share_the_networks_trained_on_half_of_the_classes(subject, monkeypatch):
    trained = []
    monkeypatch.setattr(Trainer, "run_epoch", lambda self, epoch: trained.append(epoch))
    networks = [train_without_half(subject, 10, seed=3)[0] for _ in range(2)]
    assert networks[0] is networks[1]
    assert len(trained) == 1


def test_data_that_are_no_longer_those_of_the_run_are_refused(tmp_path, rng):
    x, y = rng.integers(0, 255, (30, 4, 4)).astype(np.uint8), np.arange(30) % 3
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    config = replace(CONFIG, dataset=str(tmp_path / "mine.npz"), epochs=0)
    train(config, recorder=RunFolder(tmp_path / "run"))
    np.savez(tmp_path / "mine.npz", x_train=x[:, :3], y_train=y, x_test=x[:, :3], y_test=y)
    with pytest.raises(RunFolderError, match=r"inputs of shape \(4, 4\) and 3 classes, and mine"):
        load_subjects([tmp_path / "run"], 10, 0, "cpu", None)


def test_stronger_attacks_leave_fewer_right_and_epsilon_zero_all(subject):
    found = list(evaluate_robustness(subject, (0.05, 0.3), (0.5,), steps=5, seed=0))
    clean = np.mean(subject.logits(subject.x).argmax(-1) == subject.y, axis=1)
    for test in ("fgsm", "pgd-linf", "square-linf", "pgd-l2"):
        accuracy = values(found, test, "accuracy")
        assert np.array_equal(accuracy[0], clean)
        assert (np.diff(accuracy, axis=0) <= 0).all()
    assert (values(found, "pgd-linf", "accuracy") <= values(found, "fgsm", "accuracy")).all()
    assert values(found, "deepfool", "flipped share").min() > 0.95
    assert (values(found, "deepfool", "rho") > 0).all()


def test_severity_zero_is_the_clean_image_and_five_is_worse(subject):
    found = list(evaluate_noise(subject, seed=0))
    clean = np.mean(subject.logits(subject.x).argmax(-1) == subject.y, axis=1)
    for name in ("blur", "rotation", "mean of all"):
        assert np.array_equal(values(found, name, "accuracy")[0], clean)
    mean = values(found, "mean of all", "accuracy")
    assert len(mean) == 6
    assert (mean[5] < mean[1]).all()


def test_temperature_changes_confidence_but_no_answer(subject):
    found = list(evaluate_calibration(subject))
    before, after = (values(found, test, "accuracy") for test in ("as trained", "scaled"))
    assert np.array_equal(before, after)
    assert (values(found, "scaled", "NLL") < values(found, "as trained", "NLL")).all()
    counts = values(found, "as trained, reliability", "count")
    assert counts.shape == (15, 2)
    assert (counts.sum(axis=0) == 60).all()


def test_shuffled_pixels_and_unknown_classes_are_told_from_known_ones(subject):
    found = list(evaluate_ood(subject, steps=200, seed=0, data_dir=None))
    for test in ("shuffled pixels", "held-out classes"):
        assert values(found, f"{test}, Mahalanobis", "AUROC").min() > 0.6
    tests = {m.test.rpartition(", ")[0] for m in found}
    assert tests == {"own mistakes", "shuffled pixels", "held-out classes"}  # no set is of 8 x 8


def test_more_shots_help_and_wrong_labels_do_not(subject):
    found = list(evaluate_transfer(subject, steps=150, samples=400, seed=0))
    shots = values(found, "few shots, hidden, linear probe", "accuracy")
    assert (shots[0] < shots[2]).all()
    assert shots[2].min() > 0.5  # five classes
    sizes = [m.level for m in found if m.test == "training size"]
    assert sizes == [100, 300, 400]
    accuracy = values(found, "wrong labels", "accuracy")
    assert accuracy.shape == (4, 2)
    assert (accuracy[3] < accuracy[0]).all()


def test_accuracies_over_training_are_those_of_the_run(subject):
    found = list(evaluate_training(subject))
    gap = values(found, "epochs", "gap")
    history = subject.run.history
    expected = history.column("train_accuracy", 1) - history.column("test_accuracy", 1)
    assert gap[:, 1] == pytest.approx(expected)


def test_retraining_takes_so_many_steps_and_stretches_the_schedules(monkeypatch):
    data = load_dataset("digits")
    taken = []
    monkeypatch.setattr(
        Trainer, "run_epoch", lambda self, epoch: taken.append((self.config, epoch))
    )
    config = replace(CONFIG, epochs=10, learning_rate_schedule="step", learning_rate_every=5)
    retrain(config, data, steps=44)  # 22 steps in an epoch
    assert [epoch for _, epoch in taken] == [0, 1]
    assert (taken[0][0].epochs, taken[0][0].learning_rate_every) == (2, 1)
    retrain(config, data, steps=880)
    assert (taken[-1][0].epochs, taken[-1][0].learning_rate_every) == (40, 20)
