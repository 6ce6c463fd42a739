import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from data_utils import Dataset
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError, RunFolderError
from lpc_scratch.nn.inference import latent_and_logits
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.tensorboard import log as tensorboard_log
from lpc_scratch.tensorboard.log import GROUPS, TensorBoardLog
from lpc_scratch.training import Recorder, load_configured_dataset, train
from lpc_scratch.training.result import COLUMNS, EDGES
from lpc_scratch.training.trainer import Trainer

pytest.importorskip("tensorboardX", reason="writes the events: pip install tensorboardX")
event_accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator",
    reason="reads the events: pip install tensorboard",
)

SMALL = TrainConfig(
    dataset="gaussians",
    gaussian_classes=2,
    hidden=(16,),
    latent_dim=4,
    gamma=0.1,  # so few steps bear no more
    learning_rate=5e-3,
    epochs=4,
    evaluate_every=2,
    batch_size=200,
)
PAIR = dataclasses.replace(SMALL, seeds=(0, 1))
MEASUREMENTS = [column for column in COLUMNS if column not in ("epoch", "member", "seed")]


def run(config, folder, *, close=True, dataset=None, **modes):
    """Train with a log, and return the result and the log."""
    log = TensorBoardLog(RunFolder(folder, **modes), folder)
    result = train(config, dataset, recorder=log)
    if close:
        log.close()
    return result, log


def read(path):
    """Return the scalars, steps with values by tag, and the reader of a folder of events."""
    reader = event_accumulator.EventAccumulator(
        str(path), size_guidance={"scalars": 0, "histograms": 0}
    )
    reader.Reload()
    tags = reader.Tags()["scalars"]
    return {t: [(event.step, event.value) for event in reader.Scalars(t)] for t in tags}, reader


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return run(PAIR, tmp_path_factory.mktemp("pair"))


@pytest.fixture
def single(tmp_path):
    return run(SMALL, tmp_path)


def test_every_measurement_has_a_section():
    assert sorted(c for columns in GROUPS.values() for c in columns) == sorted(MEASUREMENTS)


def test_curves_are_the_rows_of_each_network(pair):
    result, log = pair
    scalars, _ = read(log.path)
    expected = {
        f"{group}/{column}/seed-{member}": [
            (epoch, pytest.approx(value, rel=1e-6, nan_ok=True))
            for epoch, value in zip((0, 2, 4), result.column(column, member), strict=True)
        ]
        for group, columns in GROUPS.items()
        for column in columns
        if column != "validation_accuracy"  # of which there is none
        for member in (0, 1)
    }
    assert scalars == expected


def test_curves_of_a_single_network_have_no_seed_in_their_names(single):
    _, log = single
    scalars, reader = read(log.path)
    assert {"collapse/nc1", "loss/cross_entropy", "accuracy/test_accuracy"} <= scalars.keys()
    assert len(scalars) == len(MEASUREMENTS) - 1  # there is no validation accuracy
    assert reader.Tags()["tensors"] == []


def test_validation_accuracy_has_a_curve_where_there_is_such_a_part(tmp_path):
    config = dataclasses.replace(SMALL, validation_share=0.2, epochs=0)
    scalars, _ = read(run(config, tmp_path)[1].path)
    assert len(scalars["accuracy/validation_accuracy"]) == 1


def test_networks_of_one_seed_are_told_apart_by_gamma(tmp_path):
    config = dataclasses.replace(PAIR, seeds=(0, 0), gammas=(1.0, 0.5), epochs=0)
    scalars, _ = read(run(config, tmp_path)[1].path)
    assert {"loss/loss/seed-0-gamma-1.0", "loss/loss/seed-0-gamma-0.5"} <= scalars.keys()


def test_networks_share_a_chart_of_each_measurement(pair):
    from tensorboard.plugins.custom_scalar import layout_pb2

    _, reader = read(pair[1].path)
    (event,) = reader.Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(event.tensor_proto.string_val[0])
    charts = {chart.title: chart.multiline.tag for c in layout.category for chart in c.chart}
    assert charts.keys() == set(MEASUREMENTS)
    assert charts["nc1"] == ["collapse/nc1/"]


