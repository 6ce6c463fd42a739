import dataclasses
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import DivergenceError, RunFolderError
from lpc_scratch.files.tensors import load_tensors, save_tensors
from lpc_scratch.runs import folder, layout
from lpc_scratch.runs.checkpoint import load_state
from lpc_scratch.runs.config_file import load_config
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.runs.metrics_file import read_metrics
from lpc_scratch.train import draw
from lpc_scratch.training import load_configured_dataset, train
from lpc_scratch.training.result import COLUMNS
from lpc_scratch.training.step import TrainingStep
from lpc_scratch.training.trainer import Trainer

SMALL = TrainConfig(
    dataset="gaussians",
    gaussian_classes=2,
    hidden=(16, 12),
    latent_dim=4,
    dropout=0.2,
    gamma=0.1,
    learning_rate=5e-3,
    epochs=6,
    evaluate_every=2,
)
IMAGES = {
    "dataset": "digits",
    "batch_size": 479,
    "channels": (4, 6),
    "dropout": 0.0,
    "crop": 1,
    "flip": True,
}

# Every optimiser and schedule, with dropout, without, several members, and networks of images.
VARIANTS = {
    "adam": {},
    "sgd": {"optimizer": "sgd", "dropout": 0.0},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1},
    "members": {"seeds": (0, 1), "gammas": (0.1, 1.0)},
    "step": {"learning_rate_schedule": "step", "learning_rate_every": 2, "warmup_epochs": 2},
    "cosine": {"learning_rate_schedule": "cosine", "optimizer": "sgd"},
    "geometric": {"gamma_schedule": "geometric", "gamma_every": 2, "penalty": "l2"},
    "float64": {"dtype": "float64", "activation": "silu", "loss": "double-softmax"},
    "cnn": IMAGES | {"backbone": "cnn"},
    "cnn members": IMAGES | {"backbone": "cnn", "seeds": (0, 1)},
    "resnet": IMAGES | {"backbone": "resnet"},
    "resnet members": IMAGES | {"backbone": "resnet", "seeds": (0, 1)},
}


class Interrupted(RunFolder):
    """A folder whose run is interrupted when it has kept an epoch."""

    def __init__(self, path, epoch):
        super().__init__(path)
        self.last = epoch

    def _keep(self, trainer, epoch):
        super()._keep(trainer, epoch)
        if epoch == self.last:
            raise KeyboardInterrupt


def run(path, config, resume=False):
    return train(config, recorder=RunFolder(path, resume))


def interrupt(path, config, epoch):
    with pytest.raises(KeyboardInterrupt):
        train(config, recorder=Interrupted(path, epoch))


def without_seconds(rows):
    """Return rows whose numbers are text, of which nan is equal to nan."""
    return [{name: str(row[name]) for name in COLUMNS if name != "seconds"} for row in rows]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run"


