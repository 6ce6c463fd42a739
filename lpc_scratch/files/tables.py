"""Tables and texts on disk, in UTF-8 whatever the locale."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lpc_scratch.errors import RunFolderError, one_line
from lpc_scratch.files.atomic import write_atomically, writing


def write_csv(path: Path, table: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write rows of one form as CSV, atomically; `columns` names their keys where there are none.

    Raises
    ------
    RunFolderError
        If the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns or table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    write_text(path, text.getvalue())


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table with a header, as text.

    Raises
    ------
    RunFolderError
        If the file is missing or not such a table.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    except (OSError, ValueError, csv.Error) as error:
        raise RunFolderError(f"{path} is missing or damaged ({one_line(error)})") from error
    if any(None in row or None in row.values() for row in rows):
        raise RunFolderError(f"{path} is damaged (a row is longer or shorter than the header)")
    return rows


def write_text(path: Path, text: str) -> None:
    """Write a text file, atomically.

    Raises
    ------
    RunFolderError
        If it cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A folder's name that is no text is written with escapes, so that the file is UTF-8.
        write_atomically(path, text.encode(errors="backslashreplace"))
