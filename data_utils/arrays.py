"""The user's own arrays: from an ``.npz`` file or a folder of ``.npy`` files to a data set."""

import tokenize
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from data_utils.checks import check_features, check_labels, check_names
from data_utils.dataset import Dataset
from data_utils.errors import DatasetError, one_line
from data_utils.standardise import mean_and_deviation

KEYS = ("x_train", "y_train", "x_test", "y_test")
OPTIONAL_KEY = "class_names"
# What zipfile and numpy raise for damage of one kind or another.
UNREADABLE = (
    OSError,
    EOFError,
    MemoryError,  # a damaged header that asks for an absurd shape
    RuntimeError,  # an encrypted archive
    *(ValueError, TypeError, LookupError, AttributeError),  # a header that is another literal
    tokenize.TokenError,  # a header is a Python literal, which numpy parses as such
    zipfile.BadZipFile,
    zlib.error,
)


def load_arrays(path: Path) -> Dataset:
    """Load arrays that the user saved.

    `path` is an ``.npz`` file with the arrays ``x_train``, ``y_train``, ``x_test``, ``y_test`` and
    optionally ``class_names``, or a folder with one ``.npy`` file for each. Inputs are (N, I),
    (N, H, W) or (N, H, W, C); labels are (N,) integers in 0..K-1. A network scales inputs of uint8
    to [-1, 1], and standardises other numbers feature by feature with the training set's mean and
    standard deviation.

    Raises DatasetError if a file or an array is missing, damaged or not usable as a data set.
    """
    stored = _read_folder(path) if path.is_dir() else _read_npz(path)
    x_train, shape = check_features("x_train", stored["x_train"])
    x_test, test_shape = check_features("x_test", stored["x_test"])
    if shape != test_shape:
        raise DatasetError(
            f"one input has shape {shape} in x_train but {test_shape} in x_test: both must be alike"
        )
    pixels = x_train.dtype == np.uint8
    if pixels != (x_test.dtype == np.uint8):  # 0..255 in one, perhaps 0..1 in the other
        raise DatasetError(
            f"x_train is {x_train.dtype} but x_test {x_test.dtype}: store both as uint8 or neither"
        )
    y_train, y_test = check_labels(
        stored["y_train"], stored["y_test"], num_train=len(x_train), num_test=len(x_test)
    )
    num_classes = int(y_train.max()) + 1
    mean = deviation = None
    if not pixels:
        mean, deviation = mean_and_deviation(x_train, x_test)
    return Dataset(
        name=path.resolve().name.removesuffix(".npz"),
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        scale=2 / 255 if pixels else 1.0,
        shift=-1.0 if pixels else 0.0,
        class_names=check_names(stored.get(OPTIONAL_KEY), num_classes),
        image_shape=shape,
        feature_mean=mean,
        feature_deviation=deviation,
    )


def _read_folder(folder: Path) -> dict[str, np.ndarray]:
    return _read_all(
        f"the folder '{folder}'",
        {file.stem for file in folder.glob("*.npy")},
        lambda key: read_npy(folder / f"{key}.npy"),
    )


def read_npy(path: Path) -> np.ndarray:
    """Return the array of an ``.npy`` file; raises one of UNREADABLE for any other file."""
    with path.open("rb") as file:
        if file.read(6) != b"\x93NUMPY":  # np.load would take it for a pickle
            raise ValueError("it is no .npy file")
    return np.load(path, allow_pickle=False)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        raise DatasetError(
            f"'{path}' does not exist: name an existing .npz file or folder of .npy files"
        )
    # np.load takes other kinds of file too, and says of most that they hold pickles.
    if not zipfile.is_zipfile(path):
        raise DatasetError(f"'{path}' is damaged or no .npz file: write it with numpy.savez")
    with ExitStack() as opened:  # np.load itself leaves a damaged file open
        try:
            file = opened.enter_context(path.open("rb"))
            archive = opened.enter_context(np.load(file, allow_pickle=False))
        except UNREADABLE as error:
            raise DatasetError(
                f"'{path}' cannot be read ({one_line(error)}): save it again"
            ) from error
        return _read_all(f"'{path}'", set(archive.files), archive.__getitem__)


def _read_all(
    where: str, present: set[str], read: Callable[[str], np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the arrays of a data set by name, read one by one."""
    missing = [key for key in KEYS if key not in present]
    if missing:
        held = one_line(", ".join(sorted(present)) or "none")
        raise DatasetError(
            f"{where} lacks {', '.join(missing)} (it holds {held}): it must hold {', '.join(KEYS)}"
        )
    arrays = {}
    for key in (*KEYS, OPTIONAL_KEY):
        if key not in present:
            continue
        try:
            arrays[key] = np.asarray(read(key))
        except UNREADABLE as error:
            if "allow_pickle" in str(error):  # numpy names the option that would run foreign code
                raise DatasetError(
                    f"{key} in {where} holds Python objects, which are never loaded because they "
                    "can run code: save it as numbers, or class_names as strings"
                ) from error
            raise DatasetError(
                f"{key} in {where} cannot be read ({one_line(error)}): save it again"
            ) from error
    return arrays
