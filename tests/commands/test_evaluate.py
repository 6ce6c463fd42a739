"""`python -m lpc_scratch.evaluate` as its users meet it."""

import csv
import json
import sys

import pytest
import yaml

from lpc_scratch.config import TrainConfig
from lpc_scratch.evaluate import main
from lpc_scratch.evaluation.measurement import COLUMNS
from lpc_scratch.evaluation.report import TITLES
from lpc_scratch.files.markdown import mean_and_deviation
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.training import train

SMALL = TrainConfig(hidden=(16,), latent_dim=4, gamma=1, learning_rate=5e-3, epochs=4)
QUICK = [
    *("--samples", "40", "--steps", "30", "--train-samples", "150", "--attack-steps", "2"),
    *("--epsilon", "0.1", "--epsilon-l2", "1", "--attack-queries", "20", "--quiet"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    train(SMALL, recorder=RunFolder(folder / "one"))
    train(
        TrainConfig(**vars(SMALL) | {"architecture": "none", "seeds": (0, 1)}),
        recorder=RunFolder(folder / "two"),
    )
    gaussians = TrainConfig(**vars(SMALL) | {"dataset": "gaussians", "epochs": 0})
    train(gaussians, recorder=RunFolder(folder / "vectors"))
    (folder / "empty").mkdir()
    (folder / "file").touch()
    return folder


def rows_of(folder):
    with open(folder / "evaluation.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_all_suites_of_two_runs_are_written_side_by_side(runs, tmp_path):
    output = tmp_path / "results"
    assert main([str(runs / "one"), str(runs / "two"), *QUICK, "--output", str(output)]) == 0
    rows = rows_of(output)
    assert tuple(rows[0]) == COLUMNS
    assert {row["suite"] for row in rows} == set(TITLES)
    assert {(row["run"], row["seed"]) for row in rows} == {
        ("binary", "0"),
        ("none", "0"),
        ("none", "1"),
    }
    report = (output / "evaluation.md").read_text()
    assert all(f"## {title}" in report for title in TITLES.values())
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in report.splitlines()]
    shown = {tuple(line[:3]): line[3:] for line in lines if len(line) == 5}
    rows = [row for row in rows if row["suite"] not in ("masking", "ood")]  # have other tables
    kept = [row for row in rows if "reliability" not in row["test"]]
    for row in kept:
        level = f"{float(row['level']):g}" if row["level"] else "–"
        of_run = [
            float(other["value"])
            for other in kept
            if all(other[name] == row[name] for name in ("run", "test", "level", "measure"))
        ]
        cell = shown[row["test"], level, row["measure"]][["binary", "none"].index(row["run"])]
        assert cell == mean_and_deviation(of_run)
    assert sorted(file.stem for file in (output / "plots").iterdir()) == sorted(TITLES)
    assert yaml.safe_load((output / "config.yaml").read_text())["attack_steps"] == 2
    assert json.loads((output / "environment.json").read_text())["wall_seconds"] > 0


@pytest.mark.usefixtures("undrawn")
def test_one_seed_gives_the_same_table_again_and_another_one_other_samples(runs, tmp_path):
    tables = []
    for number, seed in enumerate(("0", "0", "1")):
        output = tmp_path / str(number)
        arguments = ["--suite", "noise", "ood", "--seed", seed, "--output", str(output)]
        assert main([str(runs / "two"), *QUICK, *arguments]) == 0
        tables.append((output / "evaluation.csv").read_text())
    assert tables[0] == tables[1] != tables[2]


def test_results_of_one_run_are_written_into_its_folder(runs, capsys):
    assert main([str(runs / "one"), "--suite", "calibration"]) == 0
    folder = runs / "one" / "evaluation"
    assert f"The evaluation is in {folder}" in capsys.readouterr().out
    assert [file.name for file in (folder / "plots").iterdir()] == ["calibration.png"]
    assert main([str(runs / "one"), "--suite", "training", "--quiet"]) == 0
    assert [file.name for file in (folder / "plots").iterdir()] == ["training.png"]
    assert capsys.readouterr().out == ""


def test_files_are_whole_after_each_suite_whatever_the_next_one_meets(runs, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lpc_scratch.evaluate.evaluate_training", interrupt)
    arguments = ["--suite", "training", "calibration", "--output", str(tmp_path), "--quiet"]
    assert main([str(runs / "one"), *arguments]) == 130
    assert {row["suite"] for row in rows_of(tmp_path)} == {"calibration"}
    report = (tmp_path / "evaluation.md").read_text()
    assert report.startswith("# Evaluation\n\n## Calibration\n\n| test ")
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["suite"] == [
        *("training", "calibration")
    ]
    assert json.loads((tmp_path / "environment.json").read_text())["wall_seconds"] >= 0


@pytest.mark.usefixtures("fresh_backends")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere does not exist: name the folder of a run"),
        (["empty"], "empty holds no run"),
        (["file"], "file is a file: name the folder of a run"),
        (["vectors", "--suite", "noise"], "noise cannot measure vectors, leave it out of --suite"),
        (["one", "vectors", "--suite", "robustness"], "attacks need images of shape (H, W)"),
        (["one", "one"], "a run is named twice"),
        (["one", "--epsilon", "-0.1"], "epsilon must be finite and at least 0, not -0.1"),
        (["one", "--epsilon-l2", "nan"], "epsilon_l2 must be finite and at least 0, not nan"),
        (["one", "--samples", "1"], "samples must be at least 2, not 1"),
        (["one", "--attack-steps", "0"], "attack_steps must be at least 1, not 0"),
        (["one", "--attack-targets", "0"], "attack_targets must be at least 1, not 0"),
        (["one", "--attack-queries", "0"], "attack_queries must be at least 1, not 0"),
        (["one", "--output", "file"], "output file is a file"),
        (["one", "--device", "gpu"], "device gpu needs"),
        (["one", "--data-dir", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(runs, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(runs)
    monkeypatch.setitem(sys.modules, "cupy", None)  # makes the import fail
    before = sorted(runs.rglob("*"))
    assert main([*arguments, "--quiet"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert sorted(runs.rglob("*")) == before


def test_unknown_suite_ends_with_exit_code_2(runs, capsys):
    with pytest.raises(SystemExit) as end:
        main([str(runs / "one"), "--suite", "robust"])
    assert end.value.code == 2
    assert "robust" in capsys.readouterr().err
