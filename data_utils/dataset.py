"""What every loader returns."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Dataset:
    """A labelled training and test set, kept as stored.

    ``x * scale + shift`` standardises a batch. It is left to the consumer because the stored
    form is the small one: MNIST takes 47 MB in uint8 and 188 MB in float32.

    Attributes
    ----------
    name : str
        Short name, free of path separators.
    x_train : (N, I) array
        Training inputs, C-contiguous, uint8 or float32. May be read-only.
    y_train : (N,) int64 array
        Training labels in 0..K-1; every class occurs.
    x_test : (M, I) array
        Test inputs, same dtype as `x_train`.
    y_test : (M,) int64 array
        Test labels in 0..K-1.
    scale, shift : float
        What standardises the inputs; 1 and 0 where they are standardised already.
    class_names : tuple of str
        One name for each of the K classes.
    image_shape : tuple of int
        Shape of one input: ``(28, 28)`` for an image, ``(I,)`` otherwise.
    feature_mean, feature_deviation : (I,) float64 array or None
        What was subtracted from the user's features on loading, and what they were divided by;
        None where nothing was done.
    """

    name: str
    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    scale: float = field(repr=False)
    shift: float = field(repr=False)
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    feature_mean: np.ndarray | None = field(default=None, repr=False)
    feature_deviation: np.ndarray | None = field(default=None, repr=False)

    @property
    def num_classes(self) -> int:
        """Number of classes K."""
        return len(self.class_names)

    @property
    def num_features(self) -> int:
        """Number of features I of one input."""
        return self.x_train.shape[1]
