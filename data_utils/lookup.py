"""Find the files of a downloadable data set on this machine, or have them downloaded."""

import os
from collections.abc import Iterator
from pathlib import Path

from data_utils.download import download
from data_utils.errors import DatasetError
from data_utils.source import Archive, Source, SourceFile
from data_utils.sources import SOURCES

ENVIRONMENT_VARIABLE = "LPC_DATA_DIR"
WELL_KNOWN = (Path("/usr/share/datasets"),)  # Debian's dataset-* packages


def existing_folder(path: str | Path, given_by: str) -> Path:
    """Return the folder that the user named by a setting, `expanded`, or raise DatasetError."""
    folder = expanded(path)
    if not folder.is_dir():
        raise DatasetError(
            f"{given_by} names '{folder}', which is no existing folder: "
            "create it, or name the folder that holds the data"
        )
    return folder


def expanded(path: str | Path) -> Path:
    """Return a path with ``~`` or ``~user`` replaced by the home folder.

    Raises DatasetError if there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise DatasetError(f"'{path}' begins with a user that is not known here") from error


def find_files(
    name: str, data_dir: Path | None, progress: bool, may_download: bool = True
) -> tuple[Path, ...]:
    """Return the paths of the `Source.files` of a data set, or that of its archive, not verified.

    All files are in one folder. Looks in `data_dir`, ``$LPC_DATA_DIR``, the download cache and the
    well-known places, in this order, and if none holds them all, downloads into the cache if it
    may. Raises DatasetError if ``$LPC_DATA_DIR`` names no existing folder, if the files are neither
    found nor downloaded, or if what is found is a version that is not read.
    """
    import pooch  # not above: what needs no files does not wait for it and for requests

    source = SOURCES[name]
    cache = Path(pooch.os_cache("lpc_scratch"))
    searched: dict[str, None] = {}
    pickled = None
    for place in _places(data_dir, cache):
        searched[str(place)] = None
        # The folders that may hold the data set, the most specific first.
        for folder in (place / name, *(place / inner for inner in source.folders), place):
            files, missing = _files_in(folder, source)
            if not missing:
                return files
            if files:
                searched[f"{folder} (which lacks {', '.join(missing)})"] = None
            if source.archive:
                if os.path.isfile(archive := folder / source.archive.name):
                    return (archive,)
                others = (folder / other for other in source.archive.pickled)
                pickled = pickled or next(filter(os.path.isfile, others), None)
    if source.archive and pickled:
        raise _pickled(pickled, name, source.archive)
    absent = f"{name} is not in {', '.join(searched)} (looked for: {_names(source)})"
    if not may_download:
        raise DatasetError(absent)
    try:
        return download(name, cache / name, progress)
    except DatasetError as error:
        whole = f"{source.archive.name} or its files" if source.archive else "the four files"
        raise DatasetError(
            f"{absent}, and {error}: put {whole} into one folder and name that folder by "
            f"--data-dir or ${ENVIRONMENT_VARIABLE}"
        ) from error


def refuse_known(path: Path) -> None:
    """Raise DatasetError for what is no data set of one's own, but a known one's files.

    A folder of official files is told by their names, a version that is not read by its own.
    """
    held = [name for name, source in SOURCES.items() if not _files_in(path, source)[1]]
    if held:
        raise DatasetError(
            f"'{path}' holds the official files of {' or '.join(held)}: name it by --data-dir, "
            f"with --dataset {held[0]}"
        )
    for name, source in SOURCES.items():
        if archive := source.archive:
            refused = {other.partition("/")[0] for other in archive.pickled if name in other}
            if path.exists() and path.resolve().name in refused:
                raise _pickled(path, name, archive)


def _pickled(path: Path, name: str, archive: Archive) -> DatasetError:
    """Return what is said of a file or a folder of the version of a data set that is not read."""
    source = SOURCES[name]
    return DatasetError(
        f"'{path}' is of the python version of {name}, pickles that can run code and are never "
        f"read: supply the binary version, {source.mirrors[0]}{archive.name}, or its folder "
        f"{source.folders[0]}, in a folder named by --data-dir with --dataset {name}"
    )


def _names(source: Source) -> str:
    """Return the names that the files of a data set may have, in words."""
    names = ", ".join(file.known_as for file in source.files)
    if source.archive:
        return f"{names}, or {source.archive.name}"
    return f"{names}, each with or without .gz, itself or in a folder of such a name"


def _places(data_dir: Path | None, cache: Path) -> Iterator[Path]:
    """Yield where to look, in order; a variable that is not needed is not checked."""
    if data_dir is not None:
        yield data_dir
    if from_environment := os.environ.get(ENVIRONMENT_VARIABLE):
        yield existing_folder(from_environment, f"${ENVIRONMENT_VARIABLE}")
    yield cache
    yield from WELL_KNOWN


def _files_in(folder: Path, source: Source) -> tuple[tuple[Path, ...], list[str]]:
    """Return those of the files of a data set that `folder` holds, and the names of the others."""
    found, missing = [], []
    for file in source.files:
        # os.path.isfile answers False where Path.is_file raises: a folder that may not be read.
        path = next(filter(os.path.isfile, _candidates(folder, file)), None)
        if path is None:
            missing.append(file.name)
        else:
            found.append(path)
    return tuple(found), missing


def _candidates(folder: Path, file: SourceFile) -> Iterator[Path]:
    """Yield where copies of a data set keep a file: itself, or in a folder of such a name."""
    names = (f"{file.name}.gz", f"{file.dotted}.gz", file.name, file.dotted)
    for outer in (".", *names):
        for inner in names:
            yield folder / outer / inner