def test_folder_holds_the_configuration_environment_metrics_and_model(path):
    result = run(path, SMALL)
    assert load_config(path / "config.yaml", TrainConfig) == SMALL
    environment = json.loads((path / "environment.json").read_text())
    assert environment["packages"]["numpy"] == np.__version__
    assert (path / "metrics.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
    assert repr(read_metrics(path / "metrics.csv")) == repr(result.rows)  # nan equals nan
    tensors, metadata = load_tensors(path / "model.safetensors")
    parameters = result.network.named_parameters()
    assert tensors.keys() == parameters.keys()
    assert all(np.array_equal(tensors[name], parameters[name]) for name in parameters)
    assert metadata["epoch"] == "6"


def test_epochs_shorter_than_a_second_share_a_checkpoint(path, monkeypatch):
    monkeypatch.setattr(folder, "BETWEEN_CHECKPOINTS", 1000.0)
    kept = []
    monkeypatch.setattr(folder, "save_state", lambda *arguments: kept.append(arguments[-1]))
    run(path, dataclasses.replace(SMALL, evaluate_every=4))
    assert kept == [0, 4, 6]  # those that are measured


def test_several_seeds_give_tensors_with_a_leading_member_axis(path):
    run(path, dataclasses.replace(SMALL, seeds=(0, 1, 2), epochs=0))
    tensors, _ = load_tensors(path / "model.safetensors")
    assert tensors["hidden.0.W"].shape == (3, 20, 16)
    assert tensors["classifier.b"].shape == (3, 1, 2)


@pytest.mark.parametrize(  # after an epoch that is not measured, and after one that is
    ("variant", "epoch"), [*((variant, 3) for variant in VARIANTS), ("adam", 4), ("members", 4)]
)
def test_resumed_run_equals_an_uninterrupted_one_to_the_bit(path, variant, epoch):
    config = dataclasses.replace(SMALL, **VARIANTS[variant])
    whole = train(config)
    interrupt(path, config, epoch)
    parts = run(path, config, resume=True)
    assert np.array_equal(parts.network.parameters, whole.network.parameters)
    ours, theirs = parts.network.named_state(), whole.network.named_state()
    assert bool(theirs) == ("backbone" in VARIANTS[variant])
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    kept = read_metrics(path / "metrics.csv")
    assert without_seconds(kept) == without_seconds(whole.rows) == without_seconds(parts.rows)
    ours, theirs = parts.snapshots.to_arrays(), whole.snapshots.to_arrays()
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert np.all(np.diff([row["seconds"] for row in kept if row["member"] == 0]) > 0)


@pytest.mark.parametrize("stand_in", ["cupy_stand_in", "cuda_stand_in"])
def test_run_on_a_device_is_kept_and_resumed(path, request, stand_in):
    backend = request.getfixturevalue(stand_in)
    config = dataclasses.replace(SMALL, device="gpu", seeds=(0, 1))
    whole = train(config)
    run(path, dataclasses.replace(config, epochs=2))
    parts = run(path, config, resume=True)
    assert np.array_equal(
        *(backend.to_host(result.network.parameters) for result in (whole, parts))
    )


def test_longer_run_goes_on_from_the_end_of_a_shorter_one(tmp_path):
    run(tmp_path, dataclasses.replace(SMALL, epochs=3))
    longer = run(tmp_path, SMALL, resume=True)
    assert np.array_equal(longer.network.parameters, train(SMALL).network.parameters)


def test_run_that_was_killed_before_its_first_checkpoint_begins_anew(path):
    run(path, dataclasses.replace(SMALL, epochs=0))
    (path / "checkpoint.safetensors").unlink()
    (path / "metrics.csv.1234.partial").write_text("torn")
    parts = run(path, SMALL, resume=True)
    assert np.array_equal(parts.network.parameters, train(SMALL).network.parameters)
    assert not list(path.glob("*.partial"))


def test_rows_after_the_last_checkpoint_are_measured_again(path):
    run(path, dataclasses.replace(SMALL, epochs=4))
    state, metrics = path / "checkpoint.safetensors", path / "metrics.csv"
    checkpoint = state.read_bytes()
    run(path, SMALL, resume=True)
    state.write_bytes(checkpoint)  # as if killed between the rows and the checkpoint of epoch 6
    metrics.write_text(metrics.read_text() + "6,0,0,10.0,0.0")  # with a torn line
    result = run(path, SMALL, resume=True)
    assert [row["epoch"] for row in read_metrics(metrics)] == [0, 2, 4, 6]
    assert result.snapshots.epochs == [0, 2, 4, 6]


def test_folder_that_holds_a_run_is_refused_unless_resumed_or_overwritten(path):
    run(path, dataclasses.replace(SMALL, epochs=0))
    with pytest.raises(RunFolderError, match="already holds a run: continue it with --resume"):
        RunFolder(path).check(SMALL)
    RunFolder(path, overwrite=True).check(SMALL)


def test_new_run_touches_nothing_else_in_its_folder(path):
    (path / "tensorboard").mkdir(parents=True)
    mine = [path / name for name in ("model.onnx", "video.partial", "tensorboard/mine", "notes")]
    for file in mine:
        file.write_text("mine")
    run(path, dataclasses.replace(SMALL, epochs=0))
    assert all(file.read_text() == "mine" for file in mine)


def test_folder_that_another_process_writes_to_is_refused(path):
    path.mkdir()
    lock = "import sys; from pathlib import Path; from lpc_scratch.files.atomic import lock_file\n"
    lock += "lock_file(Path(sys.argv[1]), sys); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", lock, path / ".lock"], **pipes) as other:
        other.stdout.readline()
        with pytest.raises(RunFolderError, match="another process is writing to"):
            run(path, dataclasses.replace(SMALL, epochs=0))
        other.communicate(b"\n")
    assert [file.name for file in path.iterdir()] == [".lock"]
    run(path, dataclasses.replace(SMALL, epochs=0))


