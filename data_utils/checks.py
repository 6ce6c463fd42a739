"""Turn arrays of unknown origin into inputs, labels and names that training can trust."""

import math

import numpy as np

from data_utils.errors import DatasetError


def check_features(name: str, array: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return inputs (N, I), (N, H, W) or (N, H, W, C) as rows (N, features), and the shape of one.

    The rows have the dtype of `array` and are C-contiguous; they are no copy unless they must be.
    Raises DatasetError if the array has another number of dimensions, is empty, is not numeric, or
    holds a value that is not finite or too large for float32; the message begins with `name`.
    """
    if array.dtype.kind not in "buif":
        raise DatasetError(f"{name} has dtype {array.dtype}: it must hold integers or floats")
    if array.ndim not in (2, 3, 4):
        raise DatasetError(
            f"{name} has shape {array.shape}: it must be (N, I), (N, H, W) or (N, H, W, C)"
        )
    if array.size == 0:
        raise DatasetError(f"{name} is empty, with shape {array.shape}: it needs inputs")
    shape = array.shape[1:]
    if array.dtype.kind == "f":
        fits = np.abs(array) <= np.finfo(np.float32).max  # false for nan too
        check_all(name, array, fits, "every value must be a finite float32 number")
    return np.ascontiguousarray(array.reshape(len(array), math.prod(shape))), shape


def check_labels(
    train: np.ndarray, test: np.ndarray, *, num_train: int, num_test: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels of both sets, whole numbers 0..K-1 of any dtype, as int64.

    Raises DatasetError if there are not as many labels as inputs, `num_train` and `num_test`, if a
    label is not a whole number in 0..K-1, or if there are fewer than two classes or one without a
    training sample.
    """
    y_train = _whole_numbers("y_train", train, num_train)
    y_test = _whole_numbers("y_test", test, num_test)
    classes = np.unique(y_train)
    num_classes = int(classes[-1]) + 1
    if len(classes) < num_classes:
        absent = int(np.flatnonzero(classes != np.arange(len(classes)))[0])
        raise DatasetError(
            f"y_train has no sample of class {absent}, though its labels go up to "
            f"{num_classes - 1}: number the classes without a gap from 0"
        )
    if num_classes < 2:
        raise DatasetError("y_train holds only class 0: a classifier needs at least 2 classes")
    unknown = np.flatnonzero(y_test >= num_classes)
    if len(unknown):
        raise DatasetError(
            f"y_test[{unknown[0]}] is {y_test[unknown[0]]}, a class without a training sample "
            f"(y_train holds 0..{num_classes - 1}): remove it or add training samples"
        )
    return y_train, y_test


def check_names(names: np.ndarray | None, num_classes: int) -> tuple[str, ...]:
    """Return the names of the classes; their numbers, where there are none.

    Raises DatasetError unless there is one printable string for each class.
    """
    if names is None:
        return tuple(str(label) for label in range(num_classes))
    if names.dtype.kind != "U" or names.shape != (num_classes,):
        raise DatasetError(
            f"class_names has dtype {names.dtype} and shape {names.shape}: "
            f"it must be {num_classes} strings, one for each class"
        )
    for name in names.tolist():
        if not name.isprintable():  # a lone surrogate, a line break: no table or figure takes it
            raise DatasetError(f"class_names holds {name!r}: use printable characters")
    return tuple(names.tolist())


def _whole_numbers(name: str, labels: np.ndarray, count: int) -> np.ndarray:
    """Return labels as int64 if they are `count` whole numbers of at least 0."""
    if labels.dtype.kind not in "buif":
        raise DatasetError(f"{name} has dtype {labels.dtype}: labels must be the integers 0..K-1")
    if labels.ndim != 1:
        raise DatasetError(
            f"{name} has shape {labels.shape}: it must be (N,), one class number for each input"
        )
    if len(labels) != count:
        raise DatasetError(
            f"{name} holds {len(labels)} labels for {count} inputs: there must be one for each"
        )
    with np.errstate(invalid="ignore"):  # NaN and infinity turn into a number that differs
        numbers = labels.astype(np.int64)
    whole = (numbers == labels) & (numbers >= 0)
    check_all(name, labels, whole, "labels must be the integers 0..K-1")
    return numbers


def check_all(name: str, array: np.ndarray, fits: np.ndarray, rule: str) -> None:
    """Raise DatasetError with a rule and the first value that does not fit, unless all do."""
    if not fits.all():
        index = tuple(int(i) for i in np.unravel_index(int(fits.argmin()), array.shape))
        raise DatasetError(f"{name}{list(index)} is {array[index]}: {rule}")
