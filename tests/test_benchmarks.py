import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import (
    agreement,
    convolution,
    costs,
    load,
    machine,
    members,
    precision,
    report,
    rows,
    scale,
    step,
    timing,
)
from benchmarks.configurations import CONFIGURATIONS, DIGITS, Configuration, make_dataset
from benchmarks.errors import BenchmarkError, LeftOutError
from benchmarks.images import ImageConfiguration, flops
from benchmarks.peers import OURS, candidates_on, gather_field, image_candidates_on
from benchmarks.peers.ours import OurPeer
from lpc_scratch.backend import get_backend
from lpc_scratch.files import markdown
from lpc_scratch.nn.backbones import mlp
from lpc_scratch.nn.layers import Linear
from lpc_scratch.nn.network import Network

SMALL = Configuration(20, (8, 8), 4, 16)
IMAGES = (
    ImageConfiguration("plain", ((3, 2), (4, 1)), size=8, batch=16),
    ImageConfiguration("residual", ((3, 1), (4, 1)), True, size=8, batch=16),
)


@pytest.fixture(scope="module")
def dataset():
    return make_dataset(SMALL.features, 200)


@pytest.fixture
def quick(monkeypatch):
    """Make blocks of steps short, and let ours and scikit-learn compete alone."""
    for name in ("PAUSE", "_WARM_UP", "_CHUNK", "_BLOCK"):
        monkeypatch.setattr(timing, name, 1e-3)
    monkeypatch.setitem(machine._SIDE, "cpu", 64)
    all_candidates = candidates_on("cpu")
    some = {name: all_candidates[name] for name in (OURS, "scikit-learn")}
    monkeypatch.setattr(step, "candidates_on", lambda _: some)
    of_images = image_candidates_on("cpu")
    some_of_images = {name: of_images[name] for name in (OURS, "torch eager, channels_last")}
    monkeypatch.setattr(convolution, "image_candidates_on", lambda _: some_of_images)
    monkeypatch.setattr(convolution, "CONFIGURATIONS", IMAGES)
    monkeypatch.setattr(convolution, "peak_memory", costs._peak_memory)  # in this process


def test_flops_count_three_products_a_map_and_two_for_the_first():
    configuration = Configuration(5, (4,), 3, 2)
    maps = [(5, 4), (4, 3), (3, 10)]
    assert configuration.shapes == maps
    forward = sum(2 * 2 * i * o for i, o in maps)
    assert configuration.flops == 3 * forward - 2 * 2 * 5 * 4


@pytest.mark.parametrize("configuration", [SMALL, DIGITS], ids=lambda c: c.name)
def test_parameters_are_those_of_the_network(configuration):
    features, hidden, latent = configuration.features, configuration.hidden, configuration.latent
    parts = mlp(features, hidden), Linear(hidden[-1], latent), Linear(latent, 10)
    assert configuration.parameters == Network(*parts, features).parameters.size


def test_dropout_is_timed_only_where_there_is_a_layer_to_drop_from():
    dropped = [c for c in CONFIGURATIONS if c.dropout]
    assert dropped
    assert all(len(c.hidden) > 1 for c in dropped)
    assert DIGITS.name == "64-256-256-[16]-10, batch 64"


def test_a_table_aligns_numbers_and_shows_what_is_missing_as_a_dash():
    assert markdown.table(("network", "ours"), [("a", 0.12345), ("b", None)]).splitlines() == [
        "| network |  ours |",
        "| ------- | ----: |",
        "| a       | 0.123 |",
        "| b       |     – |",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.01234, "0.0123"), (9.996, "10.0"), (99.96, "100"), (512, "512")],
)
def test_numbers_have_three_digits(value, text):
    assert markdown.number(value) == text


