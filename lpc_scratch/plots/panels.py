"""What the panels of every figure share: their layout, their frame, and curves over the epochs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from lpc_scratch.metrics.registry import BY_NAME, Metric
from lpc_scratch.plots.palette import BLUE, GREY, TIME, VERMILION

Row = Mapping[str, float]
Shown = TypeVar("Shown")

STYLES = ((BLUE, "-"), (VERMILION, "--"), ("black", ":"))

MAX_RIDGES = 8
RIDGE_HEIGHT = 1.7  # in steps between two ridges: more than one, so that they overlap
LARGEST = 1e100  # far beyond it, matplotlib's arithmetic on the limits of an axis overflows


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches whose panels leave room for their labels."""
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    return Figure(figsize=(width, height), layout=layout)


def new_row(
    shown: Collection[Any], what: str, width: float, height: float, **shared: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure of so many inches, and its panels side by side: one for each that is shown.

    Where nothing is shown, ValueError says that there is no `what`. `shared` is what
    `Figure.subplots` takes.
    """
    if len(shown) == 0:
        raise ValueError(f"there is no {what} to draw.")
    figure = new_figure(width, height)
    return figure, list(figure.subplots(1, len(shown), squeeze=False, **shared)[0])


def paired(grid: npt.NDArray, shown: Collection[Shown]) -> Iterator[tuple[Axes, Shown]]:
    """Yield axes with what they are to show, and switch off those that are left over."""
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    yield from zip(grid.flat, shown, strict=False)


def add_legend(
    figure: Figure, handles: Sequence[Artist], columns: int | None = None, **look: Any
) -> None:
    """Put one legend for all panels below them, with so many columns or as many as have room."""
    room = min(5, max(1, int(figure.get_figwidth() / 1.9)))  # inches that a short entry takes
    look |= {"loc": "outside lower center", "ncols": columns or room, "frameon": False}
    figure.legend(handles=handles, **look)


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


def mean_and_band(values: npt.NDArray, log: bool = False) -> npt.NDArray:
    """Return mean, mean - std and mean + std (ddof 1) over the first axis of values: (3, ...).

    nan is left out; without a value they are nan, and a single one has no deviation. With `log`,
    mean and deviation are those of the logarithm.
    """
    if log:
        values = np.log(values)
    count = np.isfinite(values).sum(axis=0)  # np.nanmean warns where there is no value
    mean = np.nansum(values, axis=0) / np.where(count > 0, count, np.nan)
    std = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / np.maximum(count - 1, 1))
    band = np.stack([mean, mean - std, mean + std])
    return np.exp(band) if log else band


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
    prepare(axes)
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def write_instead(axes: Axes, reason: str) -> None:
    """Write into empty axes why nothing is drawn."""
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center")


def tidy(axes: Axes) -> None:
    """Take away the frame where there is no scale."""
    axes.spines[["top", "right"]].set_visible(False)


def prepare(axes: Axes, grid: Literal["both", "x", "y"] = "both") -> None:
    """Make axes ready to be read off: tidy, with pale lines behind what is drawn."""
    tidy(axes)
    axes.grid(True, axis=grid, color="#E3E3E3", linewidth=0.6)


def label_within_decades(axis: Axis, subs: Sequence[float] = (1, 2, 5)) -> None:
    """Label a logarithmic axis at multiples of the powers of ten, which alone would be too few."""
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


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
) -> None:
    """Draw the first member's histograms as ridges, time downwards, each scaled to its maximum.

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

    chosen = choose_epochs(epochs)
    centres = (edges[1:] + edges[:-1]) / 2
    density = counts[:, 0] / np.diff(edges)  # bins may differ in width
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
    mean = mean_and_band(values)[0]
    axes.plot(
        epochs, mean, color=color, linestyle=linestyle, linewidth=2, label=label, marker=marker
    )


def literal(name: str) -> str:
    """Return a text that matplotlib draws as it is: between two $ it would read mathematics."""
    return name.replace("$", r"\$")
