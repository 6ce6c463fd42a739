"""The course: ten notebooks, and commands that run them, derive exercises and build pages."""

from collections.abc import Callable
from pathlib import Path

import tyro

from lpc_scratch.commands.command_line import run
from lpc_scratch.errors import LPCError

FOLDER = Path(__file__).resolve().parent
"""Where the notebooks are."""

COURSE = (
    "01_backprop_by_hand",
    "02_push_and_pull",
    "03_watch_collapse",
    "04_binary_codes",
    "05_neural_collapse",
    "06_phase_transition",
    "07_does_it_help",
    "08_cpu_and_gpu",
    "09_why_two_values",
    "10_convolution_by_hand",
)
"""Names of the notebooks, in the order of the course."""


class CourseError(LPCError):
    """A notebook that is missing or damaged, or a tool that is not there."""


def notebook_path(name: str) -> Path:
    """Return the file of a notebook of the course.

    Raises
    ------
    CourseError
        If the course has no such notebook, or its file is missing.
    """
    if name not in COURSE:
        raise CourseError(
            f"there is no notebook {name!r}: choose from {', '.join(COURSE)}"
        )
    path = FOLDER / f"{name}.ipynb"
    if not path.is_file():
        raise CourseError(f"{path} is missing: take it from the repository again")
    return path


def run_command(main: Callable[..., int], name: str) -> int:
    """Run a command on the program's arguments and return its exit code; see `command_line.run`."""
    config = (tyro.conf.FlagCreatePairsOff,)
    return run(
        lambda arguments: tyro.cli(main, prog=name, args=arguments, config=config), None
    )
