"""What an estimator must know of images, whose features come as rows."""

import math
from typing import Any

import numpy as np

from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError


def check_images(config: TrainConfig, shape: Any) -> None:
    """Raise ConfigError if a configuration needs images, and there is no shape of them."""
    for name in ("backbone", "crop", "flip"):
        value = getattr(config, name)
        if shape is None and value != getattr(TrainConfig, name):
            raise ConfigError(
                f"{name} {value} needs images: say with image_shape, (rows, columns) or (rows, "
                "columns, channels), what the features of a sample are"
            )


def read_image_shape(shape: Any, features: int) -> tuple[int, ...]:
    """Return the shape of a sample of so many features: that of an image, or (features,) for None.

    Raises
    ------
    ConfigError
        For what is no such shape.
    """
    if shape is None:
        return (features,)
    try:
        sizes = np.atleast_1d(shape)
    except ValueError:  # of lists that differ in length
        sizes = np.zeros(0)
    if sizes.dtype.kind not in "iu" or sizes.shape not in ((2,), (3,)) or (sizes < 1).any():
        raise ConfigError(
            "image_shape must be whole numbers above 0, (rows, columns) or (rows, columns, "
            f"channels), not {shape!r}"
        )
    found = tuple(sizes.tolist())
    if math.prod(found) != features:
        raise ConfigError(
            f"image_shape {found} makes {math.prod(found)} features, and X has {features}"
        )
    return found
