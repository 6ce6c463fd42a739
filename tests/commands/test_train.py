"""`python -m lpc_scratch.train` as its users meet it."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from data_utils import DatasetError
from lpc_scratch.config import TrainConfig
from lpc_scratch.files.tensors import load_tensors
from lpc_scratch.runs import layout
from lpc_scratch.runs.config_file import load_config
from lpc_scratch.runs.metrics_file import read_metrics
from lpc_scratch.train import main
from lpc_scratch.training import load_configured_dataset

QUICK = [
    *("--dataset", "gaussians", "--gaussian-classes", "2", "--hidden", "12", "--latent-dim", "4"),
    *("--epochs", "2", "--gamma", "0.1"),
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch, undrawn):
    """Run in an empty folder."""
    monkeypatch.chdir(tmp_path)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_command_writes_a_run_folder_and_says_where(tmp_path, capsys):
    assert main(QUICK) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("gaussians-binary-")
    assert f"runs/{folder.name}" in shown.out
    assert re.match(r"needs about [\d.]+ MiB of memory\n", shown.out)
    assert "test acc" in shown.out
    assert {*layout.FILES} <= {*files(folder)}


def test_a_run_says_at_its_end_where_its_time_went(capsys, monkeypatch):
    monkeypatch.setattr("lpc_scratch.train.draw", lambda _: time.sleep(0.2))
    assert main(QUICK) == 0
    total, parts = capsys.readouterr().out.splitlines()[-1].split(" s: ")
    spent = {what: float(s) for what, s in (p.rsplit(" ", 1) for p in parts.split(", "))}
    assert {*spent} == {"training", "measuring", "saving", "drawing", "everything else"}
    assert spent["drawing"] >= 0.2
    assert list(spent.values()) == sorted(spent.values(), reverse=True)
    assert sum(spent.values()) == pytest.approx(float(total), abs=0.31)  # of rounded numbers


def test_help_names_every_setting_with_its_default(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = " ".join(capsys.readouterr().out.replace("│", "").split())
    for flag in ("--dataset", "--seeds", "--gamma-schedule", "--config", "--resume"):
        assert flag in shown
    assert "(default: 256 256)" in shown


def test_quiet_prints_nothing(capsys):
    assert main([*QUICK, "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_saved_configuration_repeats_the_run_to_the_bit(tmp_path):
    main([*QUICK, "--output", "first", "--dropout", "0.1", "--seed", "5"])
    main(["--config", "first/config.yaml", "--output", "second"])
    first, second = (
        load_tensors(tmp_path / n / "model.safetensors")[0] for n in ("first", "second")
    )
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_flags_override_the_file_and_the_file_the_defaults(tmp_path, capsys):
    (tmp_path / "my.yaml").write_text("gamma: 3\nhidden: [7]\nlearning_rate: 1e-2\n")
    assert main(["--config", "my.yaml", "--gamma", "4", "--seeds", "1", "2", "--print-config"]) == 0
    (tmp_path / "shown.yaml").write_text(capsys.readouterr().out)
    expected = TrainConfig(gamma=4, hidden=(7,), learning_rate=1e-2, seeds=(1, 2))
    assert load_config(tmp_path / "shown.yaml", TrainConfig) == expected
    assert files(tmp_path) == ["my.yaml", "shown.yaml"]


def test_resume_takes_the_settings_from_the_folder(tmp_path):
    main([*QUICK, "--output", "run", "--gamma", "4"])
    assert main(["--output", "run", "--resume", "--epochs", "3"]) == 0
    rows = read_metrics(tmp_path / "run" / "metrics.csv")
    assert [row["epoch"] for row in rows] == [0, 2, 3]
    assert rows[-1]["gamma"] == 4


def test_tensorboard_gets_its_files_and_is_asked_for_before_any_work(tmp_path, monkeypatch, capsys):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    assert main([*QUICK, "--tensorboard", "--output", "run"]) == 0
    assert len(list((tmp_path / "run" / "tensorboard").glob("events.*"))) == 1
    monkeypatch.setitem(sys.modules, "tensorboardX", None)  # makes the import fail
    assert main([*QUICK, "--tensorboard", "--output", "other"]) == 2
    assert "--tensorboard needs tensorboardX" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "mnits"], "mnits"),
        (["--dataset", "missing.npz"], "missing.npz"),
        (["--dataset", "mnist", "--data-dir", "nowhere"], "nowhere"),
        (["--gamma", "-1"], "gamma must be at least 0"),
        (["--latent-dim", "0"], "latent_dim must be at least 1"),
        (["--resume"], "--resume needs --output"),
        (["--output", ""], "output is empty"),
        (["--hidden", "1000000", "1000000"], "needs about 40.0 TiB of memory"),
        (
            ["--dataset", "gaussians", "--backbone", "cnn"],
            "backbone cnn needs images, and the inputs are vectors of 20 features",
        ),
        (["--dataset", "gaussians", "--crop", "1", "--flip"], "crop and flip need images, and"),
        (
            ["--backbone", "cnn", "--channels", "8", "8", "8", "8"],
            "inputs of the shape (8, 8): a window of 2 x 2 is larger than an image of 1 x 1",
        ),
        (
            ["--backbone", "resnet", "--stem-stride", "1000"],
            "backbone resnet cannot take inputs of the shape (8, 8): a stride of 1000 is more than",
        ),
        (
            ["--backbone", "resnet", "--channels", *"44444444"],
            "a stride of 2 is more than an image of 1 x 1 has rows or columns: use fewer stages",
        ),
        (["--backbone", "resnet", "--dataset", "dot.npz"], "inputs of the shape (1, 1): a stride"),
        (["--crop", "9"], "a crop by 9 pixels is too much for images of 8 x 8"),
        (
            ["--backbone", "cnn", "--channels", "8", "0"],
            "channels must be 1 to 1000000, not [8, 0]",
        ),
        (["--backbone", "resnet", "--batch-size", "1"], "batch_size 1 has no statistics for batch"),
        (["--resume", "--overwrite", "--output", "x"], "exclude each other"),
        (["--config", "missing.yaml"], "missing.yaml cannot be read"),
        (["--config", "typo.yaml"], "unknown key 'gama'"),
        (["--output", "taken"], "already holds a run"),
        (["--output", "empty", "--resume"], "holds no run to resume"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(tmp_path, capsys, arguments, message):
    (tmp_path / "typo.yaml").write_text("gama: 10\n")
    x, y = np.zeros((4, 1, 1), np.float32), np.arange(4) % 2
    np.savez(tmp_path / "dot.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "config.yaml").write_text("gamma: 10\n")
    before = files(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gama", "3"], "--gama"),
        (["--architecture", "lpc"], "lpc"),
        (["--epochs", "many"], "many"),
    ],
)
def test_bad_flag_is_named_and_ends_with_exit_code_2(tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert files(tmp_path) == []


@pytest.mark.usefixtures("fresh_backends")
def test_gpu_that_is_not_there_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # makes the import fail
    assert main([*QUICK, "--device", "gpu"]) == 2
    assert "device gpu needs CuPy" in capsys.readouterr().err
    assert files(tmp_path) == []


def test_divergence_ends_with_exit_code_3_and_keeps_the_run(tmp_path, capsys):
    assert main([*QUICK, "--learning-rate", "1e8", "--output", "run"]) == 3
    error = capsys.readouterr().err
    assert "training diverged" in error
    assert "lower gamma" in error
    assert load_tensors(tmp_path / "run" / "model.safetensors")[1]["epoch"] == "0"


def test_collapse_to_one_point_is_a_one_line_warning(capsys):
    assert main([*QUICK, "--gamma", "1e6", "--learning-rate", "1e-2", "--epochs", "5"]) == 0
    error = capsys.readouterr().err
    assert error.startswith("warning: the network of seed 0 has collapsed to one point")
    assert error.count("\n") == 1


def test_users_own_arrays_train(tmp_path, rng):
    x, y = rng.normal(size=(90, 5)), np.arange(90) % 3
    np.savez("mine.npz", x_train=x + y[:, None], y_train=y, x_test=x, y_test=y)
    assert main(["--dataset", "mine.npz", "--epochs", "1", "--gamma", "0", "--output", "run"]) == 0
    description = json.loads((tmp_path / "run" / "dataset.json").read_text())
    assert description["class_names"] == ["0", "1", "2"]
    assert description["feature_mean"] == pytest.approx((x + y[:, None]).mean(axis=0))
    tensors, _ = load_tensors(tmp_path / "run" / "model.safetensors")
    assert tensors["hidden.0.W"].shape == (5, 256)
    assert tensors["classifier.W"].shape == (16, 3)


def test_dead_network_still_ends_with_its_table(tmp_path, capsys):
    np.savez(
        "same.npz", x_train=np.ones((4, 3)), y_train=[0, 1, 0, 1], x_test=[[1, 1, 1]], y_test=[0]
    )
    assert main(["--dataset", "same.npz", "--architecture", "linear", "--epochs", "1"]) == 0
    assert "nan" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sink", "output", "error"),
    [
        ("| head -1", rb"needs about .* of memory\n", b""),
        ("> /dev/full", b"", rb"error: \[Errno 28\] No space left on device\n"),
    ],
)
def test_output_that_cannot_be_written_gives_no_traceback(sink, output, error):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    train = f"{sys.executable} -m lpc_scratch.train {' '.join(QUICK)} --evaluate-every 1"
    shown = subprocess.run(f"{train} {sink}", shell=True, capture_output=True)
    assert re.fullmatch(output, shown.stdout)
    assert re.fullmatch(error, shown.stderr)


def test_mnist_trains_where_it_is_present(tmp_path, monkeypatch):
    def no_download(*_):
        raise DatasetError("MNIST is not on this machine, and tests download nothing")

    monkeypatch.setattr("data_utils.lookup.download", no_download)
    try:
        load_configured_dataset(TrainConfig(dataset="mnist"))
    except DatasetError as error:
        pytest.skip(str(error))
    arguments = "--dataset mnist --hidden 64 --gamma 0.1 --learning-rate 2e-3 --epochs 1"
    assert main([*arguments.split(), "--output", "run"]) == 0
    last = read_metrics(tmp_path / "run" / "metrics.csv")[-1]
    assert last["test_accuracy"] > 0.93
    assert last["distinct_codes"] == 10


def test_validation_accuracy_is_shown_where_a_part_is_held_out(capsys, tmp_path, undrawn):
    small = ["--hidden", "16", "--latent-dim", "4", "--epochs", "0"]
    for share, shown in (("0.2", True), ("0", False)):
        output = ["--output", str(tmp_path / share)]
        assert main([*small, *output, "--validation-share", share]) == 0
        text = capsys.readouterr().out
        assert ("validation acc" in text, "validation_accuracy 0." in text) == (shown, shown)
