"""The table `metrics.csv`: from rows to text and back."""

import csv
import io
from pathlib import Path

from lpc_scratch.errors import RunFolderError, one_line
from lpc_scratch.training.result import COLUMNS, KEYS, Row, with_all_columns


def read_metrics(path: Path) -> list[Row]:
    """Read `metrics.csv` back as the rows that were written.

    A last line without its end, the trace of a crash, is left out. Measurements that version 0.1.0
    did not take are nan.

    Raises
    ------
    RunFolderError
        If the file is missing or not such a table.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return [
            with_all_columns(
                {
                    name: int(row[name]) if name in KEYS else float(row[name])
                    for name in COLUMNS
                    if name in row
                }
            )
            for row in csv.DictReader(text[: text.rfind("\n") + 1].splitlines())
        ]
    except (OSError, KeyError, TypeError, ValueError, OverflowError, csv.Error) as error:
        raise RunFolderError(f"{path} is missing or damaged ({one_line(error)})") from error


def format_metrics(rows: list[Row]) -> str:
    """Return rows as lines of the table, after a line of column names."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