def test_every_competitor_has_a_block_a_round(quick):
    taken = {"a": [], "b": []}

    def runner(name):
        return lambda steps: taken[name].append(steps) or timing.time.sleep(1e-3 * steps)

    found = timing.interleave({name: runner(name) for name in taken}, rounds=3)
    assert list(found) == ["a", "b"]
    for found_of_one in found.values():
        assert found_of_one.blocks == 3
        assert found_of_one.fastest <= found_of_one.lower <= found_of_one.median
        assert 1e-3 <= found_of_one.median < 0.1
        assert len(found_of_one.rounds) == 3


def test_ratios_are_of_the_same_round():
    slow, quiet = timing.summarize([2.0, 20.0, 2.2], 1), timing.summarize([1.0, 10.0, 1.0], 1)
    ratio = slow.over(quiet)
    assert (ratio.median, ratio.lower, ratio.upper) == (2.0, 2.0, pytest.approx(2.1))
    assert ratio.spread == pytest.approx(0.05)


def blocks(**seconds):
    """Return what `interleave` would, from the seconds of every block."""
    return {name.replace("_", " "): timing.summarize(found, 1) for name, found in seconds.items()}


WIDE = blocks(ours=[1.0, 1.0, 1.0], torch=[1.0, 2.0, 3.0])
WIDER = blocks(ours=[1.0, 1.0, 1.0], torch=[1.0, 3.0, 9.0])
NARROW = blocks(ours=[1.0, 2.0, 3.0], torch=[1.5, 3.0, 4.51])


@pytest.mark.parametrize(
    ("measured", "most", "taken", "kept"),
    [
        ([NARROW], 9, 3, NARROW),
        ([WIDE, NARROW], 9, 6, NARROW),
        ([WIDE, WIDER, WIDER], 9, 9, WIDE),
        ([WIDER], 5, 3, WIDER),
    ],
)
def test_a_row_is_measured_again_while_a_ratio_is_wide(monkeypatch, measured, most, taken, kept):
    left = iter(measured)
    monkeypatch.setattr(rows, "interleave", lambda *_: next(left))
    row = rows.measure_row({}, rounds=3, most=most)
    assert (row.timings, row.taken) == (kept, taken)
    assert not list(left)


def test_ratios_are_paired_and_the_wide_ones_have_a_star():
    timings = blocks(
        ours=[1.0, 2.0, 4.0],
        torch_eager=[3.0, 6.0, 12.0],
        torch_fused=[1.0, 4.0, 12.0],
        JAX_jit=[2.0, 2.0, 4.0],
        matrix_product=[1.0, 9.0, 1.0],
    )
    timings["ours, numba"] = timing.summarize([0.5, 1.0, 2.0], 1)
    numbers = rows.Row(timings, 3).numbers()
    assert numbers["ratios"] == {"torch eager": 3.0, "torch fused": 2.0, "JAX jit": 1.0}
    assert (numbers[rows.FASTEST], numbers[rows.FASTEST_NUMBA]) == (2.0, 4.0)
    assert numbers["wide"] == ["torch fused", "JAX jit", rows.FASTEST, rows.FASTEST_NUMBA]
    assert report.ratio_cell(numbers, rows.FASTEST) == "2.00 (1.50 to 2.50) *"
    assert report.ratio_cell(numbers, "torch eager") == "3.00 (3.00 to 3.00)"
    assert report.ratio_cell(numbers, "scikit-learn") is None
    assert report.time_cell(numbers["timings"], "JAX jit") == "2000 (2000)"


def test_noise_is_said_before_and_after_a_run(monkeypatch, capsys):
    monkeypatch.setattr(load, "cores", lambda: 4)
    monkeypatch.setattr(load, "load_average", lambda: 2.5)
    used = iter([100.0, 1e6])
    monkeypatch.setattr(load, "_seconds_of_others", lambda: next(used))
    record = load.LoadRecord()
    before = "the load average before was 2.50 on 4 cores"
    assert before in capsys.readouterr().err
    found = record.finish()
    assert found["in_noise"]
    assert found["noise"][0] == before
    assert found["noise"][1].startswith("others used ")
    assert load.noise(1.9, 0.05) == load.noise(None, None) == []


