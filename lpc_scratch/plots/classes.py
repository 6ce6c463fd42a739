"""How one panel of class means is drawn: their codes, and a quantity of every two classes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.ticker import MaxNLocator

from lpc_scratch.plots.palette import DIVERGING
from lpc_scratch.plots.panels import literal

CODE_RANGE = 1.5  # ±1 keeps a strong colour, larger values still differ from it
MAX_MARKED_CELLS = 400
MAX_MARKED_ROWS = 20
MAX_NAMES = 14


def check_means(class_means: npt.ArrayLike, class_names: Sequence[str]) -> npt.NDArray:
    """Return class means (C, D) as float64 if they are finite and have one name each."""
    means = np.asarray(class_means, dtype=np.float64)
    if means.ndim != 2 or not means.size:
        raise ValueError(f"class_means must be (classes, coordinates), not {means.shape}.")
    if len(class_names) != len(means):
        raise ValueError(f"there are {len(class_names)} class names for {len(means)} class means.")
    if not np.isfinite(means).all():
        raise ValueError("class_means has values that are not finite.")
    return means


def draw_codes(axes: Axes, class_means: npt.ArrayLike, class_names: Sequence[str]) -> None:
    """Draw class means (C, D), each coordinate divided by its mean absolute value."""
    means = check_means(class_means, class_names)
    scale = np.abs(means).mean(axis=0)
    codes = means / np.where(scale > 0, scale, 1)  # a dead ReLU coordinate is 0 for all classes
    image = axes.imshow(codes, DIVERGING, vmin=-CODE_RANGE, vmax=CODE_RANGE, aspect="auto")
    if codes.size <= MAX_MARKED_CELLS and len(codes) <= MAX_MARKED_ROWS:
        row, column = codes.nonzero()
        value = codes[row, column]
        for marker, signed in (("+", value > 0), ("_", value < 0)):
            ink = np.where(value[signed] < -0.6, "white", "black")
            axes.scatter(column[signed], row[signed], s=22, c=ink, marker=marker, linewidths=1)
    _name_classes(axes.yaxis, class_names)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    axes.set_xlabel("latent coordinate")
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02, extend="both")
    bar.set_ticks([-1, 0, 1], labels=["−1", "0", "+1"])
    bar.set_label("class mean / mean size")


def draw_cosines(
    axes: Axes, class_means: npt.ArrayLike, class_names: Sequence[str], numbers: bool
) -> str:
    """Draw the cosines of the centred class means (C, D); return mean ± std over pairs."""
    means = check_means(class_means, class_names)
    classes = len(means)
    if classes < 2:
        raise ValueError("cosines between classes need two or more classes, not 1.")
    M = means - means.mean(axis=0)
    norms = np.linalg.norm(M, axis=1, keepdims=True)
    M = M / np.where(norms > 0, norms, 1)  # a class at the centre has no direction: cosine 0
    cosines = M @ M.T
    simplex = -1 / (classes - 1), f"-1/{classes - 1}"
    return draw_pairs(axes, cosines, class_names, "cosine", (-1, 1), simplex, numbers)


def draw_pairs(
    axes: Axes,
    values: npt.NDArray,
    class_names: Sequence[str],
    quantity: str,
    limits: tuple[float, float],
    simplex: tuple[float, str],
    numbers: bool,
) -> str:
    """Draw a quantity of every two classes; return its mean ± std over the pairs.

    Parameters
    ----------
    values : (C, C) symmetric
        The quantity; the diagonal is drawn, but does not count as pairs.
    limits : two floats
        Values at the ends of the colours; the colour bar goes no further than 1, the largest value.
    simplex : float and str
        What a simplex has, marked in the colour bar, and how it is written there.
    numbers : bool
        Whether the values are written into the cells.
    """
    low, high = limits
    image = axes.imshow(values, DIVERGING, vmin=low, vmax=high, aspect="auto")
    if numbers:
        for (row, column), value in np.ndenumerate(values.round(2) + 0.0):  # + 0.0: no "-0.00"
            text = axes.text(column, row, _minus(f"{value:.2f}"), fontsize=8)
            dark = value < low + 0.3 * (high - low)
            text.set(ha="center", va="center", color="white" if dark else "black")
            text.set_in_layout(False)  # it is inside the axes anyway: saves measuring each
    _name_classes(axes.yaxis, class_names)
    _name_classes(axes.xaxis, class_names)
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02)
    place, name = simplex
    apart = 0.075 * (1 - low)
    ticks = {t: f"{t:g}" for t in np.linspace(low, 1, 5).tolist() if abs(t - place) > apart}
    ticks[place] = name
    bar.set_ticks(list(ticks), labels=[_minus(label) for label in ticks.values()])
    bar.ax.set_ylim(low, 1)
    bar.ax.axhline(place, color="black", linewidth=1.5)
    bar.set_label(f"{quantity} (line: simplex)")
    pairs = values[np.triu_indices(len(values), 1)]
    return _minus(f"{pairs.mean():.3f} ± {pairs.std():.3f}")


def _minus(number: str) -> str:
    """Write the minus sign that the ticks of the axes have."""
    return number.replace("-", "−")


def _name_classes(axis: Axis, class_names: Sequence[str]) -> None:
    """Write the class names along an axis, leaving some out where they would touch."""
    every = -(-len(class_names) // MAX_NAMES)
    places = range(0, len(class_names), every)
    names = [literal(name) for name in class_names[::every]]
    if isinstance(axis, XAxis) and max(map(len, names)) > 2:
        axis.set_ticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
    else:
        axis.set_ticks(places, names)
