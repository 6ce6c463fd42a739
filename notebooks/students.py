"""python -m notebooks.students: the notebooks without their solutions, into exercises/.

Exercises follow the conventions of nbgrader (https://nbgrader.readthedocs.io): a cell for the
solution, with what is to be removed between BEGIN SOLUTION and END SOLUTION, and a cell of tests. A
cell with the tag `prediction` has no tests: no prediction is wrong, and a notebook without one runs
on (`lpc_scratch.course.predictions`).
"""

import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    ClearSolutions,
    LockCells,
)

from lpc_scratch.files.atomic import write_atomically
from notebooks import COURSE, FOLDER, CourseError, notebook_path, run_command
from notebooks.reading import read

EXERCISES = FOLDER / "exercises"
"""Where the student versions are."""
PREDICTION = "prediction"  # tag of cells in which a reader predicts a measurement


def student_version(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of a notebook without solutions and outputs; tests and texts are kept.

    Raises
    ------
    CourseError
        If an exercise has nothing to remove, or no tests and is no prediction.
    """
    graded = {
        cell.metadata.nbgrader.grade_id: cell
        for cell in notebook.cells
        if "nbgrader" in cell.metadata
    }
    for grade_id, cell in graded.items():
        if not cell.metadata.nbgrader.solution:
            continue
        if "### BEGIN SOLUTION" not in cell.source:
            raise CourseError(
                f"the exercise {grade_id} has no line '### BEGIN SOLUTION'"
            )
        tested = PREDICTION not in cell.metadata.get("tags", ())
        if tested and f"{grade_id}-check" not in graded:
            raise CourseError(
                f"the exercise {grade_id} has no cell of tests, {grade_id}-check"
            )
    student = nbformat.from_dict(notebook)
    for preprocessor in (
        CheckCellMetadata(),
        LockCells(),
        ClearSolutions(),
        ClearOutput(),
    ):
        student, _ = preprocessor.preprocess(student, {})
    return student


def is_worked_on(path: Path) -> bool:
    """Return whether somebody has run a student version, and may have solved exercises in it."""
    return path.is_file() and any(cell.get("outputs") for cell in read(path).cells)


def main(check: bool = False, overwrite: bool = False) -> int:
    """Write the student version of every notebook.

    Parameters
    ----------
    check : bool
        Write nothing: only say whether exercises/ is what the notebooks give.
    overwrite : bool
        Also replace student versions that hold outputs, and so somebody's work.

    Returns
    -------
    int
        0, or 1 if a check finds a difference.
    """
    differing = []
    if not check:
        EXERCISES.mkdir(exist_ok=True)
        worked_on = [n for n in COURSE if is_worked_on(EXERCISES / f"{n}.ipynb")]
        if worked_on and not overwrite:
            raise CourseError(
                f"somebody has worked on {', '.join(worked_on)} in {_relative(EXERCISES)}: move "
                "them away, or replace them with --overwrite"
            )
    for name in COURSE:
        text = nbformat.writes(student_version(read(notebook_path(name)))) + "\n"
        path = EXERCISES / f"{name}.ipynb"
        if not check:
            write_atomically(path, text.encode())
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            differing.append(_relative(path))
    if differing:
        print(f"not what the notebooks give: {', '.join(differing)}", file=sys.stderr)
        print("write them with python -m notebooks.students", file=sys.stderr)
        return 1
    print(f"{len(COURSE)} notebooks in {_relative(EXERCISES)}")
    return 0


def _relative(path: Path) -> str:
    return path.relative_to(FOLDER.parent).as_posix()


if __name__ == "__main__":
    sys.exit(run_command(main, "python -m notebooks.students"))
