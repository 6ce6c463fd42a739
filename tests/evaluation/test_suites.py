"""What the suites measure, on small networks that a test can know."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import logsumexp, softmax
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import normalize

from data_utils import load_dataset
from data_utils.corruptions import CORRUPTIONS, corrupt
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError, RunFolderError
from lpc_scratch.evaluation.calibration import evaluate_calibration
from lpc_scratch.evaluation.depth import evaluate_depth
from lpc_scratch.evaluation.measurement import LeftOut, Measurement
from lpc_scratch.evaluation.noise import evaluate_noise
from lpc_scratch.evaluation.odin import odin_scores
from lpc_scratch.evaluation.ood import evaluate_ood
from lpc_scratch.evaluation.retraining import retrain, train_without_half
from lpc_scratch.evaluation.splits import smaller, with_wrong_labels, without_classes
from lpc_scratch.evaluation.subject import load_subjects
from lpc_scratch.evaluation.training import evaluate_training
from lpc_scratch.evaluation.transfer import DRAWS, evaluate_transfer
from lpc_scratch.metrics.calibration import (
    adaptive_calibration_error,
    classwise_calibration_error,
    fit_temperature,
)
from lpc_scratch.metrics.collapse import within_class_variability
from lpc_scratch.metrics.selection import aurc
from lpc_scratch.nn.inference import hidden_layers
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.training import train
from lpc_scratch.training.trainer import Trainer

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


def values(findings, test, measure):
    """Return the values of a test, (levels, E)."""
    measurements = [m for m in findings if isinstance(m, Measurement)]
    found = [m.values for m in measurements if (m.test, m.measure) == (test, measure)]
    assert found, (test, measure)
    return np.stack(found)


def right_share(logits, labels):
    return np.mean(logits.argmax(-1) == labels, axis=-1)


def assert_detects(found, test, scores):
    """Compare a test's measures with scikit-learn's for pairs of known and foreign scores (E)."""
    for member, (known, foreign) in enumerate(scores):
        truth = np.repeat([1, 0], [len(known), len(foreign)])
        both = np.concatenate([known, foreign])
        false_rates, true_rates, _ = roc_curve(truth, both, drop_intermediate=False)
        expected = {
            "AUROC": roc_auc_score(truth, both),
            "FPR at 95 % TPR": false_rates[true_rates >= 0.95][0],
            "AUPR": average_precision_score(truth, both),
        }
        for measure, value in expected.items():
            assert values(found, test, measure)[0, member] == pytest.approx(value), measure


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
    network, _ = train_without_half(moved, 20, 0)
    assert network.backend.name == "cpu"


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


def test_severity_zero_is_the_clean_image_and_five_is_worse(subject):
    found = list(evaluate_noise(subject, seed=0))
    images = subject.x.reshape(-1, 8, 8) / 16
    shown = [images, corrupt(images, "rotation", 1, seed=0), corrupt(images, "rotation", 5, seed=0)]
    expected = [right_share(subject.logits(16 * x.reshape(-1, 64)), subject.y) for x in shown]
    assert values(found, "rotation", "accuracy")[[0, 1, 5]] == pytest.approx(np.array(expected))
    mean = values(found, "mean of all", "accuracy")
    of_each = [values(found, name, "accuracy") for name in CORRUPTIONS]
    assert mean == pytest.approx(np.mean(of_each, axis=0))
    assert (mean[5] < mean[1]).all()


def test_temperature_of_one_half_changes_confidence_but_no_answer_in_the_other(subject):
    found = list(evaluate_calibration(subject))
    logits, y = subject.logits(subject.x), subject.y
    temperatures = [fit_temperature(s[::2], y[::2]) for s in logits]
    assert values(found, "temperature", "T")[0] == pytest.approx(temperatures)
    for test, scale in (("as trained", np.ones(2)), ("scaled", temperatures)):
        p = softmax(logits[:, 1::2] / np.reshape(scale, (2, 1, 1)), axis=-1)
        right = right_share(logits[:, 1::2], y[1::2])
        assert values(found, test, "accuracy")[0] == pytest.approx(right)
        assert values(found, test, "confidence")[0] == pytest.approx(p.max(-1).mean(-1))
        for measure, function in (
            ("classwise ECE", classwise_calibration_error),
            ("adaptive ECE", adaptive_calibration_error),
        ):
            errors = [function(of_member, y[1::2]) for of_member in p]
            assert values(found, test, measure)[0] == pytest.approx(errors)
        likelihood = np.log(p[:, np.arange(60), y[1::2]])
        assert values(found, test, "NLL")[0] == pytest.approx(-likelihood.mean(-1))
        counts = [np.histogram(confidence, 15, (0, 1))[0] for confidence in p.max(-1)]
        assert np.array_equal(values(found, f"{test}, reliability", "count").T, counts)
    assert (values(found, "scaled", "NLL") < values(found, "as trained", "NLL")).all()


def test_scores_tell_apart_what_scikit_learn_says_they_do(subject):
    found = list(evaluate_ood(subject, steps=200, seed=0, data_dir=None))
    logits = subject.logits(subject.x)
    shuffled = np.random.default_rng(0).permuted(subject.x, axis=1)
    energies = logsumexp(logits, axis=-1), logsumexp(subject.logits(shuffled), axis=-1)
    assert_detects(found, "shuffled pixels, energy", zip(*energies, strict=True))

    sure, right = softmax(logits, axis=-1).max(-1), logits.argmax(-1) == subject.y
    assert not right.all(axis=-1).any()
    mistakes = [(s[r], s[~r]) for s, r in zip(sure, right, strict=True)]
    assert_detects(found, "own mistakes, max probability", mistakes)
    areas = [aurc(s, ~r) for s, r in zip(sure, right, strict=True)]
    assert values(found, "own mistakes, max probability", "AURC")[0] == pytest.approx(areas)

    train = subject.dataset.x_train
    for member, (known, foreign, kept) in enumerate(
        zip(*map(subject.latent, (subject.x, shuffled, train)), strict=True)
    ):
        kept, known, foreign = (normalize(z) for z in (kept, known, foreign))
        near = [np.sort(cdist(z, kept), axis=1)[:, 49] for z in (known, foreign)]
        area = roc_auc_score(np.repeat([0, 1], 120), np.concatenate(near))
        found_area = values(found, "shuffled pixels, KNN", "AUROC")[0, member]
        assert found_area == pytest.approx(area, abs=1e-4)
    odin = [odin_scores(subject.run, x) for x in (subject.x, shuffled)]
    assert_detects(found, "shuffled pixels, ODIN", zip(*odin, strict=True))

    network, part = train_without_half(subject, 200, 0)
    known = np.isin([subject.dataset.class_names[label] for label in subject.y], part.class_names)
    of_network = logsumexp(replace(subject.run, network=network).logits(subject.x), axis=-1)
    assert_detects(found, "held-out classes, energy", [(e[known], e[~known]) for e in of_network])


def test_features_of_vectors_are_shuffled_among_the_samples(tmp_path):
    config = replace(CONFIG, dataset="gaussians", epochs=3)
    train(config, recorder=RunFolder(tmp_path / "run"))
    (subject,) = load_subjects([tmp_path / "run"], 80, 0, "cpu", None)
    found = list(evaluate_ood(subject, steps=1, seed=0, data_dir=None))
    assert {m.test.partition(",")[0] for m in found} == {
        *("own mistakes", "shuffled features", "held-out classes", "noise")
    }
    shuffled = np.random.default_rng(0).permuted(subject.x, axis=0)
    energies = [logsumexp(subject.logits(x), axis=-1) for x in (subject.x, shuffled)]
    assert_detects(found, "shuffled features, energy", zip(*energies, strict=True))


def test_shuffled_pixels_and_unknown_classes_are_told_from_known_ones(subject):
    found = list(evaluate_ood(subject, steps=200, seed=0, data_dir=None))
    for test in ("shuffled pixels", "held-out classes"):
        assert values(found, f"{test}, Mahalanobis", "AUROC").min() > 0.6
    tests = {m.test.rpartition(", ")[0] for m in found if not isinstance(m, LeftOut)}
    # no set is of 8 x 8
    assert tests == {"own mistakes", "shuffled pixels", "held-out classes", "noise"}


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


def test_shares_of_transfer_are_those_of_a_direct_count(subject):
    found = list(evaluate_transfer(subject, steps=60, samples=150, seed=0))
    data, config = subject.dataset, subject.run.config

    def share(dataset, x, y):
        run = replace(subject.run, network=retrain(config, dataset, 60))
        return right_share(run.logits(x), y)

    part = smaller(data, 150, seed=0)
    assert values(found, "training size", "accuracy")[-1] == pytest.approx(
        share(part, subject.x, subject.y)
    )
    noisy = with_wrong_labels(part, 0.4, seed=0)
    assert values(found, "wrong labels", "fitted labels")[3] == pytest.approx(
        share(noisy, noisy.x_train, noisy.y_train)
    )

    network, known = train_without_half(subject, 60, 0)
    new = without_classes(data, np.array(list(map(int, known.class_names))))
    run, y = replace(subject.run, network=network), new.y_train
    right = []
    for number in range(DRAWS):
        order = np.random.default_rng((0, number)).permutation(len(y))
        shots = np.concatenate([order[y[order] == label][:5] for label in range(5)])
        right.append(
            [
                NearestCentroid().fit(train[shots], y[shots]).score(test, new.y_test)
                for train, test in zip(run.latent(new.x_train), run.latent(new.x_test), strict=True)
            ]
        )
    expected = np.mean(right, axis=0)
    assert values(found, "few shots, latent, nearest mean", "accuracy")[1] == pytest.approx(
        expected
    )


def test_accuracies_over_training_are_those_of_the_run(subject):
    found = list(evaluate_training(subject))
    data = subject.dataset
    for part, x, y in (("train", data.x_train, data.y_train), ("test", data.x_test, data.y_test)):
        accuracy = values(found, "epochs", f"{part} accuracy")
        assert accuracy[-1] == pytest.approx(right_share(subject.logits(x), y))
    train, test, gap = (
        values(found, "epochs", m) for m in ("train accuracy", "test accuracy", "gap")
    )
    assert gap == pytest.approx(train - test)
    assert [m.level for m in found if m.measure == "gap"] == [
        row["epoch"] for row in subject.run.result.rows if row["member"] == 0
    ]


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
    code = replace(config, classifier_initialization="simplex", classifier_code_scale=0.3)
    retrain(code, data, steps=22)  # a code of all classes is none of fewer
    retrain(config, data, steps=880)
    assert (taken[-1][0].epochs, taken[-1][0].learning_rate_every) == (40, 20)


def test_depth_measures_every_activation_of_a_network_and_its_latent(subject):
    found = list(evaluate_depth(subject, 500, 0))
    assert [m.test for m in found[::3]] == ["hidden.0.relu", "latent"]
    data = subject.dataset
    chosen = np.random.default_rng(0).permutation(len(data.x_train))[:500]
    x, labels = data.x_train[chosen], data.y_train[chosen]
    network = subject.run.network
    hidden = np.maximum(
        network.standardise(x) @ network.backbone.children["0"].W
        + network.backbone.children["0"].b,
        0,
    )
    for test, layer in (("hidden.0.relu", hidden), ("latent", subject.latent(x))):
        expected = [within_class_variability(z, labels) for z in layer]
        np.testing.assert_allclose(values(found, test, "NC1")[0], expected, rtol=1e-5)


def test_depth_takes_the_mean_of_a_channel_and_no_inner_layer_of_a_block(tmp_path):
    config = replace(CONFIG, backbone="resnet", channels=(4, 6), epochs=0, seeds=(0,))
    train(config, recorder=RunFolder(tmp_path / "run"))
    subject = load_subjects([tmp_path / "run"], 50, 0, "cpu")[0]
    network, rows = subject.run.network, subject.dataset.x_train[:50]
    layers = hidden_layers(network, rows)
    names = ["hidden.stem.relu", "hidden.0.0.relu", "hidden.1.0.relu", "latent"]
    assert [*layers] == names
    assert [z.shape for z in layers.values()] == [(50, 4), (50, 4), (50, 6), (50, 8)]
    np.testing.assert_array_equal(layers["latent"], network.embed(rows))