@pytest.mark.parametrize("reasons", [[], ["others used 0.50 cores meanwhile"]])
def test_a_run_in_noise_says_that_it_is_not_to_be_committed(
    monkeypatch, tmp_path, capsys, quick, reasons
):
    monkeypatch.setattr(load, "noise", lambda *_: reasons)
    monkeypatch.setattr(agreement, "compare_steps", missing_torch)
    arguments = ["--only", "^64", "--rounds", "2", "--output", str(tmp_path)]
    assert step.main(arguments) == 0
    text = (tmp_path / "cpu.md").read_text(encoding="utf-8")
    results = json.loads((tmp_path / "cpu.json").read_text(encoding="utf-8"))
    assert results["machine"]["in_noise"] == bool(reasons)
    assert ("in noise, not to be committed" in text) == bool(reasons)
    assert ("not to be committed" in capsys.readouterr().err) == bool(reasons)


DESCRIBED = """
from benchmarks.machine import describe_machine
from benchmarks import report
from lpc_scratch.backend import get_backend
found = describe_machine(get_backend("cpu"), "benchmarks.step", [])
found |= dict.fromkeys(["load_average_before", "load_average_after", "cores_used_by_others"])
print(found["blas"][0]["architecture"], report.heading("t", found | {"in_noise": False}))
"""


def test_variables_that_slow_blas_are_left_out_and_named():
    found = {}
    for settings in ({}, {"OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_L2_SIZE": "65536"}):
        process = subprocess.run(
            [sys.executable, "-c", DESCRIBED],
            env=os.environ | settings,
            cwd=Path(step.__file__).parents[1],
            capture_output=True,
            text=True,
            check=True,
        )
        found[process.stdout.split()[0]] = process
    (process,) = found.values()  # the same kernels
    assert "note: OPENBLAS_CORETYPE=Nehalem is set" in process.stderr
    left_out = "- timed without OPENBLAS_CORETYPE=Nehalem, OPENBLAS_L2_SIZE=65536, which was set"
    assert left_out in process.stdout
    assert f"with kernels for {process.stdout.split()[0]}" in process.stdout


@pytest.mark.parametrize(
    ("flags", "bits"),
    [("fpu sse2 avx avx2 avx512f", 512), ("sse2 avx avx2", 256), ("sse2", 128), ("fpu", None)],
)
def test_the_vectors_of_the_processor_are_told_from_its_flags(monkeypatch, flags, bits):
    monkeypatch.setattr(machine, "_facts_of_processor", lambda: {"flags": flags})
    assert machine.describe_machine(get_backend("cpu"), "c", [])["vector_bits"] == bits


def missing_torch(*_):
    raise ModuleNotFoundError("No module named 'torch'", name="torch")


def test_a_peer_that_cannot_take_part_is_left_out_with_the_reason(dataset):
    def refuses(*_):
        raise LeftOutError("it has no dropout")

    def fails(*_):
        raise RuntimeError("no compiler\nand more")

    candidates = {
        OURS: candidates_on("cpu")[OURS],
        "refuses": refuses,
        "fails": fails,
        "missing": missing_torch,
    }
    field = gather_field(candidates, SMALL, dataset)
    assert list(field.peers) == [OURS]
    assert field.left_out == {
        "refuses": "it has no dropout",
        "fails": "it failed: RuntimeError: no compiler",
        "missing": "torch is not installed",
    }
    with pytest.raises(RuntimeError, match="no compiler"):
        gather_field({OURS: fails}, SMALL, dataset)


def test_ours_and_torch_take_the_same_step(dataset):
    pytest.importorskip("torch")
    proof = step.prove([SMALL], {SMALL.features: dataset})
    assert [entry["fused"] for entry in proof] == [False, True]


