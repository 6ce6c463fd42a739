"""The measurements of several runs side by side, as Markdown."""

from collections.abc import Sequence
from typing import Any

from lpc_scratch.evaluation.foreign import FAR, MISTAKES
from lpc_scratch.evaluation.measurement import FIRED, LeftOut
from lpc_scratch.files.markdown import exact, mean_and_deviation, table

Rows = Sequence[dict[str, Any]]

TITLES = {
    "robustness": "Robustness",
    "masking": "Signs of gradient masking",
    "noise": "Noise and corruption",
    "ood": "Out-of-distribution and own mistakes",
    "calibration": "Calibration",
    "transfer": "Transfer, small training sets and wrong labels",
    "training": "Training",
    "depth": "Collapse over depth",
}
"""Suites with their headings, in order; the signs of masking come with those of robustness."""


def write_report(rows: Rows, left_out: Sequence[tuple[str, LeftOut]] = ()) -> str:
    """Return a section for each suite: a table of tests against runs, and what they depend on.

    That on gradient masking also says which signs have fired for which network. Values are means
    over a run's networks ± standard deviation. Reliability diagrams are left to the figures. The
    last section says what was left out, of the runs that `left_out` pairs it with.
    """
    parts = ["# Evaluation"]
    for suite, title in TITLES.items():
        of_suite = [r for r in rows if r["suite"] == suite and "reliability" not in r["test"]]
        if of_suite:
            parts += [f"## {title}", *_tables(suite, of_suite), _settings(of_suite)]
    if left_out:
        parts += ["## Left out", _reasons(left_out)]
    return "\n\n".join(parts) + "\n"


def _tables(suite: str, rows: Rows) -> list[str]:
    """Return the table of a suite; of detection one for each kind of input, with its heading.

    There all scores stand together, measure by measure. The table of the signs of masking is
    followed by those that have fired.
    """
    if suite == "masking":
        return [masking_table(rows), _fired(rows)]
    if suite != "ood":
        return [suite_table(rows)]
    measures = list(dict.fromkeys(row["measure"] for row in rows))
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: measures.index(row["measure"])):
        kind, score = _kind_and_score(row)
        kinds.setdefault(kind, []).append({**row, "test": score})
    parts = ["Near are real inputs of other classes, and far those that show nothing."]
    for kind, of_kind in kinds.items():
        distance = "" if kind == MISTAKES else "far: " if kind in FAR else "near: "
        parts += [f"### {(distance + kind).capitalize()}", suite_table(of_kind)]
    return parts


def _kind_and_score(row: dict[str, Any]) -> tuple[str, str]:
    """Return the two parts of the test of a row of detection."""
    kind, _, score = row["test"].rpartition(", ")
    return kind, score


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


def masking_table(rows: Rows) -> str:
    """Return the table of the signs of masking: a line for each, a column a run.

    A number that is above its threshold, on any network of the run, is bold.
    """
    runs = list(dict.fromkeys(row["run"] for row in rows))
    lines = []
    for test in dict.fromkeys(row["test"] for row in rows):
        number, *_ = of_test = [row for row in rows if row["test"] == test]
        cells = []
        for run in runs:
            of_run = [row for row in of_test if row["run"] == run]
            fired = any(row["value"] == 1 for row in of_run if row["measure"] == FIRED)
            cell = mean_and_deviation([r["value"] for r in of_run if r["measure"] != FIRED])
            cells.append(f"**{cell}**" if fired else cell)
        lines.append([test, number["measure"], f"{number['level']:g}", *cells])
    return table(["sign", "measure", "warns above", *runs], lines)


def _fired(rows: Rows) -> str:
    """Return which signs have fired for which network, a line each."""
    fired: dict[tuple, list[str]] = {}
    for row in rows:
        if row["measure"] == FIRED:
            network = tuple(row[name] for name in ("run", "seed", "gamma", "member"))
            fired.setdefault(network, []).extend([row["test"]] * (row["value"] == 1))
    return "\n".join(
        f"- {run}, seed {seed}, gamma {exact(gamma)}: {', '.join(signs) or 'none fired'}."
        for (run, seed, gamma, _), signs in fired.items()
    )


def _settings(rows: Rows) -> str:
    """Return what the numbers depend on: each text once, with the tests that it is for."""
    tests: dict[str, list[str]] = {}
    for row in rows:
        names = tests.setdefault(row["settings"], [])
        name = _kind_and_score(row)[0] if row["suite"] == "ood" else row["test"]
        if name not in names:
            names.append(name)
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
