"""Figures of notebook 01: descent with right and wrong gradients, and how well a check can see."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from lpc_scratch.course.figures.checks import check_number, shaped
from lpc_scratch.plots.palette import DIVERGING, GREY, line_style
from lpc_scratch.plots.panels import new_figure, new_row, prepare, prepare_epochs

MAX_CURVES = 4  # that stay legible in one panel
GUIDES = ((0, (1, 1.5)), (0, (6, 2)), (0, (4, 1.5, 1, 1.5)))
MAX_MARKS = 12
COLUMNS = 8  # images of weights side by side


def plot_descent(
    epochs: npt.ArrayLike,
    losses: Mapping[str, npt.ArrayLike],
    accuracies: Mapping[str, npt.ArrayLike],
) -> Figure:
    """Losses (log axis) and accuracies against the epoch.

    Parameters
    ----------
    epochs : (T,) array
        Number of epochs trained, 0 before training.
    losses : mapping of str to (T,) array
        Up to four curves with their names; positive, in nats.
    accuracies : mapping of str to (T,) array
        Up to four curves of values from 0 to 1. A name that `losses` has too is drawn alike.

    Returns
    -------
    Figure
        Two panels side by side, the losses on the left.

    Raises
    ------
    ValueError
        For a curve of another length than the epochs, none or too many of them, or a loss that
        is not positive.
    """
    epochs = np.asarray(epochs, dtype=np.float64)
    names = list(dict.fromkeys([*losses, *accuracies]))
    check_number(names, MAX_CURVES, "curves")
    if any(np.any(np.asarray(loss) <= 0) for loss in losses.values()):
        raise ValueError("losses must be positive: their axis is logarithmic.")
    figure = new_figure(9, 3.4)
    left, right = figure.subplots(1, 2)
    for axes, curves in ((left, losses), (right, accuracies)):
        prepare_epochs(axes)
        for name, curve in curves.items():
            values = shaped(curve, repr(name), epochs.shape)
            every = max(1, len(epochs) // MAX_MARKS)
            axes.plot(epochs, values, label=name, markevery=every, **line_style(names.index(name)))
        axes.set_xlabel("epoch")
        if curves:
            axes.legend(frameon=False)
    left.set_yscale("log")
    left.set_ylabel("cross-entropy (nats)")
    right.set_ylabel("accuracy (share of the samples)")
    return figure


def plot_difference_errors(
    epsilons: npt.ArrayLike,
    errors: Mapping[str, npt.ArrayLike],
    guides: Mapping[str, npt.ArrayLike] | None = None,
) -> Figure:
    """Error of finite differences against their step, both axes logarithmic.

    Parameters
    ----------
    epsilons : (T,) array
        Steps, positive.
    errors : mapping of str to (T,) array
        Up to four curves of relative errors with their names; an error of zero is left out.
    guides : mapping of str to (T,) array, optional
        Up to three laws to compare with, drawn thin and grey; they do not widen the axis.

    Returns
    -------
    Figure
        One panel.

    Raises
    ------
    ValueError
        For steps that are not positive, a curve of another length, or none or too many of them.
    """
    epsilons = np.asarray(epsilons, dtype=np.float64)
    if epsilons.ndim != 1 or np.any(epsilons <= 0):
        raise ValueError("epsilons must be a vector of positive steps.")
    check_number(errors, MAX_CURVES, "curves")
    if guides and len(guides) > len(GUIDES):
        raise ValueError(f"there are styles for {len(GUIDES)} guides, not for {len(guides)}.")
    figure = new_figure(7, 4)
    axes = figure.subplots()
    prepare(axes)
    for place, (name, curve) in enumerate(errors.items()):
        values = shaped(curve, repr(name), epsilons.shape)
        shown = np.where(values > 0, values, np.nan)
        axes.plot(epsilons, shown, ms=4, label=name, **line_style(place))
    axes.set(xscale="log", yscale="log")
    limits = axes.get_ylim()
    for (name, curve), dashes in zip((guides or {}).items(), GUIDES, strict=False):
        values = shaped(curve, repr(name), epsilons.shape)
        axes.plot(epsilons, values, color=GREY, linestyle=dashes, linewidth=1.1, label=name)
    axes.set_ylim(limits)
    axes.set_xlabel("step ε")
    axes.set_ylabel("relative error of the derivative")
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def plot_weight_images(weights: Mapping[str, npt.ArrayLike], image_shape: Sequence[int]) -> Figure:
    """Weights of hidden units as images of the pixels that they look at.

    Parameters
    ----------
    weights : mapping of str to (I, H) array
        For each name, which becomes a heading, a column of weights a unit; H the same for all.
    image_shape : two int
        Height and width of an image, I pixels together.

    Returns
    -------
    Figure
        A group of H images for every name, all in one colour scale: orange (light) is positive,
        blue (dark) negative.

    Raises
    ------
    ValueError
        If the weights are no matrices of one shape with as many rows as an image has pixels.
    """
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in weights.items()}
    shapes = {array.shape for array in arrays.values()}
    if len(image_shape) != 2 or len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(
            f"weights must be matrices (I, H) of one shape and images have two axes, not "
            f"{sorted(shapes)} and {tuple(image_shape)}."
        )
    pixels, units = next(iter(shapes))
    if pixels != np.prod(image_shape) or not units:
        raise ValueError(f"weights have {pixels} rows, and images {np.prod(image_shape)} pixels.")
    largest = max(np.abs(array).max() for array in arrays.values()) or 1.0
    mosaics = [mosaic(array, (image_shape[0], image_shape[1])) for array in arrays.values()]
    height, width = mosaics[0].shape
    size = 4.4 * len(arrays) + 0.9, 4.4 * height / width + 0.5
    figure, panels = new_row(arrays, "weight", *size)
    for axes, name, tiles in zip(panels, arrays, mosaics, strict=True):
        image = axes.imshow(tiles, DIVERGING, vmin=-largest, vmax=largest)
        axes.set_axis_off()
        axes.set_title(name)
    bar = figure.colorbar(image, ax=panels, pad=0.02)
    bar.set_label("weight")
    return figure


def mosaic(images: npt.NDArray, shape: tuple[int, int], columns: int = COLUMNS) -> npt.NDArray:
    """Return images (I, H), one a column, side by side, nan in the gap of one pixel between them.

    `shape` is height and width of an image, and `columns` how many stand in a row at most.
    """
    height, width = shape[0] + 1, shape[1] + 1
    number = images.shape[1]
    columns = min(columns, number)
    tiles = np.full((height * -(-number // columns) - 1, width * columns - 1), np.nan)
    for place, image in enumerate(images.T):
        top, left = place // columns * height, place % columns * width
        tiles[top : top + shape[0], left : left + shape[1]] = image.reshape(shape)
    return tiles
