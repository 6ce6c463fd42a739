"""Figures of measured features."""

import numpy as np
import pytest

from lpc_scratch.metrics import measure_features
from lpc_scratch.plots.features import feature_figures


@pytest.fixture
def found(rng):
    labels = np.arange(60) % 3
    z = np.eye(3)[labels] + 0.1 * rng.normal(size=(60, 3))
    layers = {"a$b": z, "c": np.hstack([z, np.ones((60, 1))])}
    return {
        (layer, split): measure_features(features[::step], labels[::step])
        for layer, features in layers.items()
        for split, step in (("train", 1), ("test", 2))
    }


def test_depth_has_a_line_a_split_and_a_place_a_layer(found):
    figures = feature_figures(found, ("x", "y", "z"))
    assert list(figures) == ["coordinates", "class-codes", "class-cosines", "depth"]
    axes = figures["depth"].axes[0]
    lines = {line.get_label(): line.get_ydata().tolist() for line in axes.lines}
    for split in ("train", "test"):
        assert lines[split] == [found[layer, split].values["nc1"] for layer in ("a$b", "c")]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [r"a\$b", "c"]
    names = [text.get_text() for text in figures["class-codes"].axes[0].get_yticklabels()]
    assert names == ["x", "y", "z"]


def test_histograms_are_those_of_standardised_coordinates(found):
    axes = feature_figures(found)["coordinates"].axes[0]
    first = axes.patches[0].get_data()
    z = found["a$b", "train"].sample
    z = (z - z.mean(0)) / z.std(0)
    expected, _ = np.histogram(z, first.edges, density=True)
    np.testing.assert_allclose(first.values, expected)
    assert len(axes.patches) == 2


def test_what_cannot_be_drawn_is_said():
    found = {("only", "train"): measure_features(np.ones((4, 2)), [0, 0, 0, 0])}
    figures = feature_figures(found)
    assert list(figures) == ["coordinates", "class-codes"]
    assert figures["coordinates"].axes[0].texts[0].get_text() == "every coordinate is constant"
