"""The tables and figures of a comparison of architectures."""

from collections.abc import Sequence
from pathlib import Path

from lpc_scratch.experiments.cells import Result
from lpc_scratch.experiments.tables import (
    epoch_table,
    epochs_until,
    headings,
    held_out,
    with_validation,
)
from lpc_scratch.files.atomic import writing
from lpc_scratch.files.markdown import mean_and_deviation, table
from lpc_scratch.files.tables import write_csv, write_text
from lpc_scratch.plots.comparison import save_comparison_plots

LEARNED = 0.999
"""Training accuracy that counts as learned."""

_COLUMNS = (
    *("train_accuracy", "test_accuracy", "nc1", "equinorm", "equiangular", "etf_distance"),
    *("nc3", "nc4", "peak_distance", "kurtosis", "same_code", "distinct_codes"),
)

Groups = dict[str, list[Result]]


def write_comparison(results: Sequence[Result], folder: Path) -> str:
    """Write comparison.csv, comparison.md and the figures; return the table.

    Parameters
    ----------
    results : sequence of Result
        All architectures and seeds; what has failed or diverged is left out of averages.
    folder : Path
        Folder of the experiment.

    Raises
    ------
    RunFolderError
        If the folder cannot be written.
    """
    groups: Groups = {}
    for result in results:
        groups.setdefault(result.config.architecture, []).append(result)
    rows = epoch_table(results, ["architecture"])
    if rows:
        write_csv(folder / "comparison.csv", rows)
    shown = _table(groups)
    notes = [*_differences(groups), *_troubles(results)]
    text = "\n\n".join((_heading(results), shown, *notes))
    write_text(folder / "comparison.md", f"{text}\n")
    finished = {
        name: [result for result in group if result.finished] for name, group in groups.items()
    }
    finished = {name: group for name, group in finished.items() if group}
    if finished:
        first = {name: group[0] for name, group in finished.items()}
        with writing(folder / "plots"):
            save_comparison_plots(
                {name: [row for r in group for row in r.rows] for name, group in finished.items()},
                {name: result.arrays for name, result in first.items()},
                {name: result.arrays["final_means"] for name, result in first.items()},
                next(iter(first.values())).class_names,
                folder / "plots",
            )
    return "\n\n".join((shown, *notes))


def _heading(results: Sequence[Result]) -> str:
    config = results[0].config
    seeds = sorted({result.config.seeds[0] for result in results})
    kind = f"{config.backbone} " if config.takes_images else ""
    return (
        f"# {config.dataset}: {kind}{'-'.join(map(str, config.widths))}, {config.epochs} epochs\n\n"
        f"Mean ± standard deviation over seeds {', '.join(map(str, seeds))}, after the last epoch; "
        f"metrics of the training set but for the {held_out(config)}. A ReLU makes many values 0, "
        "a peak of no width that raises the GMM score: compare the peak distances. Last column: "
        f"the first of the measured epochs (every {config.evaluate_every}) with a training "
        f"accuracy of {LEARNED:.1%}."
    )


def _table(groups: Groups) -> str:
    ends = {name: [r.rows[-1] for r in group if r.finished] for name, group in groups.items()}
    columns = with_validation(_COLUMNS, [row for last in ends.values() for row in last])
    rows = []
    for name, last in ends.items():
        values = [mean_and_deviation([row[column] for row in last]) for column in columns]
        rows.append([name, *values, _learned(groups[name])])
    return table(["architecture", *headings(columns), f"epochs to {LEARNED:.1%}"], rows)


def _learned(group: Sequence[Result]) -> str:
    epochs = [epochs_until(r.rows, "train_accuracy", LEARNED) for r in group if r.finished]
    reached = [epoch for epoch in epochs if epoch is not None]
    if not reached:
        return "not reached"
    note = "" if len(reached) == len(epochs) else f" ({len(reached)} of {len(epochs)})"
    return mean_and_deviation(reached) + note


def _differences(groups: Groups) -> list[str]:
    """Return by how much the test accuracy of the first architecture exceeds each other's."""
    (first, own), *others = groups.items()
    accuracy = {r.config.seeds[0]: r.rows[-1]["test_accuracy"] for r in own if r.finished}
    lines = []
    for name, group in others:
        gains = [
            100 * (accuracy[result.config.seeds[0]] - result.rows[-1]["test_accuracy"])
            for result in group
            if result.finished and result.config.seeds[0] in accuracy
        ]
        if gains:
            lines.append(
                f"- over {name}: {mean_and_deviation(gains, '+')} percentage points "
                f"(from {min(gains):+.2f} to {max(gains):+.2f}; {len(gains)} seeds)"
            )
    if not lines:
        return []
    head = f"Test accuracy of {first} minus that of another with the same seed:"
    return [f"{head}\n\n" + "\n".join(lines)]


def _troubles(results: Sequence[Result]) -> list[str]:
    lines = [
        f"- {result.config.architecture}, seed {result.config.seeds[0]}: {result.message}"
        for result in results
        if not result.finished
    ]
    return ["Left out:\n\n" + "\n".join(lines)] if lines else []
