"""The 8 x 8 digits that come with scikit-learn: no download."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from data_utils.dataset import Dataset
from data_utils.stratified import stratified

TEST_SAMPLES = 360


def load_digits(seed: int) -> Dataset:
    """Load scikit-learn's handwritten digits, split 1437 to 360 with equal class shares.

    Pixels are 0..16 as uint8, which a network scales to [-1, 1]; `seed` decides the split.
    """
    images, labels = _read()
    train, test = stratified(labels, (len(labels) - TEST_SAMPLES, TEST_SAMPLES), seed)
    return Dataset(
        name="digits",
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
        scale=2 / 16,
        shift=-1.0,
        class_names=tuple("0123456789"),
        image_shape=(8, 8),
    )


def _read() -> tuple[np.ndarray, np.ndarray]:
    """Return the images (1797, 64) in uint8 and their labels (1797,)."""
    spec = find_spec("sklearn")  # its file is read, because its import takes a second
    if spec and spec.origin:
        file = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
        if file.exists():
            table = np.loadtxt(file, dtype=np.uint8, delimiter=",")
            return table[:, :-1], table[:, -1].astype(np.int64)
    from sklearn import datasets  # a version that keeps them elsewhere

    images, labels = datasets.load_digits(return_X_y=True)
    return images.astype(np.uint8), labels.astype(np.int64)
