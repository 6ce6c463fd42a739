"""`python -m benchmarks.convolution`: a training step of networks of images, ours and of peers."""

import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tyro
from tqdm import tqdm

from benchmarks import agreement, report
from benchmarks.costs import peak_memory, shares
from benchmarks.errors import BenchmarkError
from benchmarks.images import CONFIGURATIONS, ImageConfiguration, flops
from benchmarks.load import LoadRecord
from benchmarks.machine import PEAK, MatrixProduct, describe_machine
from benchmarks.peers import OURS, gather_field, image_candidates_on
from benchmarks.rows import FASTEST, Row, check_rounds, measure_row
from lpc_scratch.backend import Device, get_backend
from lpc_scratch.commands import command_line
from lpc_scratch.files.markdown import table

CONDITION = "in float64"


@dataclass(frozen=True)
class ConvolutionCommand:
    """Time one training step (gather, forward, backward, Adam) of networks of images."""

    device: Device = "cpu"
    """Where all of them run."""
    rounds: int = 9
    """Timed blocks of each one; the median over them is reported."""
    most_rounds: int = 27
    """Rounds in all, at most, of a network whose ratios stay wide; then they are marked."""
    only: str = ""
    """Regular expression that a network's name must match, such as 'few'."""
    output: Path = Path("benchmarks/results")
    """Folder of the results."""

    def configurations(self) -> list[ImageConfiguration]:
        """Return what is timed."""
        try:
            found = [c for c in CONFIGURATIONS if re.search(self.only, c.name)]
        except re.error as error:
            raise BenchmarkError(
                f"--only {self.only!r} is no regular expression: {error}"
            ) from error
        if not found:
            raise BenchmarkError(f"--only {self.only!r} matches no network's name")
        check_rounds(self.rounds, self.most_rounds)
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    return command_line.run(_run, arguments)


def _run(arguments: Sequence[str]) -> None:
    command = tyro.cli(
        ConvolutionCommand, prog="python -m benchmarks.convolution", args=list(arguments)
    )
    configurations = command.configurations()
    backend = get_backend(command.device)
    machine = describe_machine(backend, "benchmarks.convolution", arguments)
    load = LoadRecord()
    proof = prove(configurations, command.device)
    print(agreement.sentence(proof, CONDITION))
    peak = MatrixProduct(backend)
    entries = []
    for configuration in tqdm(configurations, unit="network", disable=None):
        dataset = configuration.dataset()
        field = gather_field(image_candidates_on(command.device), configuration, dataset)
        competitors = {name: peer.run for name, peer in field.peers.items()}
        row = measure_row(competitors | {PEAK: peak.run}, command.rounds, command.most_rounds)
        entry = _numbers(field.peers[OURS], row)
        entry |= {"name": configuration.name, "left_out": field.left_out}
        if command.device == "cpu":
            entry |= {"peak_bytes": peak_memory(configuration)}
        entries.append(entry)
    machine |= load.finish()
    gflops = peak.flops / 1e6 / min(e["timings"][PEAK]["fastest_ms"] for e in entries)
    text = _text(command, machine, proof, entries, gflops)
    stem = "convolution" if command.device == "cpu" else "convolution-gpu"
    everything = {"machine": machine, "same_step": proof, "peak_gflops": gflops}
    report.write(command.output, stem, everything | {"configurations": entries}, text)


def prove(
    configurations: Sequence[ImageConfiguration], device: Device = "cpu"
) -> list[dict[str, Any]]:
    """Compare a step of ours with torch's, in either layout; empty where torch is missing.

    In float64: of so many activations in float32 there is always one that rounds to the other side
    of ReLU's kink, though neither side is wrong.

    Raises
    ------
    BenchmarkError
        If a relative difference is not below the tolerance.
    """
    proof: list[dict[str, Any]] = []
    for configuration in configurations:
        for channels_last in (False, True):
            try:
                found = agreement.compare_image_steps(configuration, device, channels_last)
            except ModuleNotFoundError as error:
                if error.name != "torch":
                    raise
                return []
            found.require(configuration.name)
            about = {"configuration": configuration.name, "channels_last": channels_last}
            proof.append(about | asdict(found))
    return proof


def _numbers(ours: Any, row: Row) -> dict[str, Any]:
    """Return times, paired ratios, GFLOP/s and memory, ready for JSON."""
    operations = flops(ours.network, ours.batch)
    peers = {name: timing for name, timing in row.timings.items() if name != PEAK}
    return {
        "parameters": ours.network.parameters.size,
        "flops": operations,
        **row.numbers(),
        "gflops": {name: operations / timing.median / 1e9 for name, timing in peers.items()},
        "buffers_bytes": ours.buffers(),
        "recorded": ours.recorded,
        "shares": shares(ours) if ours.backend.name == "cpu" else {},
    }


def _text(
    command: ConvolutionCommand,
    machine: dict[str, Any],
    proof: list[dict[str, Any]],
    entries: list[dict[str, Any]],
    peak: float,
) -> str:
    device = command.device
    names = [n for n in image_candidates_on(device) if any(n in e["timings"] for e in entries)]
    peers = [name for name in names if name != OURS]
    times = [(e["name"], *(report.time_cell(e["timings"], n) for n in names)) for e in entries]
    ratios = [(e["name"], *(report.ratio_cell(e, n) for n in (*peers, FASTEST))) for e in entries]
    speeds = [
        (e["name"], e["flops"] / 1e9, *(e["gflops"].get(name) for name in names)) for e in entries
    ]
    memory = [
        (e["name"], e["parameters"], e["buffers_bytes"] / 1e6, e.get("peak_bytes", 0) / 1e6 or None)
        for e in entries
    ]
    parts = [
        report.heading(f"One training step of networks of images, device {device}", machine),
        agreement.sentence(proof, CONDITION),
        "Milliseconds of a step, the median and in brackets the fastest block:\n\n"
        + table(("network", *names), times),
        "Time of the peer / time of ours (above 1, ours is faster): "
        f"{report.about_ratios(command.rounds, command.most_rounds)}:\n\n"
        + table(("network", *peers, "fastest torch / ours"), ratios),
        "GFLOP/s of useful work (what Winograd's tiles save is counted as if it were done); the "
        f"peak of the float32 matrix product is {peak:.0f} in this run:\n\n"
        + table(("network", "GFLOP a step", *names), speeds),
        "Memory of a step of ours, in MB: what the layers keep, and the peak with scratch and with "
        "what comes and goes:\n\n" + table(("network", "parameters", "buffers", "peak"), memory),
    ]
    if any(e["shares"] for e in entries):
        kinds = [*entries[0]["shares"]]
        rows = [(e["name"], *(f"{e['shares'][kind]:.0%}" for kind in kinds)) for e in entries]
        parts.append("Where the time of ours goes:\n\n" + table(("network", *kinds), rows))
    if device == "gpu" and not all(e["recorded"] for e in entries):
        parts.append("Ours launches every step: there are no kernels for all of its layers.")
    absences = [
        f"- {n} is left out: {w} ({e['name']})" for e in entries for n, w in e["left_out"].items()
    ]
    return "\n\n".join([*parts, "\n".join(absences) or "All peers took part."])


if __name__ == "__main__":
    sys.exit(main())