def test_run_that_another_process_has_made_in_the_meantime_is_kept(path):
    late = RunFolder(path)
    late.check(SMALL)
    run(path, dataclasses.replace(SMALL, epochs=0))
    kept = (path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(RunFolderError, match="already holds a run"):
        train(SMALL, recorder=late)
    assert (path / "checkpoint.safetensors").read_bytes() == kept


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_means": lambda a: a[..., :1]}, r"its class_means are \(2, 1, 2, 1\), and should"),
        ({"class_means": lambda a: a * np.nan}, "its class_means are not finite"),
        (
            {"classifier_initial": lambda a: a[:, :1]},
            r"its classifier_initial are \(1, 1, 2\), and should be \(1, 4, 2\)",
        ),
        ({"classifier_initial": lambda a: a * np.inf}, "its classifier_initial are not finite"),
        ({"classifier_initial": lambda a: a[0]}, "it holds no epochs, edges, counts, class_means"),
        ({"counts": lambda a: a[..., :1]}, r"its counts are \(2, 1, 1\), and should be"),
        ({"counts": lambda a: a.astype("f4")}, "it holds no epochs, edges, counts, class_means"),
        ({"counts": lambda a: -a}, "its histograms are not those of a training run"),
        ({"edges": lambda a: a[:3]}, "its histograms are not those of a training run"),
    ],
)
def test_snapshots_of_another_run_are_refused(path, change, message):
    run(path, dataclasses.replace(SMALL, epochs=2))
    latent = path / "latent.safetensors"
    tensors, text = load_tensors(latent)
    save_tensors(latent, {n: change.get(n, np.asarray)(t) for n, t in tensors.items()}, text)
    with pytest.raises(RunFolderError, match=message):
        run(path, SMALL, resume=True)


def test_overwriting_leaves_nothing_of_the_old_run(path):
    run(path, SMALL)
    shorter = dataclasses.replace(SMALL, epochs=2)
    (path / "plots").mkdir()
    (path / "plots" / "overview.png").touch()
    (path / "model.onnx").touch()
    (path / "tensorboard").mkdir()
    train(shorter, recorder=RunFolder(path, overwrite=True))
    assert [row["epoch"] for row in read_metrics(path / "metrics.csv")] == [0, 2]
    assert load_config(path / "config.yaml", TrainConfig) == shorter
    assert not list((path / "plots").iterdir())
    assert not (path / "model.onnx").exists()
    assert not (path / "tensorboard").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "metrics.csv"])
def test_single_file_of_a_run_is_not_overwritten_unasked(path, name):
    path.mkdir()
    (path / name).write_text("mine")
    with pytest.raises(RunFolderError, match="already holds a run"):
        run(path, SMALL)
    assert (path / name).read_text() == "mine"


