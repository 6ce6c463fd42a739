"""What small or uneven data cannot show is left out and said, and all the rest is measured."""

import csv
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score

from data_utils import DatasetError
from lpc_scratch.config import TrainConfig
from lpc_scratch.evaluate import main
from lpc_scratch.evaluation.detector import Detector
from lpc_scratch.evaluation.measurement import COLUMNS, LeftOut
from lpc_scratch.evaluation.ood import evaluate_ood
from lpc_scratch.evaluation.splits import held_out_classes
from lpc_scratch.evaluation.subject import load_subjects
from lpc_scratch.evaluation.transfer import evaluate_transfer
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.training import train

CONFIG = TrainConfig(hidden=(5,), latent_dim=3, gamma=1, seeds=(0, 1), epochs=1)
QUICK = [
    *("--steps", "3", "--attack-steps", "1", "--train-samples", "50"),
    *("--epsilon", "0.1", "--epsilon-l2", "1", "--attack-queries", "5"),
]

SHOTS = {f"transfer, few shots {shots}" for shots in (1, 5, 20)}
NOISE = {f"transfer, wrong labels {share}" for share in (0.1, 0.2, 0.3, 0.4)}
ON_BOTH = {
    "calibration",
    "training",
    "depth",
    "transfer",
    "ood, own mistakes",
    "ood, held-out classes",
    "ood, noise",
}
ON_IMAGES = {"robustness", "masking", "noise", "ood, shuffled pixels", *ON_BOTH, *SHOTS, *NOISE}
ON_VECTORS = {"ood, shuffled features", *ON_BOTH, *SHOTS, *NOISE}

HELD_OUT = "of the classes 2, 4"  # of five, with seed 0
TWENTY = {"transfer, few shots 20": f"the smallest {HELD_OUT} has only 12 to draw from"}
NO_IMAGES = dict.fromkeys(("robustness", "noise"), "it changes pixels: attacks need images of")
ALL_CLASSES = {"ood, NECO": "the latent has no dimension beyond the space of all classes"}
FOUR = {"transfer, few shots": "it takes four classes or more"}
CASES = {
    "all is there": ({}, [], TWENTY),
    "one test sample": (
        {"test_labels": [4]},
        [],
        {
            "calibration": "it takes two test samples or more",
            "ood, held-out classes": f"all of the test samples are {HELD_OUT}",
            **TWENTY,
        },
    ),
    "two of five classes in the test set": (
        {"test_labels": [0, 1] * 5},
        [],
        {
            "ood, held-out classes": f"none of the test samples are {HELD_OUT}",
            "transfer, few shots": f"the test set has none {HELD_OUT}",
        },
    ),
    "a class with one training sample": (
        {"train_counts": [12, 12, 12, 12, 1]},
        [],
        dict.fromkeys(
            ("transfer, few shots 5", "transfer, few shots 20"),
            f"the smallest {HELD_OUT} has only 1 to draw from",
        ),
    ),
    "three classes": ({"train_counts": [12] * 3, "test_labels": [0, 1, 2] * 4}, [], FOUR),
    "two classes of one pixel": (
        {"shape": (1, 1), "train_counts": [12] * 2, "test_labels": [0, 1] * 4},
        [],
        {"ood, held-out classes": "it takes three classes or more", **FOUR},
    ),
    "one sample to train on": (
        {},
        ["--train-samples", "1"],
        dict.fromkeys(NOISE, "rounded, this share of the training labels (1) is none") | TWENTY,
    ),
    "all but one sample to train on": ({}, ["--train-samples", "59"], TWENTY),
    "vectors": ({"shape": (6,)}, [], NO_IMAGES | TWENTY),
    "vectors of one feature": (
        {"shape": (1,)},
        [],
        {"ood, shuffled features": "it takes two samples and two features", **NO_IMAGES, **TWENTY},
    ),
}


