"""`python -m benchmarks.members`: many networks on the member axis, and one after another."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from tqdm import tqdm

from benchmarks import report
from benchmarks.configurations import DIGITS, make_dataset
from benchmarks.errors import BenchmarkError
from benchmarks.load import LoadRecord
from benchmarks.machine import describe_machine
from benchmarks.peers import Peer
from benchmarks.peers.ours import OurPeer
from benchmarks.rows import check_rounds
from benchmarks.timing import interleave
from data_utils import Dataset
from lpc_scratch.backend import get_backend
from lpc_scratch.commands import command_line
from lpc_scratch.files.markdown import table

_SEPARATE = 4  # separate runs that are timed; more of them cost the same each
_STEPS = 20  # after which members and separate runs are compared
_STACK = "ours, member axis"
_ALONE = "ours, separate"
_VMAP = "torch vmap, fused Adam"


@dataclass(frozen=True)
class MembersCommand:
    """Time a step of E networks on the member axis, of separate runs, and of torch's vmap."""

    members: tuple[int, ...] = (1, 4, 16, 64)
    """Numbers of networks E."""
    rounds: int = 9
    """Timed blocks of each one; the median over them is reported."""
    output: Path = Path("benchmarks/results")
    """Folder of the results."""

    def check(self) -> None:
        """Raise BenchmarkError for values out of range."""
        if not self.members or min(self.members) < 1:
            raise BenchmarkError(f"--members must be at least 1, not {list(self.members)}")
        check_rounds(self.rounds)


class Separate:
    """Several networks that are trained one after another, a block of steps each."""

    def __init__(self, peers: Sequence[Peer]) -> None:
        self.peers = peers

    def run(self, steps: int) -> None:
        """Take that many steps of every network."""
        for peer in self.peers:
            peer.run(steps)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    return command_line.run(_run, arguments)


def count_equal(dataset: Dataset, members: int) -> int:
    """Return how many of E members have, to the bit, the parameters of their separate runs."""
    stack = OurPeer(DIGITS, dataset, range(members))
    stack.run(_STEPS)
    stacked = stack.trainer.network.named_parameters()
    equal = 0
    for seed in range(members):
        alone = OurPeer(DIGITS, dataset, [seed])
        alone.run(_STEPS)
        equal += all(
            np.array_equal(stacked[name][seed] if members > 1 else stacked[name], parameter)
            for name, parameter in alone.trainer.network.named_parameters().items()
        )
    return equal


def _run(arguments: Sequence[str]) -> None:
    command = tyro.cli(MembersCommand, prog="python -m benchmarks.members", args=list(arguments))
    command.check()
    machine = describe_machine(get_backend("cpu"), "benchmarks.members", arguments)
    load = LoadRecord()
    dataset = make_dataset(DIGITS.features)
    entries = []
    for members in tqdm(command.members, unit="stack", disable=None):
        equal = count_equal(dataset, members)
        entries.append(_time(dataset, members, command.rounds) | {"equal_members": equal})
    machine |= load.finish()
    results = {"machine": machine, "network": DIGITS.name, "members": entries}
    report.write(command.output, "members", results, _text(machine, entries))


def _time(dataset: Dataset, members: int, rounds: int) -> dict[str, Any]:
    """Return milliseconds per step and network of every competitor."""
    alone = range(min(members, _SEPARATE))
    peers: dict[str, tuple[Peer, int]] = {
        _STACK: (OurPeer(DIGITS, dataset, range(members)), members),
        _ALONE: (Separate([OurPeer(DIGITS, dataset, [seed]) for seed in alone]), len(alone)),
    }
    if find_spec("torch"):
        from benchmarks.peers.torch_peer import TorchPeer
        from benchmarks.peers.torch_vmap import TorchVmapPeer

        for name, fused in (
            ("torch eager, separate", False),
            ("torch, fused Adam, separate", True),
        ):
            torch_peers = [TorchPeer(DIGITS, dataset, fused=fused, seed=seed) for seed in alone]
            peers[name] = (Separate(torch_peers), len(alone))
        peers[_VMAP] = (TorchVmapPeer(DIGITS, dataset, members), members)
    timings = interleave({name: peer.run for name, (peer, _) in peers.items()}, rounds)
    networks = {name: count for name, (_, count) in peers.items()}
    ratios = {n: timings[n].over(timings[_STACK]) for n in (_ALONE, _VMAP) if n in timings}
    return {
        "members": members,
        "networks_timed": networks,
        "timings_of_all_networks": {n: t.milliseconds() for n, t in timings.items()},
        "ms_per_network": {n: t.median * 1e3 / networks[n] for n, t in timings.items()},
        "ratios": {
            n: [members / networks[n] * part for part in (r.lower, r.median, r.upper)]
            for n, r in ratios.items()
        },
    }


def _text(machine: dict[str, Any], entries: Sequence[dict[str, Any]]) -> str:
    names = list(entries[0]["ms_per_network"])
    rows = []
    for entry in entries:
        found = (entry["ratios"].get(name) for name in (_ALONE, _VMAP))
        ratios = (ratio and report.quartiles(*ratio) for ratio in found)
        rows.append((entry["members"], *entry["ms_per_network"].values(), *ratios))
    header = ("E", *names, "separate / member axis", "vmap / member axis")
    equal = [f"{e['equal_members']} of {e['members']}" for e in entries]
    torch = "" if find_spec("torch") else "\n\ntorch is not installed: its columns are left out."
    return "\n\n".join(
        (
            report.heading("Many networks at once", machine),
            f"{DIGITS.name}. Median milliseconds per step and network; of separate runs at most "
            f"{_SEPARATE} are timed, one after another. A ratio is the median over pairs of the "
            "same round, with its quartiles in brackets.",
            table(header, rows) + torch,
            f"Members whose parameters after {_STEPS} steps equal those of their separate run to "
            f"the bit: {', '.join(equal)}.",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