def test_run_that_diverges_before_anything_is_measured_leaves_no_folder(path):
    with pytest.raises(DivergenceError):
        run(path, dataclasses.replace(SMALL, gamma=1.797e308))
    assert not path.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gamma": 3.0}, "has gamma 0.1 and cannot be resumed with 3.0"),
        ({"seeds": (1,)}, r"has seeds \(0,\) and cannot be resumed with \(1,\)"),
    ],
)
def test_run_is_not_resumed_with_other_settings(path, change, message):
    run(path, dataclasses.replace(SMALL, epochs=0))
    with pytest.raises(RunFolderError, match=message):
        RunFolder(path, resume=True).check(dataclasses.replace(SMALL, **change))


def test_cosine_run_is_not_resumed_with_other_epochs(path):
    cosine = dataclasses.replace(SMALL, learning_rate_schedule="cosine", epochs=2)
    run(path, cosine)
    with pytest.raises(RunFolderError, match="its cosine schedule depends on them"):
        RunFolder(path, resume=True).check(dataclasses.replace(cosine, epochs=4))


def test_run_that_has_lost_its_checkpoint_is_left_alone(path):
    run(path, SMALL)
    (path / "checkpoint.safetensors").unlink()
    model = (path / "model.safetensors").read_bytes()
    with pytest.raises(RunFolderError, match=r"has no checkpoint\.safetensors to resume from"):
        run(path, SMALL, resume=True)
    assert (path / "model.safetensors").read_bytes() == model


def test_run_that_has_lost_rows_is_not_resumed(path):
    run(path, dataclasses.replace(SMALL, epochs=4))
    metrics = path / "metrics.csv"
    lines = metrics.read_text().splitlines(keepends=True)
    metrics.write_text("".join(lines[:-1]))
    with pytest.raises(RunFolderError, match="do not hold the same epochs"):
        run(path, SMALL, resume=True)


def test_figures_are_drawn_from_the_folder_alone(path):
    run(path, dataclasses.replace(SMALL, epochs=2))
    drawn = sorted(draw(path))
    assert drawn == sorted((path / "plots").iterdir())
    assert [file.stem for file in drawn] == sorted(layout.FIGURES)
    (path / "dataset.json").write_text("[]")
    with pytest.raises(RunFolderError, match=r"dataset\.json is damaged: it must hold"):
        draw(path)


def test_run_is_not_resumed_to_fewer_epochs_than_it_has(path):
    run(path, SMALL)
    with pytest.raises(RunFolderError, match="already at epoch 6, beyond epochs 4"):
        run(path, dataclasses.replace(SMALL, epochs=4), resume=True)
    assert load_config(path / "config.yaml", TrainConfig) == SMALL


def test_empty_folder_cannot_be_resumed(path):
    with pytest.raises(RunFolderError, match="holds no run to resume"):
        RunFolder(path, resume=True).check(SMALL)


def test_file_in_place_of_the_folder_is_refused(path):
    path.write_text("")
    with pytest.raises(RunFolderError, match="is a file, and a run needs a folder"):
        RunFolder(path).check(SMALL)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"x" * 99])
def test_damaged_checkpoint_is_refused_and_the_run_left_alone(path, damage):
    run(path, dataclasses.replace(SMALL, epochs=2))
    state = path / "checkpoint.safetensors"
    state.write_bytes(damage(state.read_bytes()))
    before = (path / "metrics.csv").read_bytes()
    with pytest.raises(RunFolderError, match=r"checkpoint.safetensors cannot be read"):
        run(path, SMALL, resume=True)
    assert (path / "metrics.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "linear"}, "has architecture 'linear' and cannot be resumed with 'bin"),
        ({"dtype": "float64"}, "has dtype 'float64' and cannot be resumed with 'float32'"),
        ({"seeds": (0, 1)}, r"has seeds \(0, 1\) and cannot be resumed with \(0,\)"),
        ({"data_seed": 1}, "has data_seed 1 and cannot be resumed with 0"),
    ],
)
def test_checkpoint_of_another_run_is_refused(path, tmp_path, change, message):
    run(path, dataclasses.replace(SMALL, epochs=0))
    run(tmp_path / "other", dataclasses.replace(SMALL, epochs=0, **change))
    shutil.copy(tmp_path / "other" / "checkpoint.safetensors", path)
    with pytest.raises(RunFolderError, match=rf"checkpoint\.safetensors {message}"):
        run(path, SMALL, resume=True)