def test_a_run_refuses_to_report_when_the_steps_differ(monkeypatch, tmp_path, capsys, quick):
    torch_peer = pytest.importorskip("benchmarks.peers.torch_peer", exc_type=ModuleNotFoundError)
    monkeypatch.setattr(torch_peer, "GAMMA", 10.001)
    assert step.main(["--only", "^64", "--rounds", "2", "--output", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert "do not take the same step of 64-256-256-[16]-10" in err
    assert "so nothing is timed" in err
    assert not out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["loss", "gradients", "parameters"])
@pytest.mark.parametrize("difference", [2e-5, float("nan")])
def test_each_difference_counts(what, difference):
    differences = {"loss": 0.0, "gradients": 1e-6, "parameters": 1e-6}
    agreement.Agreement(**differences).require("a network")
    with pytest.raises(BenchmarkError, match=f"difference of the {what} is"):
        agreement.Agreement(**differences | {what: difference}).require("a network")


def test_a_run_without_torch_says_that_there_is_no_proof(monkeypatch, tmp_path, capsys, quick):
    monkeypatch.setattr(agreement, "compare_steps", missing_torch)
    arguments = ["--only", "^64", "--rounds", "2", "--output", str(tmp_path)]
    assert step.main(arguments) == 0
    assert "torch is not installed" in capsys.readouterr().out
    text = (tmp_path / "cpu.md").read_text(encoding="utf-8")
    assert "could not be proved" in text
    results = json.loads((tmp_path / "cpu.json").read_text(encoding="utf-8"))
    assert not results["same_step"]
    (entry,) = results["configurations"]
    assert entry["ratios"].keys() == {"scikit-learn"}
    assert entry["fastest_torch_to_ours"] is None
    assert results["machine"]["threads"] >= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "nothing"], "--only 'nothing' matches no"),
        (["--only", "("], "no regular expression"),
        (["--rounds", "1"], "--rounds must be at least 2"),
        (["--rounds", "4", "--most-rounds", "3"], "--most-rounds must be at least --rounds 4"),
    ],
)
def test_bad_settings_are_one_sentence(arguments, message, capsys):
    for command in (step, convolution):
        assert command.main(arguments) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(("device", "mode"), [("cpu", "graph"), ("gpu", "eager")])
def test_tf32_is_refused_where_ours_does_not_obey_it(device, mode, monkeypatch, capsys):
    monkeypatch.setenv("LPC_GPU", mode)
    assert step.main(["--tf32", "--device", device]) == 2
    assert "--tf32 is for --device gpu without LPC_GPU=eager" in capsys.readouterr().err


@pytest.mark.parametrize("before", [None, "1"])
@pytest.mark.parametrize("tf32", [False, True])
def test_ours_multiplies_in_the_precision_that_is_asked_for(
    cuda_stand_in, monkeypatch, tf32, before
):
    if before:
        monkeypatch.setenv("CUPY_TF32", before)
    cublas = importlib.import_module("lpc_scratch.backend.cuda.cublas")  # the stand-in's
    asked = []
    monkeypatch.setattr(cublas.Cublas, "_call", lambda _, name, *rest: asked.append(rest[-2]))
    ones = cuda_stand_in.xp.ones
    with precision.products(tf32):
        cuda_stand_in.ops.matmul(ones((2, 2), "f"), ones((2, 2), "f"))
    assert asked == [77 if tf32 else 68]  # CUBLAS_COMPUTE_32F_FAST_TF32, CUBLAS_COMPUTE_32F
    assert os.environ.get("CUPY_TF32") == before


@pytest.mark.parametrize(("tf32", "setting"), [(False, "highest"), (True, "high")])
def test_torch_multiplies_in_the_precision_that_is_asked_for(tf32, setting):
    torch = pytest.importorskip("torch")
    before = torch.get_float32_matmul_precision()
    with precision.products(tf32):
        assert torch.get_float32_matmul_precision() == setting
    assert torch.get_float32_matmul_precision() == before


