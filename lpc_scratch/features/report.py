"""What has been measured of features, as tables: rows for CSV, Markdown for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lpc_scratch.files.markdown import exact, table
from lpc_scratch.metrics.definitions import DEFINITIONS
from lpc_scratch.metrics.features import Measured
from lpc_scratch.metrics.perclass import ClassRow, FarSample, PairRow

Found = Mapping[tuple[str, str], Measured]
"""By layer and split, in the order in which they are shown."""

COLUMNS = ("layer", "split", "metric", "value", "unit", "range", "collapsed")
SHORT = (
    *("nc1", "cdnv", "etf_distance", "nc3", "nc4", "nearest_mean_accuracy", "same_code"),
    *("kurtosis", "peak_distance"),
)
"""The numbers that a terminal shows."""
SHOWN = 20
"""Rows of the tables of classes and samples in the report; their files have all."""


def tidy_rows(found: Found) -> list[dict[str, Any]]:
    """Return a row for each layer, split and number, with its unit and range, for CSV."""
    return [
        dict(
            zip(
                COLUMNS,
                (layer, split, d.name, measured.values[d.name], d.unit, d.range, d.collapsed),
                strict=True,
            )
        )
        for (layer, split), measured in found.items()
        for d in DEFINITIONS
    ]


def short_table(found: Found) -> str:
    """Return a table with a line for each layer and split, of what is asked for most often."""
    labels = {d.name: d.label for d in DEFINITIONS}
    rows = [
        [layer, split, *(_text(measured.values[name]) for name in SHORT)]
        for (layer, split), measured in found.items()
    ]
    return table(["layer", "split", *(labels[name] for name in SHORT)], rows)


def write_report(
    name: str,
    found: Found,
    classes: Sequence[ClassRow],
    samples: Sequence[FarSample],
    pairs: Sequence[PairRow],
    class_names: Sequence[str] = (),
) -> str:
    """Return the whole report in Markdown; the tables of classes are those of the last layer."""
    last = list(found)[-1][0]
    heads = [f"{layer}, {split}" for layer, split in found]
    numbers = [
        [d.label, *(_text(m.values[d.name]) for m in found.values()), d.unit, d.range, d.collapsed]
        for d in DEFINITIONS
    ]
    notes = [
        f"- {layer}, {split}: {note}."
        for (layer, split), measured in found.items()
        for note in measured.notes
    ]
    parts = [
        f"# Collapse of {name}",
        "A dash is a number that is not defined. NC3 and NC0 need the classifier, NC4 and the "
        "accuracy need it or logits, and NC5 needs features of unknown inputs.",
        table(["", *heads, "unit", "range", "collapsed"], numbers),
        "\n".join(notes),
        f"## Classes of {last}, the least collapsed first",
        _records(classes[:SHOWN], class_names, ("label", "nearest")),
        "`margin` is the distance to the nearest class mean in 2 standard deviations of the class, "
        "`off_code` the share of its samples without exactly the signs of its mean, `misplaced` "
        "that nearer to the mean of another class.",
        f"## Samples of {last} farthest from the point of their class",
        _records(samples[:SHOWN], class_names, ("label", "nearest")),
        "`row` is the position among the training samples, from 0, and `distance` is in standard "
        "deviations of the class. Where `nearest` is another class than `label`, the label may be "
        "wrong.",
        f"## Pairs of classes of {last}, the closest first" if pairs else "",
        _records(pairs[:SHOWN], class_names, ("first", "second")),
        "## Definitions",
        table(["", "what it is", "source"], [[d.label, d.formula, d.source] for d in DEFINITIONS]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _records(
    records: Sequence[ClassRow | FarSample | PairRow], names: Sequence[str], labels: Sequence[str]
) -> str:
    """Return a table of dataclasses, with names of classes in place of their labels."""
    if not records:
        return ""
    rows = [asdict(record) for record in records]
    for row in rows:
        row |= {key: names[row[key]] for key in labels if names and row[key] is not None}
    cells = [[_text(v) if isinstance(v, float) else v for v in row.values()] for row in rows]
    return table(list(rows[0]), cells)


def _text(value: float) -> str | None:
    """Return four digits; None for nan."""
    return None if value != value else exact(float(f"{value:.4g}"))
