"""The image sets that are downloaded, wherever their files are: MNIST and its kin, and CIFAR."""

import hashlib
from pathlib import Path

import numpy as np

from data_utils.dataset import Dataset
from data_utils.errors import DatasetError
from data_utils.files import REMEDY, is_packed, read_archive, read_content, read_file
from data_utils.lookup import find_files
from data_utils.source import SourceFile
from data_utils.sources import SOURCES


def load_images(name: str, data_dir: Path | None, progress: bool, download: bool = True) -> Dataset:
    """Load an image set, wherever its files are, and verify its content.

    Pixels are uint8, which a network scales to [-1, 1]. Arguments are those of `find_files`. Raises
    DatasetError if the files are not found, or one is damaged or not the known content.
    """
    source = SOURCES[name]
    paths = find_files(name, data_dir, progress, download)
    if source.archive and paths[0].name == source.archive.name:
        names = [file.name for file in source.files]
        contents = read_archive(paths[0], names)
        paths = tuple(paths[0] / inner for inner in names)
    else:
        contents = [read_content(path) for path in paths]
    x_train, y_train, x_test, y_test = source.parse(contents, paths)
    # Last, because an unknown hash is the least specific thing to say about a damaged file.
    for path, content, file in zip(paths, contents, source.files, strict=True):
        _check_hash(path, content, file, name)
    return Dataset(
        name=name,
        x_train=x_train.reshape(len(x_train), -1),
        y_train=y_train.astype(np.int64),
        x_test=x_test.reshape(len(x_test), -1),
        y_test=y_test.astype(np.int64),
        scale=2 / 255,
        shift=-1.0,
        class_names=source.class_names,
        image_shape=x_train.shape[1:],
    )


def _check_hash(path: Path, content: bytes, file: SourceFile, name: str) -> None:
    if file.content is not None:
        found, expected = hashlib.sha256(content).hexdigest(), file.content
    elif is_packed(packed := read_file(path)):
        found, expected = hashlib.sha256(packed).hexdigest(), file.packed
    else:
        raise DatasetError(
            f"'{path}' is not compressed, and {name} is known only by the hashes of its "
            f"compressed files: supply {file.name}.gz as it is published"
        )
    if found == expected:
        return
    for other, source in SOURCES.items():
        known = {value for entry in source.files for value in (entry.content, entry.packed)}
        if other != name and found in known:
            raise DatasetError(
                f"'{path}' is not the known content of {name} but a file of {other}: "
                f"supply {name} in a folder of its own"
            )
    raise DatasetError(
        f"'{path}' is not the known content of {name} "
        f"(its SHA-256 is {found[:12]}…, not {expected[:12]}…): {REMEDY}"
    )
