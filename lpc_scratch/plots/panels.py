"""How one panel is drawn: each function fills the `Axes` that it is given."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from lpc_scratch.metrics.registry import BY_NAME, Metric
from lpc_scratch.plots.palette import BLUE, DIVERGING, GREY, TIME, VERMILION

Row = Mapping[str, float]

STYLES = ((BLUE, "-"), (VERMILION, "--"), ("black", ":"))

MAX_RIDGES = 8
RIDGE_HEIGHT = 1.7  # in steps between two ridges: more than one, so that they overlap
CODE_RANGE = 1.5  # ±1 keeps a strong colour, larger values still differ from it
MAX_MARKED_CELLS = 400
MAX_MARKED_ROWS = 20
MAX_NAMES = 14
LARGEST = 1e100  # far beyond it, matplotlib's arithmetic on the limits of an axis overflows


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches whose panels leave room for their labels."""
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    return Figure(figsize=(width, height), layout=layout)


def curves(
    rows: Sequence[Row], column: str, by: str = "member", log: bool = False
) -> tuple[npt.NDArray, npt.NDArray]:
    """Return the epochs (T,) and one curve a member (E, T).

    It is nan where there is no row, and where no axis can show the value: see `drawable`. With
    ``by="seed"`` it is one curve a seed.
    """
    if not rows:
        raise ValueError("rows is empty: there is no evaluated epoch to plot.")
    for name in ("epoch", by, column):
        if any(name not in row for row in rows):
            raise ValueError(f"rows lack the column {name!r}.")
    epochs, at = np.unique([row["epoch"] for row in rows], return_inverse=True)
    members, of = np.unique([row[by] for row in rows], return_inverse=True)
    values = np.full((len(members), len(epochs)), np.nan)
    values[of, at] = [row[column] for row in rows]
    return epochs, np.where(drawable(values, log), values, np.nan)


def drawable(values: npt.ArrayLike, log: bool = False) -> npt.NDArray[np.bool_]:
    """Return which values an axis can show: none beyond `LARGEST`, inf or nan.

    A logarithmic axis shows those from 1 / `LARGEST` on.
    """
    numbers = np.asarray(values, dtype=np.float64)
    return (np.abs(numbers) <= LARGEST) & ((numbers >= 1 / LARGEST) | (not log))


def draw_metrics(axes: Axes, rows: Sequence[Row], metrics: Mapping[str, str]) -> None:
    """Draw metrics that share a panel against the epoch; the first one says how it looks.

    Parameters
    ----------
    metrics : mapping
        Names of the metrics, with their labels in the legend.
    """
    shared = BY_NAME[next(iter(metrics))]
    prepare_epochs(axes)
    for style, (name, label) in zip(STYLES, metrics.items(), strict=False):
        epochs, values = curves(rows, name, log=shared.scale == "log")
        if np.isfinite(values).any():
            _draw_members(axes, epochs, values, label, *style)
    if not axes.lines:
        write_instead(axes, "not defined for this run")
    frame_metric(axes, shared)
    if len(axes.get_legend_handles_labels()[0]) > 1:
        axes.legend(frameon=False, fontsize=8)


def frame_metric(axes: Axes, metric: Metric) -> None:
    """Give axes the title and the unit of a metric and, where it is drawn, its scale and limits."""
    axes.set(title=metric.title, ylabel=metric.unit)
    if not axes.lines:
        return
    if metric.scale == "log":
        axes.set_yscale("log")
    else:
        axes.set_ylim(*metric.limits)


def prepare_epochs(axes: Axes) -> None:
    """Make the axes ready for curves against the epoch."""
    tidy(axes)
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    draw_grid(axes)


def write_instead(axes: Axes, reason: str) -> None:
    """Write into empty axes why nothing is drawn."""
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center")


def tidy(axes: Axes) -> None:
    """Take away the frame where there is no scale."""
    axes.spines[["top", "right"]].set_visible(False)


def draw_grid(axes: Axes, axis: Literal["both", "x", "y"] = "both") -> None:
    """Draw pale lines behind what is to be read off a scale."""
    axes.grid(True, axis=axis, color="#E3E3E3", linewidth=0.6)


def draw_reference(axes: Axes, value: float, label: str) -> None:
    """Draw a dashed horizontal line and explain it in the legend."""
    axes.axhline(value, color=GREY, linestyle=(0, (4, 3)), linewidth=1.2, label=label, zorder=3)
    axes.legend(frameon=False, fontsize=8)


