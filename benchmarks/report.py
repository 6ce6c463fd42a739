"""Reports and files."""

import json
from pathlib import Path
from typing import Any


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
