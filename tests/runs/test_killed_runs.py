"""Runs that end before they should: killed, interrupted, or out of disk."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from itertools import groupby

import numpy as np
import pytest

from lpc_scratch.files.tensors import load_tensors
from lpc_scratch.runs.folder import RunFolder
from lpc_scratch.runs.metrics_file import read_metrics
from lpc_scratch.train import main
from lpc_scratch.training.result import COLUMNS

pytestmark = pytest.mark.usefixtures("undrawn")
RUN = [
    *("--dataset", "gaussians", "--gaussian-classes", "2"),
    *("--hidden", "64", "32", "--latent-dim", "4", "--dropout", "0.2"),
    *("--optimizer", "adamw", "--learning-rate-schedule", "cosine", "--gamma-schedule"),
    *("geometric", "--gamma", "0.1", "--seeds", "0", "1", "--epochs", "8", "--quiet"),
    *("--evaluate-every", "2"),
]
KILLS = 8


def result(folder):
    """Return the final weights and the measurements of a run, but for its times, as text."""
    rows = read_metrics(folder / "metrics.csv")
    kept = [[repr(row[name]) for name in COLUMNS if name != "seconds"] for row in rows]
    return load_tensors(folder / "model.safetensors")[0], kept


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_run_killed_at_random_moments_resumes_to_the_same_bits(tmp_path):
    # Processes of a server that has everything imported, so that moments fall into the training.
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["lpc_scratch.train", "sklearn.metrics", "sklearn.mixture"])

    def start(folder):
        process = server.Process(target=main, args=([*RUN, "--output", str(folder)],))
        process.start()
        return process

    imports = server.Process(target=int)
    imports.start()
    imports.join()
    whole = start(tmp_path / "whole")
    started = time.perf_counter()
    while not (tmp_path / "whole" / "checkpoint.safetensors").exists():
        time.sleep(0.001)
    begins = time.perf_counter() - started
    while load_tensors(tmp_path / "whole" / "model.safetensors")[1]["epoch"] != "8":
        time.sleep(0.001)
    ends = time.perf_counter() - started
    whole.kill()  # what is left are its figures
    whole.join()
    weights, rows = result(tmp_path / "whole")

    moments = np.random.default_rng(0).uniform(0.5 * begins, ends, KILLS)
    killed = 0
    for number, moment in enumerate(moments):
        folder = tmp_path / str(number)
        process = start(folder)
        time.sleep(moment)
        os.kill(process.pid, signal.SIGINT if number % 4 == 3 else signal.SIGKILL)
        process.join()
        if (folder / "metrics.csv").exists():
            lines = (folder / "metrics.csv").read_text().splitlines(keepends=True)
            assert all(line.count(",") == len(COLUMNS) - 1 and line[-1] == "\n" for line in lines)
            measured = [line.split(",")[:2] for line in lines]  # epoch and member
            assert sorted(measured) == [key for key, _ in groupby(sorted(measured))]
        state = folder / "checkpoint.safetensors"
        killed += not state.exists() or load_tensors(state)[1]["epoch"] != "8"
        resume = ["--resume"] if (folder / "config.yaml").exists() else []
        assert main([*RUN, "--output", str(folder), *resume]) == 0
        again, rows_again = result(folder)
        assert all(np.array_equal(again[name], weights[name]) for name in weights)
        assert rows_again == rows
        assert not list(folder.glob("*.partial"))
    assert killed > KILLS / 2  # the others had just ended


@pytest.mark.skipif(os.name != "posix", reason="limits are those of POSIX")
def test_full_disk_is_one_sentence_and_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    import resource

    assert main([*RUN, "--output", str(tmp_path / "whole")]) == 0
    weights, rows = result(tmp_path / "whole")
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        keep = RunFolder.checkpoint

        def keep_until_epoch_six(self, trainer, epoch):
            if epoch == 7:
                raise KeyboardInterrupt
            keep(self, trainer, epoch)

        patched.setattr(RunFolder, "checkpoint", keep_until_epoch_six)
        assert main([*RUN, "--output", str(folder)]) == 130
    state = folder / "checkpoint.safetensors"
    before, size = state.read_bytes(), state.stat().st_size
    shown = subprocess.run(
        [sys.executable, "-m", "lpc_scratch.train", "--output", str(folder), "--resume"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, size - 1)),
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 2
    assert f"{folder} cannot be written to keep epoch 7" in shown.stderr
    assert shown.stderr.startswith("error: ")
    assert shown.stderr.count("\n") == 1
    assert state.read_bytes() == before
    assert not list(folder.glob("*.partial"))
    assert main([*RUN, "--output", str(folder), "--resume"]) == 0
    again, rows_again = result(folder)
    assert all(np.array_equal(again[name], weights[name]) for name in weights)
    assert rows_again == rows
