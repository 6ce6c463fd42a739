"""Latent point collapse from scratch: hand-written backpropagation in NumPy and CuPy."""

import sys
from typing import TYPE_CHECKING

from lpc_scratch.version import __version__

# `python -m lpc_scratch.train` imports this package first, while it looks for the module and has
# "-m" in place of its file.
if sys.argv[:1] == ["-m"] and "lpc_scratch." in sys.orig_argv[-len(sys.argv)]:
    from lpc_scratch.commands.startup import prepare

    prepare()

__all__ = ["__version__", "load_run"]

if TYPE_CHECKING:
    from lpc_scratch.runs.load import load_run
else:

    def __getattr__(name):
        """Import `load_run` when it is asked for: with it come NumPy and the whole package."""
        if name == "load_run":
            from lpc_scratch.runs.load import load_run

            return load_run
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