def choose_epochs(epochs: npt.NDArray, limit: int = MAX_RIDGES) -> npt.NDArray[np.intp]:
    """Return the indices of at most `limit` epochs: first, last, and denser where training starts.

    The steps between grow geometrically, as most of the change happens early.
    """
    if len(epochs) <= limit:
        return np.arange(len(epochs))
    since = epochs - epochs[0]
    wanted = np.geomspace(since[1], since[-1], limit - 1)
    nearest = np.abs(since[:, None] - wanted).argmin(axis=0)
    return np.unique([0, *nearest])


def draw_histograms(
    axes: Axes,
    epochs: npt.ArrayLike,
    edges: npt.ArrayLike,
    counts: npt.ArrayLike,
    member: int = 0,
) -> None:
    """Draw one member's histograms as ridges, time downwards, each scaled to its maximum.

    The arguments are those of :func:`lpc_scratch.plots.plot_latent_histograms`.
    """
    epochs, edges, counts = np.asarray(epochs), np.asarray(edges), np.asarray(counts)
    if epochs.ndim != 1 or not len(epochs) or np.any(np.diff(epochs) <= 0):
        raise ValueError(f"epochs must be one or more increasing numbers, not {epochs.tolist()}.")
    if edges.ndim != 1 or len(edges) < 2 or np.any(np.diff(edges) <= 0):
        raise ValueError(f"edges must be two or more increasing numbers, not {edges.tolist()}.")
    if counts.ndim != 3 or (counts.shape[0], counts.shape[2]) != (len(epochs), len(edges) - 1):
        raise ValueError(
            f"counts has shape {counts.shape}, but {len(epochs)} epochs and {len(edges)} edges "
            f"need ({len(epochs)}, members, {len(edges) - 1})."
        )
    if not 0 <= member < counts.shape[1]:
        raise ValueError(f"member {member} is not one of the {counts.shape[1]} in counts.")

    chosen = choose_epochs(epochs)
    centres = (edges[1:] + edges[:-1]) / 2
    density = counts[:, member] / np.diff(edges)  # bins may differ in width
    for place, t in enumerate(chosen):
        height = density[t] / max(density[t].max(), np.finfo(float).tiny)
        ridge = RIDGE_HEIGHT * height - place
        color = TIME(place / max(len(chosen) - 1, 1))
        # Later ridges stand in front; the white rim sets them off against the ones behind.
        axes.fill_between(centres, -place, ridge, color=color, linewidth=0, zorder=2 * place)
        axes.plot(centres, ridge, color="white", linewidth=1.8, zorder=2 * place)
        axes.plot(centres, ridge, color="black", linewidth=0.7, zorder=2 * place + 1)
    axes.set_yticks(-np.arange(len(chosen)), [f"{epochs[t]:g}" for t in chosen])
    axes.set(xlabel="coordinate (standard deviations)", ylabel="epoch")
    axes.set_xlim(edges[0], edges[-1])
    tidy(axes)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


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


def _draw_members(
    axes: Axes, epochs: npt.NDArray, values: npt.NDArray, label: str, color: str, linestyle: str
) -> None:
    """Draw values (E, T), nan where there is none: every member thin, their mean bold."""
    marker = None
    if len(epochs) == 1:  # a line through one point cannot be seen
        marker = "o"
        axes.set_xlim(epochs[0] - 1, epochs[0] + 1)
    if len(values) > 1:
        axes.plot(epochs, values.T, color=color, linewidth=0.8, alpha=0.45, marker=marker)
    there = np.isfinite(values)  # np.nanmean warns where no member has a value
    mean = np.nansum(values, axis=0) / np.where(there.any(axis=0), there.sum(axis=0), np.nan)
    axes.plot(
        epochs, mean, color=color, linestyle=linestyle, linewidth=2, label=label, marker=marker
    )


def _minus(number: str) -> str:
    """Write the minus sign that the ticks of the axes have."""
    return number.replace("-", "−")


def literal(name: str) -> str:
    """Return a text that matplotlib draws as it is: between two $ it would read mathematics."""
    return name.replace("$", r"\$")


def _name_classes(axis: Axis, class_names: Sequence[str]) -> None:
    """Write the class names along an axis, leaving some out where they would touch."""
    every = -(-len(class_names) // MAX_NAMES)
    places = range(0, len(class_names), every)
    names = [literal(name) for name in class_names[::every]]
    if isinstance(axis, XAxis) and max(map(len, names)) > 2:
        axis.set_ticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
    else:
        axis.set_ticks(places, names)
