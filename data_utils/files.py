"""Read the files of a data set: compressed or not, alone or together in an archive."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from data_utils.errors import DatasetError, one_line

GZIP = b"\x1f\x8b"  # how a gzip file begins; no file of these data sets does, once unpacked
LARGEST = 2**28  # bytes; the largest archive has 185 MB, a bomb of a few kB has many GB
REMEDY = "delete it and run again, or supply an intact copy"


def read_file(path: Path) -> bytes:
    """Read a file as it is, or raise DatasetError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"'{path}' cannot be read ({error.strerror}): make it readable, or supply another copy"
        ) from error


def is_packed(content: bytes) -> bool:
    """Tell a gzip file by its first bytes: copies keep ``.gz`` in names of unpacked files."""
    return content.startswith(GZIP)


def read_content(path: Path) -> bytes:
    """Read a file, decompressing it if it is a gzip file, whatever its name says.

    Raises DatasetError if it cannot be read, or is an incomplete or damaged gzip file.
    """
    content = read_file(path)
    if not is_packed(content):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            content = file.read(LARGEST + 1)
    except EOFError as error:
        raise DatasetError(f"'{path}' is a truncated gzip file: {REMEDY}") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(f"'{path}' is not a valid gzip file ({error}): {REMEDY}") from error
    if len(content) > LARGEST:
        raise DatasetError(f"'{path}' unpacks to more than {LARGEST} bytes: {REMEDY}")
    return content


def read_archive(path: Path, names: Sequence[str]) -> list[bytes]:
    """Return the content of files of a ``.tar.gz``, by name, wherever in it they are.

    Nothing is written: names in an archive are compared, and never used as paths. Raises
    DatasetError if the archive is damaged or lacks a file.
    """
    content = read_content(path)
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                # a sparse member can claim to be larger than what holds it
                if name in names and member.isreg() and member.size <= len(content):
                    file = archive.extractfile(member)
                    found[name] = file.read() if file else b""
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise DatasetError(f"'{path}' is no valid archive ({one_line(error)}): {REMEDY}") from error
    if missing := [name for name in names if name not in found]:
        raise DatasetError(f"'{path}' lacks {', '.join(missing)}: {REMEDY}")
    return [found[name] for name in names]
