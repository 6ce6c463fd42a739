"""`load_dataset`: from a name or a path to a data set."""

import difflib
import os
from pathlib import Path

from data_utils.arrays import load_arrays
from data_utils.dataset import Dataset
from data_utils.digits import load_digits
from data_utils.errors import DatasetError
from data_utils.images import load_images
from data_utils.lookup import existing_folder, expanded, refuse_known
from data_utils.sources import SOURCES
from data_utils.synthetic import make_gaussians

DATASETS: tuple[str, ...] = ("digits", *SOURCES, "gaussians")


def load_dataset(
    name: str,
    data_dir: str | Path | None = None,
    *,
    classes: int = 4,
    dims: int = 20,
    seed: int = 0,
    progress: bool = True,
    download: bool = True,
) -> Dataset:
    """Load a data set by name, or the user's own arrays by path.

    Parameters
    ----------
    name : str
        One of `DATASETS`, or the path of an ``.npz`` file or of a folder of ``.npy`` files with
        ``x_train``, ``y_train``, ``x_test``, ``y_test`` and optionally ``class_names``.
    data_dir : str, Path or None
        Where to look first for the files of ``mnist``, ``cifar-10`` and the others that are
        downloaded. Next come ``$LPC_DATA_DIR``, the download cache, ``/usr/share/datasets`` and
        the mirrors.
    classes, dims : int
        Number of clusters and of features of ``gaussians``.
    seed : int
        Decides the split of ``digits`` and the samples of ``gaussians``; 0 to 2**32 - 1.
    progress : bool
        Whether a download shows its progress.
    download : bool
        Whether files that are not on this machine are downloaded.

    Returns
    -------
    Dataset
        Verified arrays: ``x_train`` (N, I) and ``x_test`` (M, I) as stored, ``y_train`` (N,) and
        ``y_test`` (M,) in int64.

    Raises
    ------
    DatasetError
        If the name is unknown, a setting out of range, or the data missing, damaged or unusable.
        The message is one sentence that names the value and the way out.

    Examples
    --------
    >>> digits = load_dataset("digits")
    >>> digits.x_train.shape, digits.x_train.dtype, digits.num_classes
    ((1437, 64), dtype('uint8'), 10)
    """
    # Checked for every set, also for those that need no files: it may be mistyped.
    folder = None if data_dir is None else existing_folder(data_dir, "data_dir")
    if not 0 <= seed < 2**32:
        raise DatasetError(f"seed is {seed}: it must be from 0 to {2**32 - 1}")
    if name == "digits":
        return load_digits(seed)
    if name == "gaussians":
        return make_gaussians(classes, dims, seed)
    if name in SOURCES:
        return load_images(name, folder, progress, download)
    if _is_path(name):
        path = expanded(name)
        try:
            return load_arrays(path)
        except DatasetError:
            refuse_known(path)
            raise
    close = difflib.get_close_matches(name.lower(), DATASETS, n=1)
    raise DatasetError(
        f"unknown data set '{name}'"
        + (f", did you mean '{close[0]}'" if close else "")
        + f": the known ones are {', '.join(DATASETS)}, "
        "and the path of an .npz file or of a folder of .npy files works too"
    )


def _is_path(name: str) -> bool:
    separators = (os.sep, os.altsep or os.sep)
    return (
        name.endswith(".npz")
        or any(separator in name for separator in separators)
        or (name != "" and Path(name).exists())
    )
