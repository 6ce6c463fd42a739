"""Files that a crash leaves as they were or as they were to be, and nothing in between."""

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lpc_scratch.errors import RunFolderError


@contextmanager
def writing(folder: Path, purpose: str = "") -> Iterator[None]:
    """Turn the operating system's refusal to write into a RunFolderError of one sentence."""
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"{folder} cannot be written{purpose} ({error}): make room or name another folder with "
            "--output"
        ) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file beside its place, force it to the disk, and rename it into place.

    Whatever happens on the way, a full disk or an interrupt, the old file stays as it was.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        _sync(path.parent)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def lock_file(path: Path, owner: object) -> bool:
    """Lock a file against other processes; return False if one of them has it.

    The lock ends with `owner`, or with the process. Where there are no such locks, nothing is
    locked.
    """
    if os.name != "posix":
        return True
    import fcntl

    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    weakref.finalize(owner, os.close, descriptor)  # which gives the lock back
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        pass
    return True


def _sync(folder: Path) -> None:
    """Force a rename to the disk, where the system can do that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network disks cannot
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
