"""The one error that bad data raises."""


class DatasetError(ValueError):
    """A data set that cannot be used.

    The message is one sentence that names the offending value and the way out, so a command
    line can show it as it is.
    """
