"""The measurements of several runs side by side, as Markdown."""

from collections.abc import Sequence
from typing import Any

from lpc_scratch.evaluation.measurement import LeftOut
from lpc_scratch.files.markdown import mean_and_deviation, table

Rows = Sequence[dict[str, Any]]

TITLES = {
    "robustness": "Robustness",
    "noise": "Noise and corruption",
    "ood": "Out-of-distribution and own mistakes",
    "calibration": "Calibration",
    "transfer": "Transfer, small training sets and wrong labels",
    "training": "Training",
    "depth": "Collapse over depth",
}
"""Suites with their headings, in order."""


def write_report(rows: Rows, left_out: Sequence[tuple[str, LeftOut]] = ()) -> str:
    """Return a section for each suite: a table of tests against runs, and what they depend on.

    Values are means over a run's networks ± standard deviation. Reliability diagrams are left to
    the figures. The last section says what was left out, of the runs that `left_out` pairs it with.
    """
    parts = ["# Evaluation"]
    for suite, title in TITLES.items():
        of_suite = [r for r in rows if r["suite"] == suite and "reliability" not in r["test"]]
        if of_suite:
            parts += [f"## {title}", suite_table(of_suite), _settings(of_suite)]
    if left_out:
        parts += ["## Left out", _reasons(left_out)]
    return "\n\n".join(parts) + "\n"


def suite_table(rows: Rows) -> str:
    """Return the table of one suite: a line for each test, level and measure, a column a run."""
    runs = list(dict.fromkeys(row["run"] for row in rows))
    values: dict[tuple, dict[str, list[float]]] = {}
    for row in rows:
        key = (row["test"], row["level"], row["measure"])
        values.setdefault(key, {}).setdefault(row["run"], []).append(row["value"])
    lines = [
        [test, "–" if level is None else f"{level:g}", measure]
        + [mean_and_deviation(of_run.get(run, [])) for run in runs]
        for (test, level, measure), of_run in values.items()
    ]
    return table(["test", "level", "measure", *runs], lines)


def _settings(rows: Rows) -> str:
    """Return what the numbers depend on: each text once, with the tests that it is for."""
    tests: dict[str, list[str]] = {}
    for row in rows:
        names = tests.setdefault(row["settings"], [])
        if row["test"] not in names:
            names.append(row["test"])
    return "\n".join(f"- {', '.join(names)}: {text}." for text, names in tests.items() if text)


def _reasons(left_out: Sequence[tuple[str, LeftOut]]) -> str:
    """Return what was left out and why: each once, with the runs that it is missing of."""
    runs: dict[LeftOut, list[str]] = {}
    for run, missing in left_out:
        runs.setdefault(missing, []).append(run)
    return "\n".join(
        f"- {', '.join(filter(None, (missing.suite, missing.test)))} ({', '.join(names)}): "
        f"{missing.reason}."
        for missing, names in runs.items()
    )
