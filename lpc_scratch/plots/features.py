"""Figures of measured features: class codes, cosines, coordinates, and all layers side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from lpc_scratch.metrics.features import Measured
from lpc_scratch.metrics.registry import BY_NAME
from lpc_scratch.plots.palette import TIME, line_style
from lpc_scratch.plots.panels import (
    choose_epochs,
    drawable,
    frame_metric,
    literal,
    new_figure,
    prepare,
    write_instead,
)
from lpc_scratch.plots.runs import plot_class_codes, plot_class_cosines

_PANELS = (
    *("nc1", "cdnv", "equinorm", "equiangular"),
    *("etf_distance", "kurtosis", "same_code", "distinct_codes"),
)
_EDGES = np.linspace(-4, 4, 82)  # in standard deviations of a coordinate


def plot_depth(found: Mapping[tuple[str, str], Measured]) -> Figure:
    """Measures of collapse and of codes against the layer, one panel each and one line a split.

    Parameters
    ----------
    found : mapping
        By layer and split, the layers in the order of the forward pass.
    """
    layers = list(dict.fromkeys(layer for layer, _ in found))
    splits = list(dict.fromkeys(split for _, split in found))
    figure = new_figure(12, 5.6)
    for axes, name in zip(figure.subplots(2, 4).flat, _PANELS, strict=True):
        metric = BY_NAME[name]
        prepare(axes)
        for place, split in enumerate(splits):
            values = np.array([found[layer, split].values[name] for layer in layers])
            shown = np.where(drawable(values, metric.scale == "log"), values, np.nan)
            if np.isfinite(shown).any():
                axes.plot(shown, **line_style(place), markersize=4, label=split)
        if not axes.lines:
            write_instead(axes, "not defined for these features")
        frame_metric(axes, metric)
        every = -(-len(layers) // 12)
        names = [literal(layer) for layer in layers[::every]]
        if axes.lines:
            axes.set_xticks(range(0, len(layers), every), names, rotation=45, ha="right")
        if len(axes.lines) > 1:
            axes.legend(frameon=False, fontsize=8)
    return figure


def plot_coordinates(layers: Mapping[str, Measured]) -> Figure:
    """Histograms of the coordinates of at most eight layers, each coordinate standardised.

    Parameters
    ----------
    layers : mapping
        By name, in the order of the forward pass. A coordinate that is constant is left out.
    """
    figure = new_figure(6, 4)
    axes = figure.subplots()
    prepare(axes)
    chosen = choose_epochs(np.arange(len(layers)))
    for place, number in enumerate(chosen):
        name, measured = list(layers.items())[number]
        z = measured.sample - measured.sample.mean(axis=0)
        deviation = z.std(axis=0)
        varying = deviation > 1e-12 * np.abs(measured.sample).max(axis=0)
        if varying.any():
            pooled = (z[:, varying] / deviation[varying]).clip(_EDGES[0], _EDGES[-1])
            density, _ = np.histogram(pooled, _EDGES, density=True)
            color = TIME((place + 1) / len(chosen))
            axes.stairs(density, _EDGES, color=color, linewidth=1.6, label=literal(name), zorder=3)
    axes.set(title="Coordinates", ylabel="density")
    axes.set_xlabel("coordinate (standard deviations from its mean)")
    if axes.patches:
        axes.legend(frameon=False, fontsize=8)
    else:
        write_instead(axes, "every coordinate is constant")
    return figure


def feature_figures(
    found: Mapping[tuple[str, str], Measured], class_names: Sequence[str] = ()
) -> dict[str, Figure]:
    """Return every figure of measured features by its name; codes are those of the last layer."""
    layers = {layer: measured for (layer, split), measured in found.items() if split == "train"}
    measured = list(layers.values())[-1]
    labels = measured.centres.classes.tolist()
    names = [class_names[label] if class_names else str(label) for label in labels]
    means = measured.centres.means
    figures = {
        "coordinates": plot_coordinates(layers),
        "class-codes": plot_class_codes(means - measured.origin, names),
    }
    if len(names) > 1:
        figures["class-cosines"] = plot_class_cosines(means, names)
    if len(layers) > 1:
        figures["depth"] = plot_depth(found)
    return figures
