"""What an attack sees of a network: images in pixel units, logits, and gradients back to pixels."""

from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from data_utils import DatasetDescription
from lpc_scratch.attacks.objectives import Objective, cross_entropy, margin
from lpc_scratch.backend import Array
from lpc_scratch.errors import ConfigError
from lpc_scratch.nn.inference import chunk_of
from lpc_scratch.nn.inputs import Standardisation, as_inputs
from lpc_scratch.nn.network import Network
from lpc_scratch.runs.run import Run

CHUNK = 512
"""Most rows that go through a network at once: few enough for the cache, and bounded memory."""

_NUMBERS = 2**21  # that a layer makes of them at most: 8 MB in float32, and all layers keep theirs


class PixelModel:
    """A network, or a stack of E, that is shown images in pixel units: 0 is black and 1 white.

    Networks here are trained on standardised pixels, x = stored * scale + shift between -1 and 1,
    or of mean 0 and deviation 1 in each channel. An attack's epsilon is in units of the pixel
    range; so this takes p = stored / largest in [0, 1], shows the network x = 2 p - 1, or of every
    channel its own, and multiplies gradients by the same factors.

    `data` describes those of the network, as a `Run` or a `Dataset` does. Raises ConfigError if
    they are no images of pixels, but inputs without rows and columns or features of one's own, or
    of a single class.

    Attributes
    ----------
    network : takes images in pixel units in place of those stored
    image_shape : (H, W) or (H, W, C), of I pixels in all
    largest : the stored pixel value that is white: 255, or 16 for the digits
    classes : K
    """

    def __init__(self, network: Network, data: DatasetDescription) -> None:
        shape = tuple(data.image_shape)
        if len(shape) not in (2, 3):
            raise ConfigError(
                f"attacks need images of shape (H, W) or (H, W, C), and these inputs have {shape}"
            )
        if data.feature_mean is not None or data.feature_deviation is not None:
            raise ConfigError(
                "attacks need pixels, stored as uint8, and these inputs are features of one's own, "
                "standardised one by one"
            )
        largest = _white(data)
        if network.features != prod(shape):
            raise ConfigError(
                f"the network takes {network.features} numbers, and images of shape {shape} have "
                f"{prod(shape)}"
            )
        self.image_shape, self.largest = shape, largest
        self.classes = network.classes
        if self.classes < 2:
            raise ConfigError("attacks need two classes or more, and the network has one")
        self.backend, self.xp = network.backend, network.backend.xp
        standardisation = Standardisation(data.scale * largest, data.shift)  # x = 2 p - 1
        self._contrast, _ = standardisation.factors(network.dtype, network.backend)
        self.network = network.shown(standardisation)

    @classmethod
    def from_run(cls, run: Run) -> Self:
        """Return the model of a trained run, with all its members."""
        return cls(run.network, run)

    def pixels(self, stored: ArrayLike) -> Array:
        """Return stored images (N, I) or (N, *image_shape), 0 to `largest`, in pixel units.

        They are (N, I), on the host and in the network's dtype. Raises ValueError for another
        shape, or values out of range.
        """
        array, features = np.asarray(stored), self.network.features
        if array.ndim < 2 or array.shape[1:] not in ((features,), self.image_shape):
            raise ValueError(f"images must be (N, {features}), and are {array.shape}")
        _check_range(array, self.largest)
        return np.divide(array.reshape(-1, features), self.largest, dtype=self.network.dtype)

    def logits(self, images: ArrayLike) -> Array:
        """Return the logits (..., N, K), on the host, of images as `loss_gradient` takes them."""
        images = self.checked_images(images)
        parts = [self.network.predict(images[..., c, :]) for c in self.chunks(images)]
        return np.concatenate([self.backend.to_host(part) for part in parts], axis=-2)

    def loss_gradient(self, images: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
        """Return every sample's own cross-entropy, and its gradient in pixel units.

        Parameters
        ----------
        images : array-like (N, I) or (E, N, I)
            Pixels from 0 to 1; (N, I) is shown to all members.
        labels : integer array-like (N,) or (E, N)
            True classes.

        Returns
        -------
        loss : host array (..., N)
            In nats; not averaged.
        gradient : host array (..., N, I)
            d loss / d pixel, not divided by N.

        Raises
        ------
        ValueError
            For images or labels of another shape, or out of range.
        """
        return self._differentiate(cross_entropy, images, labels)

    def margin_gradient(self, images: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
        """Return s_y - max_{k≠y} s_k of every sample, and its gradient, as `loss_gradient`."""
        return self._differentiate(margin, images, labels)

    def forward(self, images: Array) -> Array:
        """Return the logits (..., B, K) of one batch on the device, and keep what it takes back.

        `images` is (..., B, I) in pixel units, and is not checked.
        """
        return self.network.forward(self.network.standardise(images))

    def gradient(self, dlogits: Array) -> Array:
        """Return the gradient (..., B, I) in pixel units of a function of the last logits.

        `dlogits` (..., B, K) is its gradient with respect to the logits that `forward` returned.
        There may be several functions of the same logits, one call for each.
        """
        return self.xp.multiply(self.network.input_gradient(dlogits), self._contrast)

    def chunks(self, images: Array) -> list[slice]:
        """Return slices of rows, of `CHUNK` at most, that cover images (..., N, I)."""
        count, size = images.shape[-2], chunk_of(self.network.widest, CHUNK, _NUMBERS)
        return [slice(start, min(start + size, count)) for start in range(0, count, size)]

    def checked_images(self, images: ArrayLike) -> Array:
        """Return images on the device, or raise ValueError; see `loss_gradient`."""
        network = self.network
        shape = (network.features, network.stack, network.dtype, self.backend)
        array = as_inputs(images, Standardisation(), *shape)
        if array.ndim not in (2, 2 + len(network.stack)) or not array.size:
            raise ValueError(
                f"images must be (N, {network.features}) with N of 1 or more, and are {array.shape}"
            )
        _check_range(array, 1)
        return array

    def checked_labels(self, labels: ArrayLike, images: Array) -> Array:
        """Return labels (..., N) on the device, or raise ValueError; see `loss_gradient`."""
        given: Any = labels  # of the host or of the device
        array = self.backend.to_host(given)
        shape = (*self.network.stack, images.shape[-2])
        if array.dtype.kind not in "iu" or array.shape not in (shape, shape[-1:]):
            raise ValueError(
                f"labels must be whole numbers of shape {shape[-1:]}, one for each image, and are "
                f"{array.dtype} of shape {array.shape}"
            )
        for wrong in array[(array < 0) | (array >= self.classes)][:1]:
            raise ValueError(f"labels must be from 0 to {self.classes - 1}, and there is a {wrong}")
        array = np.broadcast_to(array.astype(np.int64), shape)
        return self.backend.to_device(np.ascontiguousarray(array))

    def _differentiate(
        self, objective: Objective, images: ArrayLike, labels: ArrayLike
    ) -> tuple[Array, Array]:
        """Return values (..., N) of an objective and their gradients (..., N, I), on the host."""
        to_host = self.backend.to_host
        images = self.checked_images(images)
        labels = self.checked_labels(labels, images)
        values, gradients = [], []
        for rows in self.chunks(images):
            value, dlogits = objective(self.forward(images[..., rows, :]), labels[..., rows])
            values.append(to_host(value))
            gradients.append(to_host(self.gradient(dlogits)))
        return np.concatenate(values, axis=-1), np.concatenate(gradients, axis=-2)


def _white(data: DatasetDescription) -> int:
    """Return the stored value of a white pixel, or raise ConfigError where inputs are no pixels."""
    if data.white is not None:
        return data.white
    scale, shift = data.scale, data.shift
    largest = round(2 / scale) if isinstance(scale, (int, float)) and scale > 0 else 0
    if largest < 1 or shift != -1 or abs(float(scale) * largest - 2) > 1e-6:
        raise ConfigError(
            "attacks need pixels scaled to [-1, 1], and these inputs are scaled by "
            f"{scale} and shifted by {shift}"
        )
    return largest


def _check_range(pixels: Array, largest: int) -> None:
    """Raise ValueError, naming a value, unless all pixels are from 0 to `largest`."""
    wrong = ~((pixels >= 0) & (pixels <= largest))  # catches nan too
    if wrong.any():
        value = pixels.dtype.type(pixels[wrong][0].item())  # as short as its dtype allows
        raise ValueError(f"pixels must be from 0 to {largest}, and there is {value}")
