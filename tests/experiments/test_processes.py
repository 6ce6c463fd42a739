"""Sweeps on processes and on a dask cluster, and what is left when one of them dies.

Every wait is bounded: a test fails rather than hangs.
"""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from lpc_scratch import sweep
from lpc_scratch.errors import SweepError
from lpc_scratch.experiments.scheduling import Cluster

pytestmark = pytest.mark.slow

PATIENCE = 120  # seconds for anything that a test waits for
CELLS = 12
GRID = [
    *("--dataset", "gaussians", "--gaussian-classes", "2", "--gamma", "0.1"),
    *("--hidden", "64", "--epochs", "60", "--evaluate-every", "60"),
    *("--seeds", "0", "1", "--grid", "penalty=exp,l2", "latent_dim=4,5,6"),
]


@pytest.fixture(scope="module")
def sequential(tmp_path_factory):
    """The table of the sweep as one process computes it."""
    folder = tmp_path_factory.mktemp("sequential")
    sweep_here(folder)
    return read_cells(folder)


@pytest.fixture
def spawn():
    """Start processes that a test's end ends."""
    processes = []

    def start(*arguments, folder):
        folder.mkdir(exist_ok=True)
        command = [sys.executable, *arguments]
        with open(folder / "log.txt", "w") as log:
            started = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        processes.append(started)
        return started

    yield start
    for process in processes:
        process.kill()
        process.wait(PATIENCE)


@pytest.fixture
def cluster(spawn, tmp_path):
    """Address of a scheduler, its process, and its two workers in folders of their own."""
    pytest.importorskip("distributed")
    address, scheduler = start_scheduler(spawn, tmp_path)
    one_thread = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
    workers = [
        spawn("-m", "dask", "worker", address, *one_thread, folder=tmp_path / name)
        for name in ("first", "second")
    ]
    for name in ("first", "second"):
        wait_until(lambda name=name: "Registered to" in (tmp_path / name / "log.txt").read_text())
    return address, scheduler, workers


def start_scheduler(spawn, tmp_path):
    found = tmp_path / "scheduler.json"
    arguments = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    files = ("--scheduler-file", str(found))
    command = ("-m", "dask", "scheduler", *arguments, *files)
    scheduler = spawn(*command, folder=tmp_path / "scheduler")
    wait_until(lambda: found.exists() and found.read_text().endswith("}"))
    return json.loads(found.read_text())["address"], scheduler


def start_sweep(folder, *arguments):
    """Start a sweep; what it prints goes to its folder's log.txt."""
    command = [sys.executable, "-m", "lpc_scratch.sweep", *GRID, "--output", str(folder)]
    folder.mkdir(exist_ok=True)
    with open(folder / "log.txt", "w") as log:
        return subprocess.Popen(
            [*command, *arguments],
            stdout=log,
            stderr=log,
            start_new_session=True,  # an interrupt reaches the workers too, as in a terminal
        )


def sweep_here(folder):
    """Run the sweep in this process, without its figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lpc_scratch.experiments.sweep_report.save_figures", lambda *_: None)
        assert sweep.main([*GRID, "--output", str(folder), "--jobs", "1"]) == 0


def finish(process):
    """Wait for a process and return its exit code."""
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def no_process_of(group):
    """Return whether all processes of a group have ended."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def result_files(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "cells").glob("*.safetensors")}


def read_cells(folder):
    with open(folder / "cells.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row.pop("seconds")
    assert [row["status"] for row in rows] == ["finished"] * CELLS
    return rows


def test_cluster_may_lose_a_worker_but_not_its_scheduler(sequential, cluster, tmp_path):
    address, scheduler, workers = cluster
    process = start_sweep(tmp_path / "sweep", "--scheduler", address)
    wait_until(lambda: result_files(tmp_path / "sweep"))
    workers[0].kill()
    unfinished = CELLS - len(result_files(tmp_path / "sweep"))
    assert finish(process) == 0
    assert unfinished
    assert read_cells(tmp_path / "sweep") == sequential

    process = start_sweep(tmp_path / "again", "--scheduler", address)
    wait_until(lambda: result_files(tmp_path / "again"))
    scheduler.kill()
    assert finish(process) == 2
    *_, last = (tmp_path / "again" / "log.txt").read_text().splitlines()
    assert last.startswith("error: ")
    assert "what is finished is kept" in last
    assert result_files(tmp_path / "again")


def test_interrupted_sweep_goes_on_with_the_unfinished_cells(sequential, tmp_path, capsys):
    kept = {}
    for sent in (signal.SIGINT, signal.SIGKILL):
        process = start_sweep(tmp_path, "--jobs", "2")
        wait_until(lambda before=kept: len(result_files(tmp_path)) > len(before))
        if sent == signal.SIGINT:
            os.killpg(process.pid, sent)
        else:
            os.kill(process.pid, sent)  # its workers are told by nobody
        ended = finish(process)
        wait_until(lambda group=process.pid: no_process_of(group))
        if sent == signal.SIGINT:  # first: whether the interrupt was lost, or came too late
            assert ended == 130, (tmp_path / "log.txt").read_text()
            assert "Traceback" not in (tmp_path / "log.txt").read_text()
        before, kept = kept, result_files(tmp_path)
        assert len(before) < len(kept) < CELLS
        assert before.items() <= kept.items()

    sweep_here(tmp_path)
    assert f"{CELLS} cells, {len(kept)} of them are there already" in capsys.readouterr().out
    assert kept.items() <= result_files(tmp_path).items()
    assert not list((tmp_path / "cells").glob("*.partial"))
    assert read_cells(tmp_path) == sequential


def test_scheduler_that_says_nothing_is_one_sentence_in_time(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("lpc_scratch.experiments.scheduling._ANSWER", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(SweepError, match="no dask scheduler answers at 'tcp://127"):
            Cluster(f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - started < 3


def test_scheduler_without_workers_is_one_sentence(spawn, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("lpc_scratch.experiments.scheduling._ANSWER", 1.0)
    with pytest.raises(SweepError, match="has no workers: start some with `dask worker"):
        Cluster(start_scheduler(spawn, tmp_path)[0])
