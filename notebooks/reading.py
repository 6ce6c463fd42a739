"""Read a notebook from a file."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from lpc_scratch.errors import one_line
from notebooks import CourseError


def read(path: Path) -> NotebookNode:
    """Return the notebook of a file; raise CourseError if it is none."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        return notebook
    # what is no file, no JSON, JSON of another kind, and no notebook
    except (OSError, ValueError, AttributeError, nbformat.ValidationError) as error:
        raise CourseError(f"{path} is no notebook: {one_line(error)}") from error
