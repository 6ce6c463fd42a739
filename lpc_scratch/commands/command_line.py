"""What all commands share: settings from flags and files, any console, and errors as one line."""

import codecs
import io
import os
import sys
import warnings
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import tyro
from tqdm import tqdm

from data_utils import DatasetError
from lpc_scratch.commands.startup import INTERRUPTED, draws, end_startup
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import LPCError, LPCWarning
from lpc_scratch.runs import layout
from lpc_scratch.runs.config_file import load_config

READABLY = "lpc_scratch.readably"
"""Name of the error handler that prints in ASCII what a console cannot show."""
_SPELLED = {"–": "-", "±": "+-", "…": "..."}  # what the commands themselves print beyond ASCII

Command = TypeVar("Command", bound=TrainConfig)


def parse(cls: type[Command], arguments: Sequence[str], prog: str) -> Command:
    """Return the settings of a command: its defaults, then --config's file, then the flags.

    With --resume or --redraw, the configuration in the folder of --output stands in for --config's
    file.
    tyro ends the program with exit code 2 and a message for unknown flags and bad values, and
    with 0 after --help.

    Raises
    ------
    ConfigError
        If the file cannot be read or holds an unknown key or a bad value.
    """
    early = ArgumentParser(prog=prog, add_help=False, allow_abbrev=False)
    early.add_argument("--config", type=Path, nargs="?")  # tyro complains of a missing value
    early.add_argument("--output", type=Path, nargs="?")
    for flag in ("--resume", "--redraw"):
        early.add_argument(flag, dest="again", action="store_true")
    known, _ = early.parse_known_args(list(arguments))
    file = known.config
    if file is None and known.again and known.output:
        stored = known.output / layout.CONFIG
        file = stored if stored.exists() else None
    return tyro.cli(
        cls,
        prog=prog,
        args=list(arguments),
        default=load_config(file, cls) if file else cls(),
        config=(tyro.conf.FlagCreatePairsOff,),
    )


def train_config(command: TrainConfig) -> TrainConfig:
    """Return the settings of training of a command, without those of the command itself."""
    return TrainConfig(**{f.name: getattr(command, f.name) for f in fields(TrainConfig)})


def new_folder(name: str) -> Path:
    """Return a folder in `runs` that does not exist yet, named with the time."""
    stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    candidates = (
        Path("runs", f"{stem}{suffix}") for suffix in ("", *(f"-{n}" for n in range(2, 100)))
    )
    return next(path for path in candidates if not path.exists())


def run(command: Callable[[Sequence[str]], int | None], arguments: Sequence[str] | None) -> int:
    """Run a command on its arguments (the program's by default) and return its exit code.

    The command's own where it ends by itself, 0 for None; 2 for what the user can mend and 3 for a
    diverged training, each with one sentence on standard error; 130 after an interrupt.

    What a console cannot show is printed in ASCII, and figures have matplotlib's defaults, whatever
    the user has set for others.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=READABLY)
    given = sys.argv[1:] if arguments is None else arguments
    try:
        end_startup()
        with _default_look() if draws(given) else nullcontext(), warnings.catch_warnings():
            warnings.showwarning = _show_warning
            warnings.simplefilter("always", LPCWarning)
            return command(given) or 0
    except (LPCError, DatasetError) as error:
        print(f"error: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 2)
    except MemoryError as error:
        print(
            f"error: this configuration needs more memory than there is: {error}", file=sys.stderr
        )
        return 2
    except BrokenPipeError:  # standard output was closed, as by `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        return 130


def _default_look() -> AbstractContextManager[None]:
    from matplotlib import rc_context, rcParamsDefault

    looks: Any = {name: value for name, value in rcParamsDefault.items() if name != "backend"}
    return rc_context(looks)  # with the backend it would import pyplot, which no figure needs


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Return ASCII for what an encoding lacks, and where to go on; an error handler of `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    spelled = "".join(_SPELLED.get(letter, letter) for letter in lacking)
    return spelled.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(READABLY, _spell)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning as one line, above a progress bar."""
    tqdm.write(f"warning: {message}", file=sys.stderr)
