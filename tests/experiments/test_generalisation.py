"""Tuned methods compared image by image, and `python -m lpc_scratch.generalise`."""

import csv

import numpy as np
import pytest

from lpc_scratch import generalise
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import SweepError
from lpc_scratch.experiments.cells import Result
from lpc_scratch.experiments.generalisation import METHODS, candidates, choose, correct_by_seed
from lpc_scratch.experiments.portrait import CORRECT
from lpc_scratch.metrics.lead import lead

QUICK = [
    *("--dataset", "gaussians", "--gaussian-classes", "3", "--hidden", "8", "--latent-dim", "4"),
    *("--training-samples", "90", "--validation-share", "0.3", "--epochs", "1", "--jobs", "1"),
    *("--rates", "1e-2", "--sizes", "60", "--seeds", "0", "1", "--quiet"),
]


def found(correct, seed=0, validation=0.5, status="finished"):
    """Return the result of one seed with what it has right of the test images."""
    rows = [{"validation_accuracy": validation, "test_accuracy": np.mean(correct)}]
    arrays = {CORRECT: np.array(correct, bool)}
    return Result(TrainConfig(seeds=(seed,)), status, "", rows, ("a", "b"), arrays)


def test_candidates_are_all_pairs_of_a_rate_and_a_strength():
    decay = next(method for method in METHODS if method.name == "weight decay")
    cells = candidates(TrainConfig(), decay, (1e-3, 1e-2))
    assert [(c.learning_rate, c.weight_decay) for c in cells] == [
        (rate, strength) for rate in (1e-3, 1e-2) for strength in decay.strengths
    ]
    assert {(c.architecture, c.optimizer) for c in cells} == {("none", "adamw")}


def test_settings_are_chosen_by_validation_accuracy_and_never_by_the_test_set():
    worse_on_the_test_set = found([0, 0], validation=0.9)
    diverged = found([1, 1], validation=1.0, status="diverged")
    assert choose([found([1, 1]), worse_on_the_test_set, diverged]) is worse_on_the_test_set
    with pytest.raises(SweepError, match="no candidate of a method could be trained"):
        choose([diverged])


def test_a_lead_pairs_results_of_one_seed_and_leaves_out_the_others():
    ours = [found([1, 1, 1, 0], seed=0), found([1, 1, 0, 0], seed=1), found([1] * 4, seed=2)]
    theirs = [found([1, 0, 0, 0], seed=1), found([1, 1, 0, 0], seed=0)]
    ahead = lead(correct_by_seed(ours), correct_by_seed(theirs))
    assert ahead.by_seed == (25.0, 25.0)
    assert ahead.mean == 25.0
    assert lead(correct_by_seed(ours[2:]), correct_by_seed(theirs)) is None


def test_the_interval_of_a_lead_is_that_of_the_mean_over_test_images(rng):
    first, second = rng.uniform(size=(2, 2000)) < [[0.9], [0.8]]
    ahead = lead({0: first}, {0: second})
    difference = 100 * (first.astype(float) - second)
    half = 1.96 * difference.std() / len(difference) ** 0.5  # the central limit theorem's
    assert ahead.low == pytest.approx(ahead.mean - half, abs=0.15)
    assert ahead.high == pytest.approx(ahead.mean + half, abs=0.15)
    same = lead({0: first}, {0: first})
    assert (same.low, same.high) == (0, 0)


def test_the_command_tunes_every_method_and_compares_it_at_every_size(tmp_path):
    assert generalise.main([*QUICK, "--output", str(tmp_path)]) == 0
    with open(tmp_path / "tuning.csv", encoding="utf-8") as file:
        tried = list(csv.DictReader(file))
    with open(tmp_path / "generalisation.csv", encoding="utf-8") as file:
        compared = list(csv.DictReader(file))
    assert len(tried) == sum(len(method.strengths) or 1 for method in METHODS)
    assert len(compared) == 2 * len(METHODS)
    for method in METHODS:
        of_method = [row for row in tried if row["method"] == method.name]
        best = max(of_method, key=lambda row: float(row["validation_accuracy"]))
        settings = {
            (r["learning_rate"], r["strength"]) for r in compared if r["method"] == method.name
        }
        assert settings == {(best["learning_rate"], best["strength"])}
    text = (tmp_path / "generalisation.md").read_text(encoding="utf-8")
    assert "## 60 training samples" in text
    assert "seeds 0, 1" in text
    assert (tmp_path / "plots" / "generalisation.png").exists()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    assert generalise.main([*QUICK, "--output", str(tmp_path)]) == 0
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "cells").iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rates"], "rates is empty"),
        (["--sizes"], "sizes is empty"),
        (["--validation-share", "0"], "validation_share is 0"),
        (["--sizes", "100000"], "100000"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_settings_are_refused_in_a_sentence(arguments, sentence, tmp_path, capsys):
    assert generalise.main([*QUICK, *arguments, "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()
