"""Tables and files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table: the first column to the left, numbers to the right.

    Floats have three significant digits; None is a dash.
    """
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    first, *rest = [cells[0], rule, *cells[1:]]
    return "\n".join(_line(row, widths) for row in (first, *rest))


def number(value: float) -> str:
    """Return three significant digits, without an exponent."""
    if not value:
        return "0"
    digits = 0
    while digits < 9 and abs(value) * 10**digits < 99.95:
        digits += 1
    return f"{value:.{digits}f}"


def heading(title: str, machine: dict[str, Any]) -> str:
    """Return the head of a report: the title, and what it ran on."""
    packages = ", ".join(f"{name} {found}" for name, found in machine["packages"].items())
    loads = ("load_average_before", "load_average_after", "cores_used_by_others")
    before, after, others = (
        "unknown" if machine[name] is None else f"{machine[name]:.2f}" for name in loads
    )
    blas = ", ".join(f"{b['internal_api']} {b['version']}" for b in machine["blas"])
    return "\n".join(
        (
            f"# {title}",
            "",
            f"- `{machine['command']}`, {machine['date']}, revision {machine['git_revision']}",
            f"- {machine['processor']}, {machine['cores']} cores, {machine['platform']}; "
            f"{machine['device']}",
            f"- Python {machine['python']}, {packages}; BLAS: {blas}",
            f"- {machine['threads']} threads for ours, NumPy and torch; JAX uses its own pool",
            f"- load average before {before}, after {after}; cores that others used: {others}",
        )
    )


def write(output: Path, stem: str, results: dict[str, Any], text: str) -> None:
    """Print a report, and write it as Markdown beside the results as JSON."""
    output.mkdir(parents=True, exist_ok=True)
    (output / f"{stem}.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    (output / f"{stem}.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}\n\nWritten to {output / stem}.json and .md")


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return number(value) if isinstance(value, float) else str(value)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return f"| {' | '.join(padded)} |"
