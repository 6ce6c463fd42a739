"""From rows to images and back: everybody else hands inputs and features over as rows."""

from math import prod

from lpc_scratch.backend import Array, Backend
from lpc_scratch.nn.layers.base import Layer, Shape


class Images(Layer):
    """Rows (..., B, H W C) seen as images (..., B, H, W, C); nothing is computed or copied.

    Parameters
    ----------
    shape : (H, W, C)
        Of an image.
    backend : Backend, optional
        Where the arrays live; the CPU by default.
    """

    transparent = True

    def __init__(self, shape: tuple[int, int, int], backend: Backend | None = None) -> None:
        super().__init__(backend)
        self.shape = shape

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = x, as images."""
        return self.predict(x)

    def backward(self, dy: Array) -> Array:
        """dx = dy, as rows."""
        return dy.reshape(*dy.shape[:-3], prod(self.shape))

    def predict(self, x: Array) -> Array:
        """y = x, as images."""
        return x.reshape(*x.shape[:-1], *self.shape)

    def output_shape(self, shape: Shape) -> Shape:
        """(H W C,) to (H, W, C)."""
        if shape != (prod(self.shape),):
            raise ValueError(f"images of the shape {self.shape} cannot be had from {shape}")
        return self.shape


class Flatten(Layer):
    """Images (..., B, H, W, C) seen as rows (..., B, H W C); nothing is computed or copied."""

    transparent = True

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = x, as rows."""
        self.shape = x.shape[-3:]
        return self.predict(x)

    def backward(self, dy: Array) -> Array:
        """dx = dy, as images."""
        return dy.reshape(*dy.shape[:-1], *self.shape)

    def predict(self, x: Array) -> Array:
        """y = x, as rows."""
        return x.reshape(*x.shape[:-3], prod(x.shape[-3:]))

    def output_shape(self, shape: Shape) -> Shape:
        """(H, W, C) to (H W C,)."""
        return (prod(image_shape(self, shape)),)


def image_shape(layer: Layer, shape: Shape) -> tuple[int, int, int]:
    """Return the shape of an input if it is that of an image; raise ValueError if it is not."""
    if len(shape) != 3:
        kind = type(layer).__name__
        raise ValueError(f"a {kind} layer takes images of (rows, columns, channels), not {shape}")
    H, W, C = shape
    return H, W, C
