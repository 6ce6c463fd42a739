"""The 8 x 8 digits that come with scikit-learn: no download."""

import numpy as np

from data_utils.dataset import Dataset

TEST_SHARE = 0.2


def load_digits(seed: int) -> Dataset:
    """Load scikit-learn's handwritten digits, split 1437 to 360 with equal class shares.

    Pixels are 0..16 as uint8, which a network scales to [-1, 1]; `seed` decides the split.
    """
    # Imported here because scikit-learn takes longer to import than MNIST to load.
    from sklearn import datasets, model_selection

    images, labels = datasets.load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = model_selection.train_test_split(
        images.astype(np.uint8),
        labels.astype(np.int64),
        test_size=TEST_SHARE,
        stratify=labels,
        random_state=seed,
    )
    return Dataset(
        name="digits",
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        scale=2 / 16,
        shift=-1.0,
        class_names=tuple("0123456789"),
        image_shape=(8, 8),
    )
