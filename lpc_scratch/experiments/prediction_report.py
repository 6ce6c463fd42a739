"""Prediction and measurement of an experiment, side by side: a table and a figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lpc_scratch.config import TrainConfig
from lpc_scratch.experiments.cells import Result, data_settings, load_data
from lpc_scratch.experiments.grid import AXES, axis_value
from lpc_scratch.experiments.predictions import WITHIN, measured, predict
from lpc_scratch.experiments.tables import follows
from lpc_scratch.files.atomic import writing
from lpc_scratch.files.markdown import exact, mean_and_deviation, number, table
from lpc_scratch.files.tables import write_text
from lpc_scratch.metrics.registry import BY_NAME
from lpc_scratch.plots import save_figures
from lpc_scratch.plots.predictions import plot_predictions
from lpc_scratch.theory.prediction import Compared, Prediction

FILE, FIGURE = "predictions.md", "predictions"
"""Where a report is written, and its figure among the plots."""

_RATES = {
    "learning_rate": ("optimizer",),
    "classifier_learning_rate": ("optimizer", "classifier_optimizer"),
}
_LABELS = {
    "onset_step": "step at which learning begins",
    "kurtosis_rotated": "kurtosis in a random basis",
}


def compare_predictions(
    cells: Sequence[TrainConfig],
    axes: Sequence[str],
    metrics: Sequence[str],
    results: Mapping[TrainConfig, Result] | None = None,
) -> list[Compared]:
    """Return every prediction for the places of a grid, with what was measured there.

    Parameters
    ----------
    cells : sequence of TrainConfig
        The cells; those of one place differ in the seed.
    axes : sequence of str
        The axes on which places differ, as `free_axes` returns them.
    metrics : sequence of str
        What is predicted; see `predictions.predict`.
    results : mapping, optional
        The results of the cells; without them nothing has been measured.

    Raises
    ------
    DatasetError
        If the data cannot be had, whose size a prediction may need.
    """
    places: dict[tuple, list[TrainConfig]] = {}
    for cell in cells:
        places.setdefault(tuple(axis_value(cell, axis) for axis in axes), []).append(cell)
    compared = []
    for place, group in places.items():
        data = load_data(data_settings(group[0]))
        samples = len(data.x_train)
        steps = group[0].steps_per_epoch(samples)
        for prediction in predict(group[0], data.num_classes, samples, metrics):
            values = [measured(results[c], prediction.metric, steps) for c in group if results]
            compared.append(Compared(place, prediction, values))
    return compared


def free_axes(cells: Sequence[TrainConfig], axes: Sequence[str]) -> list[str]:
    """Return the axes without the learning rates that only follow from the optimisers."""
    places = [{name: axis_value(cell, name) for name in AXES} for cell in cells]
    return [a for a in axes if a not in _RATES or not follows(places, a, _RATES[a])]


def write_predictions(compared: Sequence[Compared], axes: Sequence[str], folder: Path) -> str:
    """Write the table of predictions, and the figure where something was measured.

    `axes` are those of `free_axes`. Return the table. Raises RunFolderError if the folder cannot be
    written.
    """
    rows = [
        [*map(exact, c.place), _label(c.prediction.metric), _text(c.prediction), *_outcome(c)]
        for c in compared
    ]
    header = [*axes, "measurement", "predicted", "measured", "holds"]
    shown = table(header, rows)
    counts = [c for c in compared if c.values]
    verdict = f"{sum(c.holds for c in counts)} of {len(counts)} predictions hold."
    text = (
        "# Prediction and measurement\n\nPredictions follow from the settings alone. A number "
        f"holds where the mean over seeds is within {WITHIN:.0%} of it, an interval where the mean "
        f"is in it. Mean ± standard deviation over seeds. {verdict if counts else ''}".rstrip()
    )
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / FILE, f"{text}\n\n{shown}\n")
    if counts:
        with writing(folder / "plots"):
            labels = {metric: _label(metric) for metric in (c.prediction.metric for c in counts)}
            save_figures({FIGURE: plot_predictions(counts, axes, labels)}, folder / "plots")
    return shown


def _outcome(compared: Compared) -> list[str]:
    if not compared.values:
        return ["–", "–"]
    return [mean_and_deviation(compared.values), "yes" if compared.holds else "no"]


def _label(metric: str) -> str:
    return _LABELS.get(metric) or BY_NAME[metric].label


def _text(prediction: Prediction) -> str:
    low, high, value = prediction.low, prediction.high, prediction.value
    if value is not None and np.isinf(value):
        return "never"
    if value is not None and prediction.metric != "distinct_codes":
        return number(value)
    if np.isinf(high):
        return f"above {number(low)}"
    return f"below {number(high)}" if low <= 1 else f"{number(low)} to {number(high)}"
