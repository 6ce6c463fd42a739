"""Augmentation: in training, every image is shown a little differently each time."""

from abc import abstractmethod
from math import prod
from typing import Any

import numpy as np

from lpc_scratch.backend import Array, Backend
from lpc_scratch.nn.layers.base import Layer, Shape
from lpc_scratch.nn.layers.images import image_shape


class Augmentation(Layer):
    """Base of the layers that change images (..., B, H, W, C) at random, in training only.

    `generators` holds one host generator for each network, or what the backend's
    `dropout_generators` makes of them; an image takes one 64-bit word of its network's.
    """

    transparent = True
    purpose = "augmentation"

    def __init__(self, backend: Backend | None = None) -> None:
        super().__init__(backend)
        self.generators: Any = ()
        self.words: Array | None = None

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = x changed in training, and x itself in evaluation."""
        if not training:
            self.words = None
            return x
        words = self.buffer("words", x.shape[:-3], np.uint64)
        self.words = self.ops.random_words(self.generators, out=words)
        return self.changed(x, self.words, self.buffer("y", x.shape, x.dtype))

    def backward(self, dy: Array) -> Array:
        """dx = dy changed back."""
        if self.words is None:
            return dy
        return self.changed_back(dy, self.words, self.buffer("dx", dy.shape, dy.dtype))

    def predict(self, x: Array) -> Array:
        """y = x."""
        return x

    @abstractmethod
    def changed(self, x: Array, words: Array, out: Array) -> Array:
        """Return images changed as their words say."""

    @abstractmethod
    def changed_back(self, dy: Array, words: Array, out: Array) -> Array:
        """Return the gradient of what was changed."""

    def output_shape(self, shape: Shape) -> Shape:
        """(H, W, C), as it is."""
        return image_shape(self, shape)

    def numbers_kept(self, shape: Shape) -> int:
        """Return the size of y; nobody asks for dx in training."""
        return prod(shape)


class RandomCrop(Augmentation):
    """An image of the same size cut at random out of one that is padded with zeros.

    Zero is what a standardised pixel is on average, or mid-grey: not black.

    Parameters
    ----------
    padding : int
        Rows and columns on every side, 1 to 16,383 and at most those of an image.
    backend : Backend, optional
        Where the arrays live; the CPU by default.
    """

    primitives = ("random_words", "crop")

    def __init__(self, padding: int, backend: Backend | None = None) -> None:
        super().__init__(backend)
        if not 1 <= padding < 2**14:
            raise ValueError(f"padding must be from 1 to {2**14 - 1}, not {padding}")
        self.padding = padding

    def changed(self, x: Array, words: Array, out: Array) -> Array:
        """Return images moved by up to `padding` rows and columns."""
        return self.ops.crop(x, words, self.padding, out=out)

    def changed_back(self, dy: Array, words: Array, out: Array) -> Array:
        """Return images moved the other way."""
        return self.ops.crop(dy, words, self.padding, out=out, back=True)

    def output_shape(self, shape: Shape) -> Shape:
        """(H, W, C), as it is."""
        H, W, _ = image_shape(self, shape)
        if self.padding > min(H, W):
            raise ValueError(f"a crop by {self.padding} pixels is too much for images of {H} x {W}")
        return shape


class RandomFlip(Augmentation):
    """Half of the images, drawn at random, seen in a mirror: left for right."""

    primitives = ("random_words", "flip")

    def changed(self, x: Array, words: Array, out: Array) -> Array:
        """Return the images, those with an odd word mirrored."""
        return self.ops.flip(x, words, out=out)

    def changed_back(self, dy: Array, words: Array, out: Array) -> Array:
        """Return the same of the gradient."""
        return self.ops.flip(dy, words, out=out)
