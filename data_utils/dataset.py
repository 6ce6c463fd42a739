"""What every loader returns: the arrays as they are stored, and what standardises them."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False, kw_only=True)
class DatasetDescription:
    """What there is to know of a data set besides its arrays.

    Attributes
    ----------
    class_names : one name for each of the K classes
    image_shape : shape of one input: ``(28, 28)`` for an image, ``(I,)`` otherwise
    scale, shift : ``x * scale + shift`` standardises inputs as stored; numbers, or float64 (I,) for
        each feature its own
    feature_mean, feature_deviation : (I,) float64, what is subtracted from features before that,
        and what they are divided by; None where nothing is
    white : the stored value of a white pixel, where `scale` and `shift` do not tell it as they do
        where they make black -1 and white 1
    """

    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    scale: float | np.ndarray = field(repr=False)
    shift: float | np.ndarray = field(repr=False)
    feature_mean: np.ndarray | None = field(default=None, repr=False)
    feature_deviation: np.ndarray | None = field(default=None, repr=False)
    white: int | None = field(default=None, repr=False)

    @property
    def num_classes(self) -> int:
        """Number of classes K."""
        return len(self.class_names)

    @property
    def num_features(self) -> int:
        """Number of features I of one input."""
        return int(np.prod(self.image_shape))


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset(DatasetDescription):
    """A labelled training and test set, as stored: pixels as they are, features as in their file.

    Nothing here is standardised: that is left to the network, which is told how by the fields of
    `DatasetDescription`. The stored form is the one that people have, and the small one: MNIST
    takes 47 MB in uint8 and 188 MB in float32.

    Attributes
    ----------
    name : short name, free of path separators
    x_train : (N, I) training inputs, C-contiguous, of any dtype of real numbers; may be read-only
    y_train : (N,) int64 training labels in 0..K-1; every class occurs
    x_test : (M, I) test inputs, of the same kind
    y_test : (M,) int64 test labels in 0..K-1
    x_validation, y_validation : part of the training set that is not trained on, of the same kind;
        None where there is none
    """

    name: str
    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    x_validation: np.ndarray | None = field(default=None, repr=False)
    y_validation: np.ndarray | None = field(default=None, repr=False)
