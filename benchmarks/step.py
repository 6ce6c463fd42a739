"""`python -m benchmarks.step`: one training step of ours and of its peers, in turns."""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tyro
from tqdm import tqdm

from benchmarks import agreement, report
from benchmarks.configurations import CONFIGURATIONS, Configuration, make_dataset
from benchmarks.errors import BenchmarkError
from benchmarks.load import LoadRecord
from benchmarks.machine import PEAK, MatrixProduct, describe_machine
from benchmarks.peers import NUMBA, OURS, candidates_on, gather_field
from benchmarks.precision import products
from benchmarks.rows import FASTEST, FASTEST_NUMBA, Row, check_rounds, measure_row
from data_utils import Dataset
from lpc_scratch.backend import Device, get_backend
from lpc_scratch.commands import command_line
from lpc_scratch.files.markdown import table


@dataclass(frozen=True)
class StepCommand:
    """Time one training step (gather, forward, backward, Adam) of this project and of others."""

    device: Device = "cpu"
    """Where all of them run."""
    rounds: int = 9
    """Timed blocks of each one; the median over them is reported."""
    most_rounds: int = 27
    """Rounds in all, at most, of a network whose ratios stay wide; then they are marked."""
    only: str = ""
    """Regular expression that a configuration's name must match, such as 'batch 64'."""
    tf32: bool = False
    """Time products in TensorFloat-32 on either side; the same step is proven in full float32."""
    output: Path = Path("benchmarks/results")
    """Folder of the results."""

    @property
    def stem(self) -> str:
        """Name of the files of the results."""
        return f"{self.device}-tf32" if self.tf32 else self.device

    @property
    def precision(self) -> str:
        """What matrices are multiplied in."""
        return "TF32" if self.tf32 else "float32"

    @property
    def of_proof(self) -> str:
        """How the step is taken that is proven to be the same."""
        return "without dropout" + ", in full float32" * self.tf32

    def configurations(self) -> list[Configuration]:
        """Return what is timed."""
        try:
            found = [c for c in CONFIGURATIONS if re.search(self.only, c.name)]
        except re.error as error:
            raise BenchmarkError(
                f"--only {self.only!r} is no regular expression: {error}"
            ) from error
        if not found:
            raise BenchmarkError(f"--only {self.only!r} matches no configuration's name")
        check_rounds(self.rounds, self.most_rounds)
        if self.tf32 and (self.device == "cpu" or os.environ.get("LPC_GPU") == "eager"):
            raise BenchmarkError(
                "--tf32 is for --device gpu without LPC_GPU=eager: a CPU multiplies in full "
                "float32, and CuPy itself reads CUPY_TF32 once"
            )
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    return command_line.run(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    command = tyro.cli(StepCommand, prog="python -m benchmarks.step", args=list(arguments))
    configurations = command.configurations()
    with products(command.tf32):
        backend = get_backend(command.device)
        machine = describe_machine(backend, "benchmarks.step", arguments)
    load = LoadRecord()

    datasets = {c.features: make_dataset(c.features) for c in configurations}
    with products(tf32=False):
        proof = prove(configurations, datasets, command.device)
    print(agreement.sentence(proof, command.of_proof))
    peak = MatrixProduct(backend)
    rows = []
    with products(command.tf32):
        for configuration in tqdm(configurations, unit="network", disable=None):
            dataset = datasets[configuration.features]
            field = gather_field(candidates_on(command.device), configuration, dataset)
            competitors = {name: peer.run for name, peer in field.peers.items()}
            row = measure_row(competitors | {PEAK: peak.run}, command.rounds, command.most_rounds)
            rows.append((configuration, row, field.left_out))
    machine |= load.finish()

    results = _results(rows, peak.flops)
    text = _text(command, machine, proof, results)
    everything = {"machine": machine, "same_step": proof, **results}
    report.write(command.output, command.stem, everything, text)


def prove(
    configurations: Sequence[Configuration], datasets: dict[int, Dataset], device: Device = "cpu"
) -> list[dict[str, Any]]:
    """Compare a step of ours with torch's, with either Adam; empty where torch is missing.

    Raises
    ------
    BenchmarkError
        If a relative difference is not below the tolerance.
    """
    proof: list[dict[str, Any]] = []
    for configuration in dict.fromkeys(c.without_dropout() for c in configurations):
        for fused in (False, True):
            try:
                found = agreement.compare_steps(
                    configuration, datasets[configuration.features], device, fused
                )
            except ModuleNotFoundError as error:
                if error.name != "torch":
                    raise
                return []
            found.require(configuration.name)
            proof.append({"configuration": configuration.name, "fused": fused, **asdict(found)})
    return proof


def _results(
    rows: Sequence[tuple[Configuration, Row, dict[str, str]]], peak_flops: int
) -> dict[str, Any]:
    """Return medians, ratios and shares of the peak, ready for JSON."""
    # Of a peak the fastest block counts: the medians of other blocks are those of a busier machine.
    peak = peak_flops / min(row.timings[PEAK].fastest for _, row, _ in rows)
    return {
        "peak_gflops": peak / 1e9,
        "configurations": [
            {
                "name": configuration.name,
                "parameters": configuration.parameters,
                "flops": configuration.flops,
                **row.numbers(),
                "left_out": left_out,
                "share_of_peak": configuration.flops / row.timings[OURS].median / peak,
            }
            for configuration, row, left_out in rows
        ],
    }


def _text(
    command: StepCommand,
    machine: dict[str, Any],
    proof: list[dict[str, Any]],
    results: dict[str, Any],
) -> str:
    entries = results["configurations"]
    names = [n for n in candidates_on(command.device) if any(n in e["timings"] for e in entries)]
    peers = [name for name in names if name not in (OURS, NUMBA)]
    times = table(
        ("network", *names),
        [(e["name"], *(report.time_cell(e["timings"], n) for n in names)) for e in entries],
    )
    ratios = table(
        ("network", *peers, "fastest torch / ours", "fastest torch / ours, numba", "share of peak"),
        [
            (
                e["name"],
                *(report.ratio_cell(e, name) for name in (*peers, FASTEST, FASTEST_NUMBA)),
                f"{e['share_of_peak']:.0%}",
            )
            for e in entries
        ],
    )
    left_out: dict[str, list[str]] = {}
    for entry in entries:
        for name, reason in entry["left_out"].items():
            left_out.setdefault(f"{name} is left out: {reason}", []).append(entry["name"])
    absences = [f"- {reason} ({'; '.join(where)})" for reason, where in left_out.items()]
    return "\n\n".join(
        (
            report.heading(f"One training step, device {command.device}", machine),
            agreement.sentence(proof, command.of_proof),
            f"Milliseconds of a step, the median and in brackets the fastest block:\n\n{times}",
            "Time of the peer / time of ours in plain NumPy (above 1, ours is faster): "
            f"{report.about_ratios(command.rounds, command.most_rounds)}. And the "
            f"share that ours reaches of the peak of the {command.precision} matrix product, "
            f"{results['peak_gflops']:.0f} GFLOP/s in this run:\n\n{ratios}",
            "\n".join(absences) or "All peers took part.",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
