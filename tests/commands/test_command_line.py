"""What all commands share: any console, interrupts, and figures without the user's settings."""

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from lpc_scratch import compare, evaluate, export, measure, sweep, train
from lpc_scratch.commands import command_line
from lpc_scratch.commands.startup import INTERRUPTED
from lpc_scratch.plots.panels import new_figure
from lpc_scratch.runs import layout

COMMANDS = [train, compare, sweep, evaluate, export, measure]
TINY = ["--hidden", "8", "--latent-dim", "4", "--epochs", "1", "--gamma", "0.1"]
HOSTILE = {
    "text.usetex": True,
    "font.family": "no such font",
    "backend": "TkAgg",
    "savefig.dpi": 33,
    "savefig.bbox": "tight",
    "savefig.format": "svg",
    "lines.linewidth": 9,
    "figure.facecolor": "red",
}


def start(command, *arguments, folder, **environment):
    """Start a command as its users do, in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", f"lpc_scratch.{command}", *arguments],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture
def console(monkeypatch):
    """Return a function that gives this process a console of an encoding, and reads it."""

    def open_console(encoding):
        files = io.BytesIO(), io.BytesIO()
        for name, file in zip(("stdout", "stderr"), files, strict=True):
            monkeypatch.setattr(sys, name, io.TextIOWrapper(file, encoding))

        def read():
            sys.stdout.flush()
            sys.stderr.flush()
            return tuple(file.getvalue() for file in files)

        return read

    return open_console


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("encoding", ["ascii", "cp932"])
def test_commands_print_on_a_console_of_another_encoding(
    tmp_path, monkeypatch, rng, console, encoding
):
    monkeypatch.chdir(tmp_path)
    x, y = rng.integers(256, size=(60, 4, 4), dtype=np.uint8), np.arange(60) % 3
    names = np.array(["ねこ", "いぬ", "Größe"])
    np.savez("画像", x_train=x, y_train=y, x_test=x[:30], y_test=y[:30], class_names=names)
    training = ["--dataset", "画像.npz", *TINY, "--output"]
    cells = ["--seeds", "0", "1", "--jobs", "1"]
    shown = {}
    for command, *arguments in (
        (train, *training, "走"),
        (export, "走", "--to", "npz"),
        (evaluate, "走", "--samples", "20", "--suite", "ood", "training", "--steps", "2"),
        (compare, *training, "比", *cells),
        (sweep, *training, "掃", *cells, "--grid", "latent_dim=1,2"),
    ):
        read = console(encoding)
        assert command.main(arguments) == 0
        printed, errors = read()
        assert errors == b""
        shown[command] = printed.decode(encoding)
    run = {"ascii": r"\u8d70", "cp932": "走"}[encoding]
    assert f"The run is in {run}\n" in shown[train]
    assert shown[export].startswith(f"{run}/model.npz: the network")
    assert {"ascii": "+- ", "cp932": "± "}[encoding] in shown[compare]
    assert "|     - |" in shown[evaluate]  # a dash: it has no level
    assert "± " in Path("掃", "summary.md").read_text(encoding="utf-8")


def test_error_of_a_command_is_printed_on_a_console_of_another_encoding(tmp_path):
    process = start("export", "走狗", "--to", "npz", folder=tmp_path, PYTHONIOENCODING="ascii")
    error = rb"error: \u8d70\u72d7 does not exist: name the folder of a run"
    assert process.communicate() == (b"", error + b"\n")
    assert process.returncode == 2


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("encoding", ["ascii", "cp932"])
def test_help_is_printed_on_any_console(console, command, encoding):
    read = console(encoding)
    with pytest.raises(SystemExit) as end:
        command.main(["--help"])
    assert end.value.code == 0
    assert "--output" in read()[0].decode(encoding)


def test_what_a_console_cannot_show_is_spelled_in_ascii(console):
    letters = "0.5 ± 0.1 – é…日 " + os.fsdecode(b"\xff")

    def print_letters(_):
        print(letters)
        print(letters, file=sys.stderr)

    expected = {
        "ascii": rb"0.5 +- 0.1 - \xe9...\u65e5 \udcff",
        "latin-1": rb"0.5 " + b"\xb1" + rb" 0.1 - " + b"\xe9" + rb"...\u65e5 \udcff",
        "utf-8": "0.5 ± 0.1 – é…日 ".encode() + rb"\udcff",
    }
    for encoding, text in expected.items():
        read = console(encoding)
        assert command_line.run(print_letters, []) == 0
        assert read() == (text + b"\n", text + b"\n")


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
@pytest.mark.parametrize("command", COMMANDS)
def test_interrupt_of_the_imports_is_one_line(tmp_path, command):
    importing = tmp_path / "importing"
    (tmp_path / "sitecustomize.py").write_text(
        "import pathlib, sys, time\n"
        "class Slow:\n"
        "    def find_spec(name, path, target=None):\n"
        "        if name == 'numpy':\n"
        f"            pathlib.Path({str(importing)!r}).touch()\n"
        "            time.sleep(60)\n"
        "sys.meta_path.insert(0, Slow)\n"
    )
    name = command.__name__.removeprefix("lpc_scratch.")
    places = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    process = start(name, "--help", folder=tmp_path, PYTHONPATH=places)
    while not importing.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    shown, errors = process.communicate()
    assert (process.returncode, shown) == (130, b"")
    assert errors.decode() == f"{INTERRUPTED}\n"


def test_figures_have_none_of_the_settings_of_the_user():
    files = [io.BytesIO(), io.BytesIO()]

    def draw(_):
        figure = new_figure(3, 2)
        figure.subplots().set(title="$x_1$ and y", xlabel="x")
        figure.savefig(files[-1])

    with mpl.rc_context(HOSTILE):
        assert command_line.run(draw, []) == 0
        assert mpl.rcParams["text.usetex"]  # is put back
    with mpl.rc_context(mpl.rcParamsDefault):
        files.reverse()
        draw([])
    assert files[0].getvalue() == files[1].getvalue() != b""


def test_help_does_not_wait_for_matplotlib(tmp_path):
    process = start("train", "--help", folder=tmp_path, PYTHONPROFILEIMPORTTIME="1")
    shown, imports = process.communicate()
    assert b"--learning-rate" in shown
    assert b"numpy" in imports
    assert b"matplotlib" not in imports


@pytest.mark.slow
def test_the_default_run_does_not_wait_for_what_it_does_not_use(tmp_path):
    arguments = ["--epochs", "1", "--output", "run", "--quiet"]
    process = start("train", *arguments, folder=tmp_path, PYTHONPROFILEIMPORTTIME="1")
    _, imports = process.communicate()
    assert process.returncode == 0
    loaded = {line.split(b"|")[-1].strip() for line in imports.splitlines()}
    assert b"matplotlib.figure" in loaded
    assert not loaded & {b"sklearn", b"pooch", b"requests", b"scipy.stats", b"joblib"}


@pytest.mark.slow
def test_matplotlib_is_imported_without_the_files_of_the_user(tmp_path):
    settings = "".join(f"{name}: {value}\n" for name, value in HOSTILE.items())
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "matplotlibrc").write_text(f"{settings}nonsense\nno.such.key: 1\n")
    for fonts in Path(mpl.get_cachedir()).glob("fontlist*"):  # to list them takes seconds
        shutil.copy(fonts, tmp_path / "user")
    (tmp_path / "matplotlibrc").write_bytes(b"# Gr\xf6\xdfe\n")  # the one that is read first
    arguments = [
        "--dataset",
        "gaussians",
        "--gaussian-classes",
        "2",
        *TINY,
        "--output",
        "run",
        "--quiet",
    ]
    user = {"MPLCONFIGDIR": str(tmp_path / "user"), "MPLBACKEND": "nonsense"}
    process = start("train", *arguments, folder=tmp_path, **user)
    assert process.communicate() == (b"", b"")
    assert process.returncode == 0
    plots = tmp_path / "run" / layout.PLOTS
    drawn = {file.name: file.read_bytes() for file in plots.iterdir()}
    assert sorted(drawn) == sorted(f"{name}.png" for name in layout.FIGURES)
    with mpl.rc_context(mpl.rcParamsDefault):
        again = train.draw(tmp_path / "run")
    assert drawn == {file.name: file.read_bytes() for file in again}
