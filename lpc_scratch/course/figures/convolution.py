"""Figures of notebook 10: what a kernel sees, pixel by pixel, and the maps that a network makes."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lpc_scratch.course.figures.backprop import mosaic
from lpc_scratch.course.figures.checks import check_number, shaped
from lpc_scratch.plots.palette import DIVERGING, VERMILION
from lpc_scratch.plots.panels import new_figure, new_row

MAX_GRIDS = 4  # whose numbers stay legible side by side
MAX_CELLS = 400
CELL = 0.36  # inches
MAX_SAMPLES, MAX_LAYERS = 6, 4
SHOWN = 16  # channels of a layer

Box = tuple[int, int, int, int]


def plot_grids(
    grids: Mapping[str, npt.ArrayLike], boxes: Mapping[str, Box] | None = None
) -> Figure:
    """Draw small matrices with the number in every cell, side by side.

    Parameters
    ----------
    grids : mapping of str to (rows, columns) array
        Up to four matrices of at most 400 cells with their names. Each has a colour scale of its
        own: orange (light) is positive, blue (dark) negative.
    boxes : mapping of str to (top, left, height, width), optional
        For some of the names cells around which a frame is drawn.

    Returns
    -------
    Figure
        One panel a matrix, cells of the same size in all.

    Raises
    ------
    ValueError
        For no or too many matrices, one that is none or too large, or a box of an unknown name.
    """
    check_number(grids, MAX_GRIDS, "grids")
    arrays = {name: shaped(grid, repr(name), (None, None)) for name, grid in grids.items()}
    for name, array in arrays.items():
        if not 0 < array.size <= MAX_CELLS:
            raise ValueError(f"{name!r} must have 1 to {MAX_CELLS} cells, not {array.size}.")
    unknown = sorted((boxes or {}).keys() - arrays.keys())
    if unknown:
        raise ValueError(f"there is no grid {unknown[0]!r} to draw a box in.")
    columns = [array.shape[1] for array in arrays.values()]
    height = CELL * max(len(array) for array in arrays.values()) + 0.5
    width = CELL * sum(columns) + 0.6 * len(arrays)
    figure, panels = new_row(arrays, "grid", width, height, width_ratios=columns)
    for axes, (name, array) in zip(panels, arrays.items(), strict=True):
        _draw_grid(axes, array)
        axes.set_title(name, fontsize=10)
        if boxes and name in boxes:
            top, left, tall, wide = boxes[name]
            frame = Rectangle((left - 0.5, top - 0.5), wide, tall, fill=False, clip_on=False)
            frame.set(edgecolor=VERMILION, linewidth=2.5)
            axes.add_patch(frame)
    return figure


def plot_feature_maps(
    images: npt.ArrayLike, maps: Mapping[str, npt.ArrayLike], titles: Sequence[str] = ()
) -> Figure:
    """Draw images, and beside each of them the maps that the layers of a network make of it.

    Parameters
    ----------
    images : (n, H, W) or (n, H, W, 3) array
        Up to six images, in grey or in colours from 0 to 1.
    maps : mapping of str to (n, H', W', C) array
        For up to four layers by their names what they make of the images, the first 16 channels.
        A layer has one scale for all images, from 0, white, to its largest value, black.
    titles : sequence of n str
        Stand beside the images.

    Returns
    -------
    Figure
        A row for each image.

    Raises
    ------
    ValueError
        For no or too many images or layers, or maps of another number of images.
    """
    pictures = np.asarray(images, dtype=np.float64)
    if pictures.ndim not in (3, 4) or pictures.shape[3:] not in ((), (3,)):
        raise ValueError(f"images must have shape (n, H, W) or (n, H, W, 3), not {pictures.shape}.")
    n = len(pictures)
    check_number(pictures, MAX_SAMPLES, "images")
    check_number(maps, MAX_LAYERS, "layers")
    layers = {name: shaped(map_, repr(name), (n, None, None, None)) for name, map_ in maps.items()}
    figure = new_figure(1.6 + 2.3 * len(layers), 2.1 * n + 0.4)
    ratios = [1.0] + [1.6] * len(layers)
    grid = figure.subplots(n, 1 + len(layers), squeeze=False, width_ratios=ratios)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    for row, picture in zip(grid, pictures, strict=True):
        row[0].imshow(picture, "Greys")
    for axes, title in zip(grid[:, 0], titles, strict=False):
        axes.set_ylabel(title)
    for column, (name, values) in zip(grid.T[1:], layers.items(), strict=True):
        shown = values[..., :SHOWN]
        H, W, C = shown.shape[1:]
        largest = shown.max() or 1.0
        for axes, channels in zip(column, shown.reshape(n, H * W, C), strict=True):
            tiles = mosaic(channels, (H, W), int(np.ceil(np.sqrt(C))))
            axes.set_facecolor("#DCE9F2")  # the gaps, which are no pixels
            axes.imshow(tiles, "Greys", vmin=0, vmax=largest)
        number = f"{C} maps" if values.shape[3] == C else f"{C} of {values.shape[3]} maps"
        column[0].set_title(f"{name}\n{number}, {H} x {W}", fontsize=10)
    return figure


def _draw_grid(axes: Axes, array: npt.NDArray) -> None:
    """Draw one matrix: a square for each number, and the number in it."""
    largest = np.abs(array).max() or 1.0
    axes.pcolormesh(
        np.arange(array.shape[1] + 1) - 0.5,
        np.arange(array.shape[0] + 1) - 0.5,
        array,
        cmap=DIVERGING,
        vmin=-largest,
        vmax=largest,
        edgecolors="white",
        linewidth=1,
    )
    for (row, column), value in np.ndenumerate(array):
        colour = "white" if value < -0.4 * largest else "black"
        axes.text(column, row, f"{value:g}", ha="center", va="center", color=colour, fontsize=9)
    axes.set(xticks=[], yticks=[], aspect="equal")
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
