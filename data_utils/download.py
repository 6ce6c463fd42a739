"""Download the files of a data set from its mirrors, verified by hash."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from data_utils.errors import DatasetError
from data_utils.sources import SOURCES

TIMEOUT = (5.0, 20.0)  # seconds to connect, and to wait for the next bytes


def download(name: str, folder: Path, progress: bool) -> tuple[Path, ...]:
    """Download the files of a data set, or the archive that holds them, into a folder.

    The first mirror that fails is left at once for the next, so that a machine without a network
    hears of it soon. Files that arrived intact are kept.

    Returns the paths of what is `Source.served`, in its order. Raises DatasetError if the folder
    cannot be created, or no mirror delivered all of it; the message says how each one failed.
    """
    import pooch

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(
            f"downloading failed because {folder} cannot be created ({error.strerror})"
        ) from error
    source = SOURCES[name]
    failures = []
    for mirror in source.mirrors:
        try:
            with _quiet_pooch():
                return tuple(
                    Path(
                        pooch.retrieve(
                            mirror + file,
                            known_hash=known,
                            fname=file,
                            path=folder,
                            downloader=pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT),
                        )
                    )
                    for file, known in source.served.items()
                )
        except (OSError, ValueError) as error:  # no connection or disk; another content
            failures.append((mirror, error))
    raise DatasetError(
        f"downloading into {folder} failed ("
        + ", ".join(f"{urlsplit(mirror).netloc}: {_reason(error)}" for mirror, error in failures)
        + ")"
    ) from failures[-1][1]


def _reason(error: Exception) -> str:
    """Say in a few words why a mirror failed: the full text of a network error is a paragraph."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP status {response.status_code}"
    if type(error) is ValueError:  # how pooch reports a hash that differs
        return "content with an unknown hash"
    return getattr(error, "strerror", None) or type(error).__name__


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Silence pooch's announcement of each download: a progress bar says the same."""
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
