"""Reports and files."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.rows import WIDE
from lpc_scratch.files.markdown import number


def heading(title: str, machine: dict[str, Any]) -> str:
    """Return the head of a report: the title, and what it ran on."""
    packages = ", ".join(f"{name} {found}" for name, found in machine["packages"].items())
    loads = ("load_average_before", "load_average_after", "cores_used_by_others")
    before, after, others = (
        "unknown" if machine[name] is None else f"{machine[name]:.2f}" for name in loads
    )
    blas = ", ".join(
        f"{b['internal_api']} {b['version']} with kernels for {b['architecture'] or 'unknown'}"
        for b in machine["blas"]
    )
    lines = [
        f"# {title}",
        "",
        f"- `{machine['command']}`, {machine['date']}, revision {machine['git_revision']}",
        f"- {machine['processor']}, {machine['cores']} cores, vectors of "
        f"{machine['vector_bits'] or 'unknown'} bits, {machine['platform']}; {machine['device']}",
        f"- Python {machine['python']}, {packages}; BLAS: {blas}",
        f"- {machine['threads']} threads for ours, NumPy and torch; JAX uses its own pool",
        f"- load average before {before}, after {after}; cores that others used: {others}",
    ]
    if machine["unset"]:
        settings = ", ".join(f"{name}={value}" for name, value in machine["unset"].items())
        lines.append(f"- timed without {settings}, which was set and slows a current OpenBLAS")
    if machine["in_noise"]:
        lines.append(f"- **in noise, not to be committed**: {'; '.join(machine['noise'])}")
    return "\n".join(lines)


def time_cell(timings: Mapping[str, Any], name: str) -> str | None:
    """Return the median of a timing and its fastest block, in ms; None where there is none."""
    if name not in timings:
        return None
    timing = timings[name]
    return f"{number(timing['median_ms'])} ({number(timing['fastest_ms'])})"


def ratio_cell(entry: Mapping[str, Any], name: str) -> str | None:
    """Return a ratio with its quartiles, and a star where they are far apart.

    `entry` has what `Row.numbers` returns. None where there is no such ratio.
    """
    if name not in entry["ratio_quartiles"]:
        return None
    lower, upper = entry["ratio_quartiles"][name]
    median = entry["ratios"].get(name, entry.get(name))
    return quartiles(lower, median, upper) + " *" * (name in entry["wide"])


def quartiles(lower: float, median: float, upper: float) -> str:
    """Return a median with its quartiles in brackets."""
    return f"{number(median)} ({number(lower)} to {number(upper)})"


def about_ratios(rounds: int, most: int) -> str:
    """Return how ratios are taken, from so many rounds of a row, and at most so many."""
    return (
        "the median over pairs of the same round, with its quartiles in brackets. A row with "
        f"quartiles further apart than {WIDE:.0%} of their median was measured again, {rounds} "
        f"rounds each time and at most {most} in all; the least spread counts, and what is still "
        "so wide has a star"
    )


def write(output: Path, stem: str, results: dict[str, Any], text: str) -> None:
    """Print a report, and write it as Markdown beside the results as JSON.

    Where it ran in noise, standard error says that it is not to be committed.
    """
    output.mkdir(parents=True, exist_ok=True)
    (output / f"{stem}.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    (output / f"{stem}.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}\n\nWritten to {output / stem}.json and .md")
    machine = results["machine"]
    if machine["in_noise"]:
        print(
            f"warning: {'; '.join(machine['noise'])}: these timings are not to be committed, "
            "measure again on a quiet machine",
            file=sys.stderr,
        )
