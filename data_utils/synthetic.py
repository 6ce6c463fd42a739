"""Gaussian clusters: a data set of any size whose best classifier is known."""

import math

import numpy as np

from data_utils.dataset import Dataset
from data_utils.errors import DatasetError

TRAIN_PER_CLASS = 500
TEST_PER_CLASS = 100
# Distance of the two closest centres in standard deviations of the noise. The best classifier
# confuses 0.6 % of two such classes: well separated, but not perfectly.
CLOSEST = 5.0


def make_gaussians(classes: int, dims: int, seed: int) -> Dataset:
    """Draw clusters of unit variance around distinct vertices of a hypercube.

    The centres are vertices of {-1, +1}^dims times a separation that puts the two closest of
    them `CLOSEST` apart, so the task is about equally hard for any number of `classes`, 2 to
    2**dims, and of features, `dims` of at least 1. Inputs are float32, `TRAIN_PER_CLASS` and
    `TEST_PER_CLASS` samples a class, in random order. The same seed gives the same data. Raises
    DatasetError if `classes` or `dims` is out of range.
    """
    if dims < 1:
        raise DatasetError(f"gaussians needs dims of at least 1, not {dims}")
    if classes < 2:
        raise DatasetError(f"gaussians needs at least 2 classes, not {classes}")
    if classes > 2**dims:
        raise DatasetError(
            f"gaussians has only {2**dims} distinct centres in {dims} dims, "
            f"too few for {classes} classes: raise dims or lower classes"
        )
    rng = np.random.default_rng(seed)
    vertices = _distinct_vertices(rng, classes, dims)
    separation = CLOSEST / _smallest_distance(vertices)
    centres = separation * vertices

    def draw(per_class: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.permutation(np.repeat(np.arange(classes, dtype=np.int64), per_class))
        samples = rng.standard_normal((len(labels), dims), dtype=np.float32)
        samples += centres[labels]
        return samples, labels

    x_train, y_train = draw(TRAIN_PER_CLASS)
    x_test, y_test = draw(TEST_PER_CLASS)
    return Dataset(
        name="gaussians",
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        scale=1 / math.hypot(1, separation),  # variance of the noise plus that of the centres
        shift=0.0,
        class_names=tuple(str(label) for label in range(classes)),
        image_shape=(dims,),
    )


def _distinct_vertices(rng: np.random.Generator, classes: int, dims: int) -> np.ndarray:
    """Return `classes` different rows of -1 and +1, (classes, dims) float32."""
    # A vertex is a number without repetition, written in binary. Where its bits exceed an
    # int64, the first 62 coordinates already differ and the others may be anything.
    numbered = min(dims, 62)
    numbers = rng.choice(2**numbered, size=classes, replace=False)
    bits = np.concatenate(
        [
            numbers[:, None] >> np.arange(numbered) & 1,
            rng.integers(0, 2, size=(classes, dims - numbered)),
        ],
        axis=1,
    )
    return (2 * bits - 1).astype(np.float32)


def _smallest_distance(vertices: np.ndarray) -> float:
    """Return the Euclidean distance between the two closest of the (C, I) vertices."""
    products = vertices @ vertices.T  # I - 2 Hamming distance
    np.fill_diagonal(products, -np.inf)
    return math.sqrt(2 * (vertices.shape[1] - float(products.max())))
