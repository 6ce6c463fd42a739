"""Tables and texts on disk, in UTF-8 whatever the locale."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