def test_histograms_are_those_of_the_snapshots(pair):
    result, log = pair
    _, reader = read(log.path)
    events = reader.Histograms("latent/histogram/seed-1")
    assert [event.step for event in events] == result.snapshots.epochs
    for event, counts in zip(events, result.snapshots.counts, strict=True):
        histogram = event.histogram_value
        assert histogram.bucket == counts[1].tolist()
        assert histogram.bucket_limit == EDGES[1:].tolist()
        assert (histogram.min, histogram.max, histogram.num) == (-3, 3, counts[1].sum())


def test_killed_run_has_its_points(tmp_path):
    _, log = run(SMALL, tmp_path, close=False)
    scalars, reader = read(log.path)
    assert [step for step, _ in scalars["loss/loss"]] == [0, 2, 4]
    last = reader.Histograms("latent/histogram")  # what each epoch ends with
    assert [event.step for event in last] == [0, 2, 4]
    log.close()


def test_resumed_run_has_every_point_once(tmp_path):
    run(SMALL, tmp_path)
    longer = dataclasses.replace(SMALL, epochs=8)
    result, log = run(longer, tmp_path, resume=True)
    scalars, reader = read(log.path)
    assert [step for step, _ in scalars["loss/loss"]] == [0, 2, 4, 6, 8]
    assert [v for _, v in scalars["loss/loss"]] == pytest.approx(result.column("loss"), rel=1e-6)
    assert [event.step for event in reader.Histograms("latent/histogram")] == [0, 2, 4, 6, 8]


def test_points_are_as_far_apart_as_training_took(tmp_path):
    run(SMALL, tmp_path)
    longer = dataclasses.replace(SMALL, epochs=8)
    result, log = run(longer, tmp_path, resume=True)
    _, reader = read(log.path)
    for events in (reader.Scalars("loss/loss"), reader.Histograms("latent/histogram")):
        times = np.array([event.wall_time for event in events])
        took = np.diff(result.column("seconds"))[:2]  # of the epochs that were logged again
        assert np.diff(times)[:2] == pytest.approx(took, abs=1e-5)
        assert (np.diff(times) > 0).all()


def test_resumed_run_shows_its_last_points_alone_and_says_nothing(tmp_path, capfd):
    run(SMALL, tmp_path)
    for epochs in (4, 8):
        _, log = run(dataclasses.replace(SMALL, epochs=epochs), tmp_path, resume=True)
        (embedding,) = read_projector_config(log.path).embeddings
        assert embedding.tensor_name == f"latent:0000{epochs}"
    assert capfd.readouterr() == ("", "")


def test_run_that_was_not_logged_is_logged_when_it_is_resumed(tmp_path):
    train(SMALL, recorder=RunFolder(tmp_path))
    _, log = run(SMALL, tmp_path, resume=True)
    assert [step for step, _ in read(log.path)[0]["loss/loss"]] == [0, 2, 4]
    assert (log.path / "projector_config.pbtxt").exists()


def test_overwriting_a_run_removes_its_log(tmp_path):
    _, log = run(PAIR, tmp_path)
    old = set(log.path.glob("events*"))
    _, log = run(dataclasses.replace(SMALL, epochs=2), tmp_path, overwrite=True)
    scalars, _ = read(log.path)
    assert "loss/loss/seed-0" not in scalars
    assert [step for step, _ in scalars["loss/loss"]] == [0, 2]
    assert len(list(log.path.glob("events*"))) == 1
    assert old.isdisjoint(log.path.glob("events*"))