def test_a_report_in_tf32_says_so(quick, cuda_stand_in, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(machine._SIDE, "gpu", 64)
    monkeypatch.setattr(agreement, "compare_steps", missing_torch)
    arguments = ["--device", "gpu", "--only", "^64", "--rounds", "2", "--output", str(tmp_path)]
    assert step.main([*arguments, "--tf32"]) == 0
    assert "peak of the TF32 matrix product" in (tmp_path / "gpu-tf32.md").read_text("utf-8")


@pytest.mark.parametrize("command", [members, scale, convolution])
def test_a_median_of_one_round_is_refused(command, capsys):
    assert command.main(["--rounds", "1"]) == 2
    assert "--rounds must be at least 2" in capsys.readouterr().err


def test_growth_is_the_power_along_an_axis():
    points = [  # time as the square, memory as the root of what is counted
        scale.Point(n, 10 * n, 0.5 * n**2, 7, 1.0, 3.0 * n, 1.0, 2.0 * n**2, n**2)
        for n in (16, 64, 1024)
    ]
    expected = {"time": 2.0, "operations": 2.0, "memory": 1.0, "counted memory": 2.0}
    assert scale.growth(points) == pytest.approx(expected)


def test_a_point_counts_the_operations_of_an_epoch_and_the_bytes_of_its_arrays(quick):
    point = scale.measure(0, SMALL, 40, 2)
    assert point.steps == 2
    assert point.gflop == pytest.approx(2e-9 * (SMALL.flops + 12 * SMALL.parameters))
    rows = 16 * (20 + 2 * (8 + 8 + 4 + 10))
    assert point.counted_mb == pytest.approx(4e-6 * (4 * SMALL.parameters + rows))


def test_jax_takes_the_same_step(dataset):
    pytest.importorskip("jax")
    from benchmarks.peers.jax_peer import JaxPeer

    ours, theirs = OurPeer(SMALL, dataset), JaxPeer(SMALL, dataset)
    weights = [np.array(w) for w in ours.trainer.network.named_parameters().values()]
    pairs = [(W, b[0]) for W, b in zip(weights[::2], weights[1::2], strict=True)]
    theirs.state = (pairs, *theirs.state[1:])
    losses = []
    take_steps = ours.trainer.take_steps
    ours.trainer.take_steps = lambda *arguments: losses.extend(take_steps(*arguments))
    ours.run(5)
    np.testing.assert_allclose(theirs.run(5), losses, rtol=1e-5)
    for (W, _), after in zip(
        theirs.state[0], list(ours.trainer.network.named_parameters().values())[::2], strict=True
    ):
        np.testing.assert_allclose(W, after, atol=1e-6)


def test_members_are_counted_where_they_equal_their_separate_runs(monkeypatch):
    dataset = make_dataset(DIGITS.features, 200)
    assert members.count_equal(dataset, 2) == 2

    def peer(configuration, data, seeds):  # the second separate run is of another seed
        return OurPeer(configuration, data, [7] if list(seeds) == [1] else seeds)

    monkeypatch.setattr(members, "OurPeer", peer)
    assert members.count_equal(dataset, 2) == 1


def test_separate_networks_are_trained_one_after_another():
    taken = []
    peers = [SimpleNamespace(run=lambda steps, i=i: taken.append((i, steps))) for i in range(2)]
    members.Separate(peers).run(3)
    assert taken == [(0, 3), (1, 3)]


def test_vmap_trains_every_network_as_torch_does_alone(dataset):
    pytest.importorskip("torch")
    from benchmarks.peers.torch_peer import TorchPeer
    from benchmarks.peers.torch_vmap import TorchVmapPeer

    stack = TorchVmapPeer(SMALL, dataset, 2)
    alone = TorchPeer(SMALL, dataset, fused=True, seed=1)
    alone.network.load_state_dict({n: p[1] for n, p in stack.parameters.items()})
    stack.run(5)
    alone.run(5)
    for name, parameter in alone.network.named_parameters():
        np.testing.assert_allclose(stack.parameters[name][1], parameter.detach(), atol=1e-6)


def test_flops_of_convolutions_count_every_pixel_and_no_gradient_of_the_images():
    plain, residual = (c.network(c.dataset(), np.float32) for c in IMAGES)
    first = 2 * 64 * 27 * 3  # 8 x 8 pixels, 27 numbers of a patch, 3 filters
    maps = 2 * (4 * 16 + 16 * 10)
    others = 2 * 64 * 27 * 3 + 2 * 16 * 27 * 4
    assert flops(plain, 16) == 16 * (2 * first + 3 * (others + maps))
    others = 2 * 2 * 64 * 27 * 3 + 2 * 16 * (27 + 36 + 3) * 4  # a shortcut of 1 x 1 at the end
    assert flops(residual, 16) == 16 * (2 * first + 3 * (others + maps))


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("configuration", IMAGES, ids=lambda c: c.name)
def test_ours_and_torch_take_the_same_step_of_images(configuration, channels_last):
    pytest.importorskip("torch")
    found = agreement.compare_image_steps(configuration, "cpu", channels_last)
    assert max(found.loss, found.gradients, found.parameters) < 1e-12


def test_convolution_is_timed_against_torch_where_it_is_installed(tmp_path, capsys, quick):
    assert convolution.main(["--rounds", "2", "--output", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "convolution.json").read_text(encoding="utf-8"))
    text = (tmp_path / "convolution.md").read_text(encoding="utf-8")
    for entry in results["configurations"]:
        assert entry["gflops"][OURS] > 0
        assert sum(entry["shares"].values()) == pytest.approx(1)
        assert entry["peak_bytes"] > entry["buffers_bytes"] > 0
        assert (entry["shares"]["batch norm"] > 0) == (entry["name"] == "residual")
    if results["same_step"]:
        assert results["configurations"][0]["fastest_torch_to_ours"] > 0
        assert "take the same step" in text
    else:
        assert "could not be proved" in text
        assert "torch eager, channels_last is left out: torch is not installed (plain)" in text


def test_buffers_are_counted_as_the_layers_foretell_them():
    for configuration in IMAGES:
        peer = costs.OurImages(configuration, configuration.dataset())
        peer.run(1)
        foretold = peer.network.backbone.numbers_kept((192,))
        rest = 16 + 4 + 10 + 16  # outputs and gradients of latent layer and classifier
        images = 192  # nobody needs their gradient
        assert peer.buffers() == pytest.approx(4 * 16 * (foretold + rest - images), rel=0.05)


def test_jax_takes_the_same_step_of_images():
    pytest.importorskip("jax")
    from benchmarks.peers.jax_images import JaxImages

    for configuration in IMAGES:
        dataset = configuration.dataset()
        ours, theirs = costs.OurImages(configuration, dataset), JaxImages(configuration, dataset)
        losses = ours.take(ours.order[: 5 * configuration.batch])
        np.testing.assert_allclose(theirs.run(5), losses, rtol=1e-4)
        named = ours.network.named_parameters() | ours.network.named_state()
        for name, array in (theirs.state[0] | theirs.state[1]).items():
            np.testing.assert_allclose(array, named[name], atol=1e-5)


@pytest.mark.parametrize("configuration", IMAGES, ids=lambda c: c.name)
def test_ours_on_a_device_is_recorded_and_takes_the_steps_of_the_cpu(cuda_stand_in, configuration):
    dataset = configuration.dataset()
    ours, theirs = (
        costs.OurImages(configuration, dataset, device, np.float64) for device in ("cpu", "gpu")
    )
    order = ours.order[: 3 * configuration.batch]
    np.testing.assert_allclose(theirs.take(order), ours.take(order), rtol=1e-12)
    assert theirs.recorded
    parameters = theirs.backend.to_host(theirs.network.parameters)
    np.testing.assert_allclose(parameters, ours.network.parameters, atol=1e-9)
