"""The tables and the figure of the comparison of tuned methods."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lpc_scratch.experiments.cells import Result
from lpc_scratch.experiments.generalisation import METHODS, Method, choose, correct_by_seed
from lpc_scratch.files.atomic import writing
from lpc_scratch.files.markdown import exact, mean_and_deviation, table
from lpc_scratch.files.tables import write_csv, write_text
from lpc_scratch.metrics.lead import Lead, lead
from lpc_scratch.plots import save_figures
from lpc_scratch.plots.generalisation import plot_leads

Tried = Mapping[Method, Sequence[Result]]
Compared = Mapping[int, Mapping[Method, Sequence[Result]]]
"""By the number of training samples, then by method; a result for each seed."""

_COLUMNS = ("train_accuracy", "validation_accuracy", "test_accuracy", "nc1", "kurtosis")


def write_generalisation(tried: Tried, compared: Compared, folder: Path) -> str:
    """Write tuning.csv, generalisation.csv, generalisation.md and the figure; return the tables.

    Raises RunFolderError if the folder cannot be written.
    """
    write_csv(folder / "tuning.csv", [_row(m, r) for m, group in tried.items() for r in group])
    rows = [
        {"samples": samples} | _row(method, result)
        for samples, methods in compared.items()
        for method, group in methods.items()
        for result in group
    ]
    write_csv(folder / "generalisation.csv", rows)
    ours = METHODS[0]
    found: dict[int, dict[str, Lead]] = {samples: {} for samples in compared}
    for samples, methods in compared.items():
        own = correct_by_seed(methods[ours])
        for method, group in methods.items():
            ahead = lead(own, correct_by_seed(group)) if method != ours else None
            if ahead:
                found[samples][method.name] = ahead
    parts = ["## Settings, chosen by validation accuracy", _tuning(tried)]
    for samples, methods in compared.items():
        parts += [f"## {samples:,} training samples", _accuracies(methods, found[samples])]
    text = "\n\n".join(parts)
    write_text(folder / "generalisation.md", f"{_heading(tried, compared)}\n\n{text}\n")
    if any(found.values()):
        with writing(folder / "plots"):
            save_figures({"generalisation": plot_leads(found, ours.name)}, folder / "plots")
    return text


def _row(method: Method, result: Result) -> dict[str, Any]:
    last = result.rows[-1] if result.finished else {}
    return {
        "method": method.name,
        "learning_rate": result.config.learning_rate,
        "strength": _strength(method, result),
        "seed": result.config.seeds[0],
        "status": result.status,
        **{name: last.get(name) for name in _COLUMNS},
        "message": result.message,
    }


def _strength(method: Method, result: Result) -> float | None:
    return getattr(result.config, method.strength) if method.strength else None


def _heading(tried: Tried, compared: Compared) -> str:
    config = next(iter(tried.values()))[0].config
    seeds = sorted({r.config.seeds[0] for ms in compared.values() for g in ms.values() for r in g})
    return (
        f"# {config.dataset}: does the penalty generalise better?\n\n"
        f"{'-'.join(map(str, config.widths))}, {config.epochs} epochs whatever the size of the "
        f"training set. Settings were chosen at {config.training_samples:,} samples and "
        f"{config.validation_share:.0%} of the training set held out, seed {config.seeds[0]}; the "
        f"test set took no part. Then seeds {', '.join(map(str, seeds))}: mean ± standard "
        "deviation. The last column is the test accuracy of binary minus that of the method, in "
        "percentage points: mean ± standard deviation of the pairs of one seed, and the 95% "
        "bootstrap interval over test images."
    )


def _tuning(tried: Tried) -> str:
    rows = []
    for method, results in tried.items():
        best = choose(results)
        rates = sorted({result.config.learning_rate or 0.0 for result in results})
        strength = _strength(method, best)
        edges = [
            name
            for name, value, values in (
                ("rate", best.config.learning_rate, rates),
                (method.strength, strength, method.strengths),
            )
            if len(values) > 1 and value in (values[0], values[-1])
        ]
        rows.append(
            [
                method.name,
                exact(best.config.learning_rate),
                f"{method.strength} {exact(strength)}" if method.strength else "–",
                best.rows[-1]["validation_accuracy"],
                best.rows[-1]["train_accuracy"],
                ", ".join(edges) or "–",
            ]
        )
    header = ("method", "rate", "strength", "validation accuracy", "training accuracy")
    return table((*header, "at an edge of the grid"), rows)


def _accuracies(methods: Mapping[Method, Sequence[Result]], leads: Mapping[str, Lead]) -> str:
    rows = []
    for method, results in methods.items():
        last = [result.rows[-1] for result in results if result.finished]
        ahead = leads.get(method.name)
        rows.append(
            [
                method.name,
                mean_and_deviation([row["train_accuracy"] for row in last]),
                mean_and_deviation([row["test_accuracy"] for row in last]),
                f"{mean_and_deviation(ahead.by_seed, '+')} ({ahead.low:+.2f} to {ahead.high:+.2f})"
                if ahead
                else "–",
            ]
        )
    return table(("method", "training accuracy", "test accuracy", "binary is ahead by"), rows)