def test_numbers_beyond_float32_do_not_stop_a_run(tmp_path, caplog):
    log = TensorBoardLog(RunFolder(tmp_path), tmp_path)
    trainer = Trainer(SMALL, load_configured_dataset(SMALL))
    result = train(dataclasses.replace(SMALL, epochs=0))
    odd = {"nc1": np.nan, "cdnv": np.inf, "latent_entropy": -np.inf, "loss": np.float64(1e300)}
    result.rows = [result.rows[0] | odd]
    result.snapshots.counts = [np.zeros_like(result.snapshots.counts[0])]
    log.save(trainer, result, result.rows)
    log.close()
    scalars, reader = read(log.path)
    assert np.isnan(scalars["collapse/nc1"][0][1])
    assert scalars["collapse/cdnv"] == [(0, np.inf)]
    assert scalars["latent/latent_entropy"] == [(0, -np.inf)]
    assert scalars["loss/loss"] == [(0, np.inf)]
    assert reader.Tags()["histograms"] == []  # of no coordinate
    assert caplog.records == []  # nan is a measurement, and no cause for a warning


def test_projector_shows_latent_points_with_their_classes(pair):
    result, log = pair
    projector_config = read_projector_config(log.path)
    names = [embedding.tensor_name for embedding in projector_config.embeddings]
    assert names == ["latent/seed-0:00004", "latent/seed-1:00004"]  # and the epoch
    dataset = load_configured_dataset(PAIR)
    latent, _ = latent_and_logits(result.network, dataset.x_test)
    for embedding, points in zip(projector_config.embeddings, latent, strict=True):
        assert np.loadtxt(log.path / embedding.tensor_path) == pytest.approx(points, rel=1e-4)
        classes = (log.path / embedding.metadata_path).read_text().splitlines()
        assert classes == [dataset.class_names[label] for label in dataset.y_test]
        assert not embedding.HasField("sprite")


def test_projector_shows_the_images_of_its_points(tmp_path):
    from matplotlib.image import imread

    _, log = run(TrainConfig(hidden=(16,), epochs=0), tmp_path)
    (embedding,) = read_projector_config(log.path).embeddings
    assert embedding.tensor_name == "latent:00000"
    assert list(embedding.sprite.single_image_dim) == [8, 8]
    sheet = imread(log.path / embedding.sprite.image_path)
    digits = load_configured_dataset(TrainConfig()).x_test
    across = len(sheet) // 8
    assert across**2 >= len(digits) == len(np.loadtxt(log.path / embedding.tensor_path))
    second_row = sheet[8:16, :8, 0]  # begins with the image after those of the first row
    assert second_row == pytest.approx(digits[across].reshape(8, 8) / 16, abs=1 / 255)


