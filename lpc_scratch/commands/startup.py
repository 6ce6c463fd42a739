"""What a command does before its imports, which take seconds.

`lpc_scratch/__init__.py` calls `prepare` where Python is about to run a command, and
`command_line.run` calls `end_startup`.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import chdir, suppress

_prepared: list[float] = []
INTERRUPTED = "interrupted: what was saved before is kept"


def quieten_blas() -> None:
    """Let the threads of BLAS that wait for work sleep soon; it acts before NumPy is imported.

    OpenBLAS's spin for 2^26 cycles by default, on the cores that the rest of a step needs. No
    result depends on it.
    """
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "18")


def prepare() -> None:
    """Let an interrupt end the program with one line, and nothing of the user's break matplotlib.

    What a matplotlibrc or MPLBACKEND says can make the import of matplotlib fail.
    """
    _prepared.append(time.perf_counter())
    quieten_blas()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
        signal.signal(signal.SIGINT, _end)
    os.environ["MATPLOTLIBRC"] = os.devnull
    os.environ.pop("MPLBACKEND", None)
    if not draws(sys.orig_argv):
        return
    # A matplotlibrc in the working directory comes before that of the environment.
    with suppress(OSError), chdir(os.path.dirname(__file__)):
        import matplotlib  # noqa: F401


def draws(arguments: Sequence[str]) -> bool:
    """Return whether a command may draw: help does not wait for matplotlib, half a second."""
    return not {"-h", "--help"} & set(arguments)


def began() -> float:
    """Return the `time.perf_counter` at which the command began, its imports included.

    It is now where no command is run but its `main` is called.
    """
    return _prepared[0] if _prepared else time.perf_counter()


def end_startup() -> None:
    """Let an interrupt raise KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(*_: object) -> None:
    # Not by an exception: extension modules turn one that meets their imports into an ImportError.
    with suppress(OSError):
        os.write(2, f"{INTERRUPTED}\n".encode())
    os._exit(130)
