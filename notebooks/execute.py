"""python -m notebooks.execute: run the notebooks from top to bottom, and keep their new outputs.

With ``LPC_FAST=1`` in the environment the trainings are short, and nothing is kept: then only an
error is wrong.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import tyro
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from lpc_scratch.course import is_fast
from lpc_scratch.files.atomic import write_atomically
from notebooks import COURSE, FOLDER, notebook_path, run_command
from notebooks.reading import read

LARGEST = 2_000_000
"""Bytes that a notebook with its outputs may have."""
CELL_TIMEOUT = 1800  # seconds; on MNIST a training takes minutes
WIDGET = "widget"  # tag of cells whose output only a running notebook can show


def execute(path: Path, keep: bool) -> list[str]:
    """Run a notebook in a new kernel, in its own folder, and return what is wrong with it.

    Parameters
    ----------
    path : Path
        The notebook.
    keep : bool
        Write it back with its new outputs, if nothing is wrong.

    Raises
    ------
    CourseError
        If the file is no notebook.
    """
    notebook = read(path)
    metadata = nbformat.from_dict(notebook.metadata)
    # JupyterLab keeps the state of widgets, and pages would fetch scripts
    metadata.pop("widgets", None)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        coalesce_streams=True,
        record_timing=False,  # or every run would differ from the last
        extra_arguments=["--log-level=ERROR"],  # the kernel's words on its sockets
        resources={"metadata": {"path": str(path.parent)}},
    )
    paths = filter(None, [str(FOLDER.parent), os.environ.get("PYTHONPATH")])
    # this checkout, whatever is installed
    here = {"PYTHONPATH": os.pathsep.join(paths)}
    try:
        client.execute(env=os.environ | here)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return [str(error)]
    notebook.metadata = metadata  # without the versions of this kernel
    for cell in notebook.cells:
        if WIDGET in cell.metadata.get("tags", ()):
            cell.outputs = []
    text = nbformat.writes(notebook) + "\n"
    # Short trainings are warned of, rightly, and what they write is not kept.
    problems = [] if is_fast() else [*_noise(notebook), *_paths(notebook)]
    size = len(text.encode())
    if size > LARGEST:
        problems.append(
            f"it has {size:,} bytes, more than {LARGEST:,}: show fewer pictures"
        )
    if keep and not problems:
        write_atomically(path, text.encode())
    return problems


def _noise(notebook: NotebookNode) -> Iterator[str]:
    """Yield what cells have written to stderr."""
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", ()):
            if output.output_type == "stream" and output.name == "stderr":
                yield f"cell {number} writes to stderr: {output.text.strip()[:300]}"


def _paths(notebook: NotebookNode) -> Iterator[str]:
    """Yield the places of this machine that outputs name."""
    text = "\n".join(_texts(notebook))
    folders = {
        FOLDER.parent,
        Path.home(),
        Path(sys.prefix),
        Path(tempfile.gettempdir()),
    }
    for folder in folders:
        if folder != folder.parent and str(folder) in text:  # HOME may be the root
            yield f"its outputs name the folder {folder}"


def _texts(notebook: NotebookNode) -> Iterator[str]:
    """Yield what can be read in outputs: no pictures, whose letters may spell anything."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            yield output.get("text", "")
            for kind, data in output.get("data", {}).items():
                if not kind.startswith("image/"):
                    yield re.sub(r"base64,[\w+/=]*", "", str(data))


def main(
    names: tyro.conf.Positional[tuple[str, ...]] = COURSE,
    /,
    check: bool = False,
) -> int:
    """Run notebooks of the course from top to bottom, and keep their new outputs.

    Parameters
    ----------
    names : tuple of str
        Which notebooks; all of them by default.
    check : bool
        Keep nothing: only say whether they run without an error. LPC_FAST=1 implies it.

    Returns
    -------
    int
        0 if nothing is wrong, 1 otherwise.
    """
    keep = not (check or is_fast())
    files = [notebook_path(name) for name in names]
    failed = 0
    for path in files:
        start = time.perf_counter()
        problems = execute(path, keep)
        seconds = time.perf_counter() - start
        print(
            f"{path.stem:24s} {seconds:6.1f} s  {'failed' if problems else 'ok'}",
            flush=True,
        )
        for problem in problems:
            print(problem, file=sys.stderr)
        failed += bool(problems)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(run_command(main, "python -m notebooks.execute"))