def test_projector_chooses_samples_at_even_distances(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard_log, "_MOST_POINTS", 3)
    _, log = run(dataclasses.replace(SMALL, epochs=0), tmp_path)
    dataset = load_configured_dataset(SMALL)
    (embedding,) = read_projector_config(log.path).embeddings
    classes = (log.path / embedding.metadata_path).read_text().split()
    last = len(dataset.y_test) - 1
    assert classes == [dataset.class_names[dataset.y_test[i]] for i in (0, last // 2, last)]


@pytest.mark.parametrize(("step", "side"), [(1, 3), (2, 2)])
def test_images_are_padded_to_squares_and_large_ones_are_thinned(tmp_path, monkeypatch, step, side):
    from matplotlib.image import imread

    monkeypatch.setattr(tensorboard_log, "_LARGEST_TILE", side)
    images = np.arange(10 * 2 * 3, dtype=np.uint8).reshape(10, 2, 3)
    x, y = images.reshape(10, 6), np.arange(10) % 2
    arrays = {"x_train": x, "y_train": y, "x_test": x[:5], "y_test": y[:5]}
    about = {"name": "wide", "class_names": ("a", "b\tc"), "image_shape": (2, 3)}
    dataset = Dataset(**arrays, **about, scale=1 / 30, shift=-1.0)
    config = TrainConfig(hidden=(16,), latent_dim=4, epochs=0, batch_size=5)
    _, log = run(config, tmp_path, dataset=dataset)
    (embedding,) = read_projector_config(log.path).embeddings
    assert list(embedding.sprite.single_image_dim) == [side, side]
    sheet = imread(log.path / embedding.sprite.image_path)[..., 0]  # 3 x 3 images
    fifth = np.zeros((side, side))
    kept = images[4, ::step, ::step]
    fifth[: len(kept)] = kept / images[:5, ::step, ::step].max()
    assert sheet.shape == (3 * side, 3 * side)
    assert sheet[side : 2 * side, side : 2 * side] == pytest.approx(fifth, abs=1 / 255)
    assert (log.path / embedding.metadata_path).read_text().split("\n")[:2] == ["a", "b c"]


def test_diverged_networks_are_not_projected(tmp_path):
    config = dataclasses.replace(PAIR, epochs=0)
    trainer = Trainer(config, load_configured_dataset(config), keep_going=True)
    trainer.diverged[0] = "training diverged"
    log, result = TensorBoardLog(RunFolder(tmp_path), tmp_path), train(config)
    log.save(trainer, result, result.rows)
    log.close()
    (embedding,) = read_projector_config(log.path).embeddings
    assert embedding.tensor_name == "latent/seed-1:00000"


def test_missing_tensorboardx_is_told_before_any_work(monkeypatch):
    TensorBoardLog.check()
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ConfigError, match=r"^--tensorboard needs .*: pip install tensorboardX$"):
        TensorBoardLog.check()


def test_full_disk_stops_the_run_with_a_sentence(tmp_path, monkeypatch):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    monkeypatch.setattr("time.time_ns", lambda: 1)
    log = TensorBoardLog(RunFolder(tmp_path), tmp_path)
    log.path.mkdir()
    (log.path / "events.out.tfevents.1").symlink_to(full)
    with pytest.raises(RunFolderError, match=r"cannot be written to log epoch 0 .*No space left"):
        train(PAIR, recorder=log)
    with pytest.raises(RunFolderError, match=r"cannot be written to log it .*No space left"):
        log.close()
    log.close()


def test_points_that_cannot_be_written_stop_the_run_with_a_sentence(tmp_path, monkeypatch):
    def fail(latent, folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tensorboardX.writer.make_mat", fail)
    log = TensorBoardLog(RunFolder(tmp_path), tmp_path)
    with pytest.raises(RunFolderError, match=r"cannot be written to log epoch 4 .*No space left"):
        train(SMALL, recorder=log)
    log.close()
    assert not (log.path / "projector_config.pbtxt").exists()


def test_run_is_kept_before_it_is_logged(tmp_path):
    calls = []

    class Calls(Recorder):
        def begin(self, trainer, result):
            calls.append("begin")

        def save(self, trainer, result, new_rows):
            calls.append(("save", (tmp_path / "tensorboard").exists()))
            raise RunFolderError("full")

        def checkpoint(self, trainer, epoch):
            calls.append(("checkpoint", epoch))

    log = TensorBoardLog(Calls(), tmp_path)
    with pytest.raises(RunFolderError, match="full"):
        train(SMALL, recorder=log)
    log.checkpoint(None, 3)
    assert calls == ["begin", ("save", False), ("checkpoint", 3)]
    assert not (tmp_path / "tensorboard").exists()


def test_logging_changes_no_bit_of_the_training(pair):
    assert np.array_equal(train(PAIR).network.parameters, pair[0].network.parameters)


def test_log_can_be_closed_twice_and_unopened(tmp_path):
    log = TensorBoardLog(RunFolder(tmp_path), tmp_path)
    log.close()
    assert not list(tmp_path.iterdir())
    _, log = run(SMALL, tmp_path)
    log.close()
    assert [step for step, _ in read(log.path)[0]["loss/loss"]] == [0, 2, 4]


def read_projector_config(path):
    """Return what TensorBoard's projector reads of a folder."""
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    return text_format.Parse((path / "projector_config.pbtxt").read_text(), ProjectorConfig())


def test_images_in_three_colours_are_shown_and_those_in_more_channels_are_not():
    x = np.arange(2 * 18).reshape(2, 18)
    tiles = tensorboard_log._tiles(x, (2, 3, 3))
    assert tiles.shape == (2, 3, 3, 3)
    assert tiles[1, :, 1, 2] * 35 == pytest.approx(x.reshape(2, 2, 3, 3)[1, 1, 2])
    assert not tiles[:, :, 2].any()
    assert tensorboard_log._tiles(x, (3, 3, 2)) is None