def make_run(
    folder,
    shape=(4, 4),
    train_counts=(12,) * 5,
    test_labels=(0, 1, 2, 3, 4) * 4,
    config=CONFIG,
    pixels=True,
):
    """Train on classes of so many samples each, with a test set of these labels."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(len(train_counts), *shape))

    def inputs(labels):
        x = centres[labels] + 0.4 * rng.normal(size=(len(labels), *shape))
        return x if len(shape) == 1 or not pixels else (127 + 50 * x).clip(0, 255).astype(np.uint8)

    y, y_test = np.repeat(np.arange(len(train_counts)), train_counts), np.array(test_labels)
    arrays = {"x_train": inputs(y), "y_train": y, "x_test": inputs(y_test), "y_test": y_test}
    np.savez(folder / "data.npz", **arrays)
    train(replace(config, dataset=str(folder / "data.npz")), recorder=RunFolder(folder / "run"))
    return folder / "run"


def measured(folder):
    """Return what evaluation.csv has numbers of, in the words of what is left out."""
    found = set()
    with open(folder / "evaluation.csv", newline="") as file:
        for row in csv.DictReader(file):
            kind = row["test"].rpartition(", ")[0]
            if row["suite"] == "transfer" and row["test"] != "training size":
                kind = f"{row['test'].partition(',')[0]} {float(row['level']):g}"
            of_suite = row["suite"] in ("ood", "transfer") and kind
            found.add(f"{row['suite']}, {kind}" if of_suite else row["suite"])
    return found


def left_out(folder):
    """Return the reasons of what evaluation.md says was left out, by its name."""
    _, _, section = (folder / "evaluation.md").read_text().partition("## Left out\n\n")
    lines = [re.fullmatch(r"- (.+) \(binary\): (.+)\.", line) for line in section.splitlines()]
    return {line[1]: line[2] for line in lines}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("data", "arguments", "missing"), CASES.values(), ids=CASES.keys())
def test_what_can_be_measured_is_and_the_rest_is_said(tmp_path, capsys, data, arguments, missing):
    run = make_run(tmp_path, **data)
    assert main([str(run), *QUICK, *arguments]) == 0
    folder = run / "evaluation"
    reasons = left_out(folder)
    if len(data.get("train_counts", [12] * 5)) > CONFIG.latent_dim:
        missing = missing | ALL_CLASSES
    assert reasons.keys() == missing.keys()
    assert all(reasons[name].startswith(reason) for name, reason in missing.items())
    assert (folder / "evaluation.md").read_text() in capsys.readouterr().out
    everything = ON_VECTORS if len(data.get("shape", (4, 4))) == 1 else ON_IMAGES
    no_shots = SHOTS if "transfer, few shots" in missing else set()
    assert measured(folder) == everything - missing.keys() - no_shots
    assert yaml.safe_load((folder / "config.yaml").read_text())["steps"] == 3
    assert "numpy" in json.loads((folder / "environment.json").read_text())["packages"]


def test_every_size_of_a_training_set_can_be_measured(tmp_path):
    run = make_run(tmp_path, train_counts=[1, 3, 6], test_labels=[0, 1, 2])
    (subject,) = load_subjects([run], 10, 0, "cpu", None)
    for samples in range(1, 12):
        found = [m for m in evaluate_transfer(subject, 2, samples, 0) if m.test == "training size"]
        assert [m.level for m in found] == [min(samples, 10)]
        assert found[0].values.shape == (2,)


def test_two_samples_are_told_apart_where_just_one_is_of_a_held_out_class(tmp_path):
    run = make_run(tmp_path)
    outcomes = set()
    for seed in range(12):
        (subject,) = load_subjects([run], 2, seed, "cpu", None)
        foreign = np.isin(subject.y, held_out_classes(5, seed)).sum()
        found = [m for m in evaluate_ood(subject, 2, seed, None) if "held-out" in m.test]
        assert [isinstance(finding, LeftOut) for finding in found] == (
            [False] * 30 if foreign == 1 else [True]
        )
        outcomes.add(int(foreign))
    assert outcomes == {0, 1, 2}


def test_networks_that_diverge_are_left_out_and_the_suites_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr("lpc_scratch.evaluate.save_evaluation_plots", lambda *_: None)
    run = make_run(tmp_path, config=replace(CONFIG, optimizer="sgd", learning_rate=1e30, epochs=0))
    assert main([str(run), *QUICK]) == 0
    reasons = left_out(run / "evaluation")
    trained = {"ood, held-out classes", "transfer, few shots", "transfer, training size 50", *NOISE}
    assert reasons.keys() == trained | ALL_CLASSES.keys()
    assert all(reasons[name].startswith("training diverged: ") for name in trained)
    assert measured(run / "evaluation") == ON_IMAGES - {"transfer"} - SHOTS - trained
    monkeypatch.undo()
    assert main([str(run), *QUICK, "--suite", "transfer"]) == 0
    assert left_out(run / "evaluation").keys() == trained - {"ood, held-out classes"}
    assert (run / "evaluation" / "evaluation.csv").read_text() == ",".join(COLUMNS) + "\n"
    assert not list((run / "evaluation" / "plots").glob("*"))


def test_other_image_sets_are_shown_where_they_can_be_had_and_else_said(tmp_path, monkeypatch, rng):
    foreign = rng.integers(256, size=(30, 784), dtype=np.uint8)

    def load(name, *_, **__):
        if name != "mnist":
            raise DatasetError(f"{name} is not here")
        return SimpleNamespace(x_test=foreign)

    monkeypatch.setattr("lpc_scratch.evaluation.foreign.load_dataset", load)
    (subject,) = load_subjects([make_run(tmp_path, shape=(28, 28))], 20, 0, "cpu", None)
    found = list(evaluate_ood(subject, 1, 0, None))
    missing = [(m.test, m.reason) for m in found if isinstance(m, LeftOut) and m.test != "NECO"]
    assert missing == [(name, f"{name} is not here") for name in ("fashion-mnist", "kmnist")]
    auroc, _, _ = (m for m in found if m.test == "mnist, energy")
    generator = np.random.default_rng(0)
    generator.permuted(subject.x, axis=1)
    shown = foreign[generator.permutation(30)[:20]]
    truth = np.repeat([1, 0], 20)
    energies = logsumexp(subject.logits(np.concatenate([subject.x, shown])), axis=-1)
    assert auroc.values == pytest.approx([roc_auc_score(truth, scores) for scores in energies])


def test_suite_that_is_named_and_can_measure_nothing_is_refused_before_any_work(tmp_path, capsys):
    run = make_run(tmp_path, test_labels=[0])
    assert main([str(run), "--suite", "all", "calibration"]) == 2
    assert capsys.readouterr().err == (
        f"error: calibration cannot measure {run}, leave it out of --suite: it takes two test "
        "samples or more, one of them to fit the temperature\n"
    )
    assert not (run / "evaluation").exists()


@pytest.mark.parametrize("suite", ["robustness", "noise"])
def test_images_of_floats_are_said_to_be_no_pixels(tmp_path, capsys, suite):
    run = make_run(tmp_path, pixels=False)
    assert main([str(run), "--suite", suite]) == 2
    assert capsys.readouterr().err == (
        f"error: {suite} cannot measure {run}, leave it out of --suite: it changes pixels: attacks "
        "need pixels, stored as uint8, and these inputs are features of one's own, standardised "
        "one by one\n"
    )


def test_latent_that_is_all_zero_is_as_far_from_its_codes_as_from_zero():
    weights, bias = np.ones((3, 2)), np.zeros(2)
    detector = Detector(np.zeros((4, 3)), np.array([0, 0, 1, 1]), weights, bias, coded=True)
    scores = detector.scores(np.array([[3.0, 0, 4], [0, 0, 0]]), np.zeros((2, 2)))
    assert scores["code"] == pytest.approx([-5, 0])
    assert all(np.isfinite(score).all() for score in scores.values())
    assert scores["KNN"] == pytest.approx([-1, 0])
