"""`python -m lpc_scratch.compare` and `python -m lpc_scratch.sweep` as their users meet them."""

import csv
import json
import shutil
import socket
from pathlib import Path

import pytest

from lpc_scratch import compare, sweep
from lpc_scratch.compare import CompareCommand
from lpc_scratch.experiments.foretold import FORETOLD
from lpc_scratch.experiments.tables import METRICS
from lpc_scratch.plots.comparison import COMPARISON_PLOTS
from lpc_scratch.runs.config_file import load_config
from lpc_scratch.sweep import SweepCommand
from lpc_scratch.training import train
from lpc_scratch.training.result import COLUMNS

RESULTS = Path(__file__).parents[2] / "results"
QUICK = [
    *("--dataset", "gaussians", "--gaussian-classes", "2", "--hidden", "8"),
    *("--latent-dim", "4", "--gamma", "0.1"),
    *("--epochs", "1", "--evaluate-every", "1", "--seeds", "0", "--jobs", "1"),
]
COMPARE = [*QUICK, "--architectures", "binary", "none"]
SWEEP = [*QUICK, "--grid", "gamma=0.1,1"]
BOTH = pytest.mark.parametrize(
    ("main", "arguments"),
    [
        pytest.param(compare.main, COMPARE, id="compare"),
        pytest.param(sweep.main, SWEEP, id="sweep"),
    ],
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in an empty folder."""
    monkeypatch.chdir(tmp_path)


def files(folder):
    """Return the names of all files but the figures."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*.*") if p.suffix != ".png")


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_comparison_writes_a_row_for_each_epoch_a_table_and_figures(capsys):
    assert compare.main([*COMPARE, "--epochs", "2", "--seeds", "0", "1"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    folder = Path("runs", "compare-gaussians")
    assert f"The comparison is in {folder}" in shown.out
    assert "4 cells\n" in shown.out
    rows = read(folder / "comparison.csv")
    assert list(rows[0])[:2] == ["architecture", "seed"]
    assert {*rows[0]} == {"architecture", *COLUMNS} - {"member"}
    assert [(row["architecture"], row["seed"], row["epoch"]) for row in rows] == [
        (a, s, e) for a in ("binary", "none") for s in "01" for e in "012"
    ]
    text = (folder / "comparison.md").read_text()
    assert text.startswith("# gaussians: 8, 2 epochs")
    assert "| binary " in text
    assert "| none " in text
    assert "over none: " in text
    assert "epochs to 99.9%" in shown.out
    cells = [name for name in files(folder) if name.startswith("cells/")]
    others = ["comparison.csv", "comparison.md", "config.yaml", "environment.json"]
    assert files(folder) == sorted([*cells, *others])
    assert len(cells) == 4
    assert json.loads((folder / "environment.json").read_text())["cells_computed"] == 4
    figures = sorted(path.name for path in (folder / "plots").iterdir())
    assert figures == sorted(f"{name}.png" for name in COMPARISON_PLOTS)


def test_sweep_writes_a_row_for_each_cell_and_a_table(capsys):
    assert sweep.main([*SWEEP, "--seeds", "3", "5"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    folder = Path("runs", "sweep-gamma-gaussians")
    assert f"The sweep is in {folder}" in shown.out
    assert "4 cells\n" in shown.out
    rows = read(folder / "cells.csv")
    place = ["cell", "gamma", "seed"]
    assert list(rows[0]) == [*place, "status", "phase", *METRICS, *FORETOLD, "message"]
    expected = [(gamma, seed) for gamma in ("0.1", "1.0") for seed in "35"]
    assert [(row["gamma"], row["seed"]) for row in rows] == expected
    outcomes = {(row["status"], row["epoch"], row["message"]) for row in rows}
    assert outcomes == {("finished", "1", "")}
    cells = [f"cells/{row['cell']}.safetensors" for row in rows]
    others = ["cells.csv", "config.yaml", "environment.json", "summary.md"]
    assert files(folder) == sorted([*cells, *others])
    text = (folder / "summary.md").read_text()
    assert text.startswith("# Sweep over gamma\n")
    assert "seeds 3, 5" in text
    assert "divergence: the loss is not finite" in text
    assert json.loads((folder / "environment.json").read_text())["cells_computed"] == 4
    figures = sorted(path.stem for path in (folder / "plots").iterdir())
    assert figures == ["code-distances", "equilibrium", "metrics", "phases"]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("main", "arguments", "folder"),
    [
        (
            sweep.main,
            ["--preset", "softmax-once-or-twice"],
            "runs/sweep-softmax-once-or-twice-gaussians",
        ),
        (sweep.main, ["--grid", "seed=0,1"], "runs/sweep-seed-gaussians"),
        (compare.main, ["--output", "mine/here"], "mine/here"),
        (sweep.main, ["--grid", "latent_dim=2", "--output", "mine"], "mine"),
    ],
)
def test_folder_is_named_by_the_experiment_or_by_the_user(tmp_path, main, arguments, folder):
    assert main([*QUICK, "--epochs", "0", *arguments, "--quiet"]) == 0
    (config,) = tmp_path.rglob("config.yaml")
    assert config.parent == tmp_path / folder


@BOTH
@pytest.mark.usefixtures("undrawn")
def test_quiet_prints_nothing(main, arguments, capsys):
    assert main([*arguments, "--epochs", "0", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


@pytest.mark.parametrize(
    ("main", "arguments", "command"),
    [
        (compare.main, [*COMPARE, "--scheduler", "tcp://there:1"], CompareCommand),
        (sweep.main, [*SWEEP, "--preset", "backbone", "--output", "mine"], SweepCommand),
    ],
)
def test_printed_settings_are_read_back(tmp_path, capsys, main, arguments, command):
    assert main([*arguments, "--print-config"]) == 0
    printed = capsys.readouterr().out
    (tmp_path / "mine.yaml").write_text(printed)
    assert main(["--config", "mine.yaml", "--print-config"]) == 0
    assert capsys.readouterr().out == printed
    settings = load_config(tmp_path / "mine.yaml", command)
    assert (settings.seeds, settings.hidden, settings.jobs) == ((0,), (8,), 1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


@BOTH
@pytest.mark.usefixtures("undrawn")
def test_saved_settings_are_those_of_the_experiment(tmp_path, main, arguments):
    assert main([*arguments, "--epochs", "0", "--output", "first"]) == 0
    assert main(["--config", "first/config.yaml", "--output", "second"]) == 0
    cells = [
        sorted(p.name for p in (tmp_path / n / "cells").iterdir()) for n in ("first", "second")
    ]
    assert cells[0] == cells[1]


@BOTH
@pytest.mark.usefixtures("undrawn")
def test_second_run_finds_the_cells_and_changes_no_file(
    tmp_path, capsys, monkeypatch, main, arguments
):
    assert main([*arguments, "--output", "run"]) == 0
    before, shown = content(tmp_path), capsys.readouterr().out

    def train_again(*_, **__):
        raise AssertionError("a cell is trained again")

    monkeypatch.setattr("lpc_scratch.experiments.scheduling.train_together", train_again)
    assert main([*arguments, "--output", "run"]) == 0
    again = capsys.readouterr().out
    assert "2 cells, 2 of them are there already" in again
    assert again.partition("\n\n")[2] == shown.partition("\n\n")[2]  # the same table
    assert content(tmp_path) == before


def test_figures_are_drawn_again_from_the_table_alone():
    assert sweep.main([*SWEEP, "--output", "run", "--quiet"]) == 0
    before = content(Path("run"))
    shutil.rmtree("run/cells")
    for figure in Path("run", "plots").iterdir():
        figure.write_bytes(b"")
    assert sweep.main(["--output", "run", "--redraw"]) == 0
    kept = {path: data for path, data in before.items() if path.parent.name != "cells"}
    assert content(Path("run")) == kept


def test_table_of_0_1_0_is_drawn_with_the_norm_that_the_classifier_foretells(monkeypatch):
    drawn = []
    monkeypatch.setattr("lpc_scratch.experiments.redraw.draw_sweep", lambda *a: drawn.extend(a))
    for name in ("config.yaml", "cells.csv"):
        shutil.copy(RESULTS / "digits-gamma" / name, name)
    assert sweep.main(["--output", str(Path.cwd()), "--redraw"]) == 0
    table, axes, _, classes = drawn
    assert axes == ["penalty", "gamma", "optimizer", "learning_rate"]
    assert (len(table), classes) == (192, {10})
    for cell in table:
        assert (cell["largest_gamma"] is None) == (cell["optimizer"] == "sgd")
        known = cell["status"] == "finished" and cell["penalty"] != "exp-coordinate"
        assert (cell["predicted_norm"] is not None) == known
        if known and cell["optimizer"] == "adam" and cell["gamma"] == 100:
            assert cell["predicted_norm"] == pytest.approx(cell["latent_norm"], rel=0.03)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def assert_one_sentence(capsys, message):
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("main", "arguments", "message"),
    [
        (sweep.main, [*SWEEP, "--preset", "gama-phase"], "unknown preset 'gama-phase'"),
        (sweep.main, [*QUICK, "--grid", "gama=1"], "'gama': did you mean 'gamma'?"),
        (sweep.main, [*QUICK, "--grid", "gamma=-1"], "gamma must be at least 0, not -1"),
        (sweep.main, QUICK, "the grid is empty"),
        (sweep.main, [*SWEEP, "--output", "taken"], "taken is a file"),
        (sweep.main, ["--redraw"], "--redraw needs --output"),
        (sweep.main, ["--redraw", "--output", "none"], "none holds no sweep to draw"),
        (sweep.main, [*SWEEP, "--output", ""], "output is empty"),
        (sweep.main, [*SWEEP, "--jobs", "0"], "jobs must be at least 1, or -1"),
        (sweep.main, [*SWEEP, "--dataset", "missing.npz"], "missing.npz"),
        (compare.main, [*COMPARE, "--output", "taken"], "taken is a file"),
        (compare.main, [*COMPARE, "--jobs", "-2"], "jobs must be at least 1, or -1"),
        (compare.main, [*COMPARE, "--dataset", "missing.npz"], "missing.npz"),
        (compare.main, [*QUICK, "--architectures"], "architectures is empty"),
        (compare.main, [*COMPARE, "--config", "missing.yaml"], "missing.yaml cannot be read"),
        (compare.main, [*COMPARE, "--backbone", "cnn"], "backbone cnn needs images, and the"),
        (sweep.main, [*SWEEP, "--backbone", "cnn"], "backbone cnn needs images, and the inputs"),
        (sweep.main, [*SWEEP, "backbone=mlp,resnet"], "backbone resnet needs images, and the"),
        (
            compare.main,
            [*COMPARE, "--dataset", "digits", "--backbone", "resnet", "--stem-stride", "9"],
            "a stride of 9 is more than an image of 8 x 8",
        ),
        (sweep.main, [*SWEEP, "--dataset", "digits", "--crop", "9"], "a crop by 9 pixels"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(tmp_path, capsys, main, arguments, message):
    (tmp_path / "taken").write_text("mine")
    assert main(arguments) == 2
    assert_one_sentence(capsys, message)
    assert content(tmp_path) == {tmp_path / "taken": b"mine"}


@pytest.mark.parametrize(
    ("main", "arguments", "message"),
    [
        (compare.main, ["--architectures", "binary", "binari"], "binari"),
        (compare.main, ["--gammas", "1", "2", "3"], "--gammas"),
        (sweep.main, ["--gird", "gamma=1"], "--gird"),
        (sweep.main, ["--jobs", "two"], "two"),
    ],
)
def test_bad_flag_is_named_and_ends_with_exit_code_2(tmp_path, capsys, main, arguments, message):
    with pytest.raises(SystemExit) as end:
        main([*QUICK, *arguments])
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert content(tmp_path) == {}


def test_scheduler_that_does_not_answer_is_one_sentence(tmp_path, capsys, monkeypatch):
    pytest.importorskip("distributed", reason="dask is not installed")
    monkeypatch.setattr("lpc_scratch.experiments.scheduling._ANSWER", 0.3)
    address = f"tcp://127.0.0.1:{free_port()}"
    assert sweep.main([*SWEEP, "--scheduler", address]) == 2
    assert_one_sentence(capsys, f"no dask scheduler answers at '{address}'")
    assert content(tmp_path) == {}


@pytest.mark.usefixtures("undrawn")
def test_grid_in_a_file_may_be_a_mapping(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("grid: {gamma: [0.1, 1e-3], penalty: l2}\n")
    assert sweep.main([*QUICK, "--config", "mine.yaml", "--output", "out"]) == 0
    assert [row["gamma"] for row in read(Path("out", "cells.csv"))] == ["0.1", "0.001"]


def test_figures_of_another_grid_do_not_stay(tmp_path, monkeypatch):
    draw = "matplotlib.backends.backend_agg.FigureCanvasAgg.print_png"
    monkeypatch.setattr(draw, lambda _, path: path.touch())  # nobody looks at what they show
    grid = ["latent_dim=4,5", "gamma=0.1,1"]
    assert sweep.main([*QUICK, "--grid", *grid, "--output", "out", "--quiet"]) == 0
    assert (tmp_path / "out" / "plots" / "phases.png").exists()
    assert sweep.main([*QUICK, "--grid", grid[0], "--output", "out", "--quiet"]) == 0
    figures = sorted(path.stem for path in (tmp_path / "out" / "plots").iterdir())
    assert figures == ["code-distances", "metrics"]


@pytest.mark.usefixtures("undrawn")
def test_cell_that_diverges_is_a_result(capsys):
    sgd = ["--optimizer", "sgd", "--learning-rate", "0.05", "--output", "run"]
    assert sweep.main([*QUICK, *sgd, "--grid", "gamma=0.1,1e6"]) == 0
    assert capsys.readouterr().err == ""
    finished, diverged = read("run/cells.csv")
    assert (finished["status"], finished["message"]) == ("finished", "")
    assert (diverged["status"], diverged["phase"]) == ("diverged", "divergence")
    assert "the loss of seed 0 became inf" in diverged["message"]
    assert {diverged[name] for name in METRICS} == {""}
    assert diverged["message"] in Path("run/summary.md").read_text()


def test_comparison_in_which_all_diverge_is_a_result(capsys):
    assert compare.main([*COMPARE, "--learning-rate", "1e30", "--output", "run"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "- none, seed 0: training diverged" in shown.out
    assert {row["epoch"] for row in read("run/comparison.csv")} == {"0"}
    assert not Path("run/plots").exists()


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("main", "arguments", "failing", "table"),
    [
        (compare.main, COMPARE, {"architecture": "none"}, "comparison"),
        (sweep.main, [*QUICK, "--grid", "penalty=exp,l2"], {"penalty": "l2"}, "cells"),
    ],
    ids=["compare", "sweep"],
)
def test_failed_cell_is_exit_code_2_once_the_tables_are_written(
    capsys, monkeypatch, main, arguments, failing, table
):
    def train_or_fail(config, *arguments, **options):
        if failing.items() <= vars(config).items():
            raise MemoryError("no room")
        return train(config, *arguments, **options)

    monkeypatch.setattr("lpc_scratch.experiments.cells.train", train_or_fail)
    assert main([*arguments, "--output", "run"]) == 2
    assert_one_sentence(capsys, "1 of 2 cells failed, the first with: MemoryError: no room")
    rows = read(f"run/{table}.csv")
    if main is sweep.main:
        assert [row["status"] for row in rows if row["penalty"] == "l2"] == ["failed"]
        assert "MemoryError: no room" in Path("run/summary.md").read_text()
    else:
        assert {row["architecture"] for row in rows} == {"binary"}
        assert "- none, seed 0: MemoryError: no room" in Path("run/comparison.md").read_text()
    assert len(list(Path("run/cells").iterdir())) == 2
    monkeypatch.setattr("lpc_scratch.experiments.cells.train", train)
    assert main([*arguments, "--output", "run"]) == 0
    assert "2 cells, 1 of them are there already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, "cells.csv is missing or damaged"),
        ("cell,gamma\n", "cells.csv holds other cells"),
        ("cell,gamma\n0123456789abcdef,1\n", "cells.csv holds other cells"),
        ("cell,gamma\n0123456789abcdef\n", "a row is longer or shorter"),
        ("{0},nc1\n{1},many\n", "cells.csv is damaged"),
    ],
)
def test_table_that_cannot_be_drawn_is_one_sentence(capsys, table, message):
    assert sweep.main([*SWEEP, "--epochs", "0", "--output", "run", "--quiet"]) == 0
    first = read("run/cells.csv")[0]["cell"]
    Path("run/cells.csv").unlink()
    if table:
        Path("run/cells.csv").write_text(table.format("cell", first))
    before = content(Path("run"))
    assert sweep.main(["--output", "run", "--redraw"]) == 2
    assert_one_sentence(capsys, message)
    assert content(Path("run")) == before