@pytest.mark.parametrize(
    ("tensors", "text", "message"),
    [
        ({"parameters": np.zeros(3, "f4")}, {}, r"its parameters has shape \(3,\), and this run's"),
        ({"parameters": np.zeros(602)}, {}, "its parameters is float64, and this run's float32"),
        ({"parameters": np.full(602, np.nan, "f4")}, {}, "its parameters holds numbers that are"),
        ({"extra": np.zeros(1)}, {}, "it has a tensor extra, which this run has not"),
        ({"optimizer.square_sum": None}, {}, "it has no tensor optimizer.square_sum"),
        ({}, {"epoch": "two"}, "is no checkpoint of this version"),
        ({}, {"epoch": "-2"}, "is no checkpoint of this version"),
        ({}, {"seconds": "nan"}, "is no checkpoint of this version"),
        ({}, {"config": None}, "is no checkpoint of this version"),
        ({}, {"steps": "29"}, "has taken 29 steps in 2 epochs, and this run takes 15 in each"),
        ({}, {"data": "0"}, "is of a run on other data than gaussians is now"),
    ],
)
def test_checkpoint_that_was_tampered_with_is_refused_by_its_difference(
    path, tensors, text, message
):
    run(path, dataclasses.replace(SMALL, epochs=2))
    state = path / "checkpoint.safetensors"
    kept = load_tensors(state)
    changed = [
        {name: value for name, value in (old | new).items() if value is not None}
        for old, new in zip(kept, (tensors, text), strict=True)
    ]
    save_tensors(state, *changed)
    trainer = Trainer(SMALL, load_configured_dataset(SMALL))
    before = trainer.network.parameters.copy()
    with pytest.raises(RunFolderError, match=message):
        load_state(state, trainer)
    assert np.array_equal(trainer.network.parameters, before)


def test_flipped_bit_is_noticed(path):
    run(path, dataclasses.replace(SMALL, epochs=0))
    state = path / "checkpoint.safetensors"
    content = bytearray(state.read_bytes())
    content[-9] ^= 1  # the last bit of a weight, which leaves a number as good as any
    state.write_bytes(content)
    with pytest.raises(RunFolderError, match="its content is not what was written"):
        run(path, SMALL, resume=True)


def test_divergence_keeps_the_last_good_checkpoint(path, monkeypatch):
    take_step = TrainingStep.__call__

    def diverge_in_epoch_four(self, rows, learning_rate, gamma):
        loss = take_step(self, rows, learning_rate, gamma)
        return loss * np.float32("nan" if self.optimizer.steps > 3.5 * 15 else 1)

    monkeypatch.setattr(TrainingStep, "__call__", diverge_in_epoch_four)
    with pytest.raises(DivergenceError, match=r"nan in step \d+ of 15 of epoch 4"):
        run(path, SMALL)
    assert load_tensors(path / "model.safetensors")[1]["epoch"] == "3"
    monkeypatch.undo()
    assert run(path, SMALL, resume=True).rows[-1]["epoch"] == 6


def test_same_content_makes_the_same_file_to_the_byte(tmp_path):
    tensors, text = {"b": np.ones(3), "a": np.zeros(2)}, {"one": "1", "two": "2", "three": "3"}
    contents = set()
    for _ in range(20):
        save_tensors(tmp_path / "tensors.safetensors", tensors, text)
        contents.add((tmp_path / "tensors.safetensors").read_bytes())
    assert len(contents) == 1
    assert load_tensors(tmp_path / "tensors.safetensors")[1] == text


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "tensors.safetensors"
    save_tensors(file, {"a": np.ones(3)})

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        save_tensors(file, {"a": np.zeros(3)})
    assert np.array_equal(load_tensors(file)[0]["a"], np.ones(3))
    assert list(tmp_path.iterdir()) == [file]
