"""The one error that bad data raises."""

LONGEST = 400  # characters; some libraries quote the whole file that they cannot read


class DatasetError(ValueError):
    """A data set that cannot be used.

    The message is one sentence that names the offending value and the way out, so a command
    line can show it as it is.
    """


def one_line(foreign: object) -> str:
    """Return the text of what others wrote as one line, not too long to be part of a sentence."""
    line = " ".join(str(foreign).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
