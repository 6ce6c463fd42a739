"""The errors that a person can mend: each message is one sentence that says how."""

_LONGEST = 400  # characters; some libraries quote the whole file that they cannot read


class LPCError(Exception):
    """Base of the package's own errors; `exit_code` is what a command ends with."""

    exit_code = 2


def one_line(error: Exception) -> str:
    """Return the text of a library's error as one line, to be part of a sentence."""
    line = " ".join(str(error).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


class SweepError(LPCError, RuntimeError):
    """An experiment that cannot be run to its end."""


class ConfigError(LPCError):
    """A setting that is unknown, of the wrong type or out of range.

    Not a ValueError: tyro would take that for one of its own, and wrap the sentence in a box.
    """


class DeviceError(LPCError, RuntimeError):
    """A device that was asked for and cannot be used."""


class RunFolderError(LPCError, RuntimeError):
    """A run folder that cannot be written, resumed or read."""


class MemoryLimitError(LPCError, MemoryError):
    """A configuration that needs more memory than there is."""


class DivergenceError(LPCError, FloatingPointError):
    """A loss that is no longer a finite number."""

    exit_code = 3


class LPCWarning(UserWarning):
    """Base of the package's own warnings, which commands always show."""


class TrivialCollapseWarning(LPCWarning):
    """All classes have collapsed to one point, so that the network can only guess."""


class GrowingGammaWarning(LPCWarning):
    """A gamma that grows beyond what the classifier's learning rates can bear."""


class NoKernelWarning(LPCWarning):
    """A device that computes something without a kernel of its own, and so more slowly."""


class UncheckedDataWarning(LPCWarning):
    """Data that cannot be told from those that a run was trained on."""
