"""The figures of notebook 08 hold the data that was given."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lpc_scratch.course.figures.speed import plot_ratios, plot_roofline, plot_times

SIZES = [1, 10, 100]


def labelled(axes):
    return {line.get_label(): line for line in axes.lines}


def looks(line):
    return line.get_color(), line.get_linestyle(), line.get_marker()


def test_a_roof_rises_with_the_bandwidth_and_bends_into_its_peak():
    axes = plot_roofline({"a": 40e12, "b": 400e12}, 2e12, {}).axes[0]
    low, high = axes.lines
    assert_allclose(low.get_xdata(), [0.05, 20, 1000])
    assert_allclose(low.get_ydata(), [0.1, 40, 40])
    assert_allclose(high.get_xdata(), [0.05, 200, 1000])
    assert_allclose(high.get_ydata(), [0.1, 400, 400])
    assert low.get_label() == "a: bends at 20"


def test_work_lies_on_the_lowest_roof():
    peaks = {"low": 40e12, "high": 400e12}
    lines = labelled(plot_roofline(peaks, 2e12, {"slope": 5, "level": 50}).axes[0])
    for name, point in {"slope": (5, 10), "level": (50, 40)}.items():
        assert_allclose([lines[name].get_xdata()[0], lines[name].get_ydata()[0]], point)


def test_times_are_drawn_as_given_and_a_name_looks_the_same_in_every_panel():
    first = {"a": [1, 2, 3], "b": [2.0, np.nan, 4.0]}
    second = {"b": [3, 4, 5], "a": [4, 5, 6]}
    figure = plot_times({"batch": (SIZES, first), "width": (SIZES, second)}, "ms", "a model")
    assert figure.get_suptitle() == "a model"
    assert [axes.get_xlabel() for axes in figure.axes] == ["batch", "width"]
    assert figure.axes[0].get_ylabel() == "ms"
    for axes, curves in zip(figure.axes, (first, second), strict=True):
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        for name, curve in curves.items():
            assert_array_equal(labelled(axes)[name].get_xdata(), SIZES)
            assert_array_equal(labelled(axes)[name].get_ydata(), curve)
    left, right = map(labelled, figure.axes)
    assert looks(left["a"]) == looks(right["a"])
    assert all(a != b for a, b in zip(looks(left["a"]), looks(left["b"]), strict=True))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]


def test_ratios_stand_in_the_row_of_their_name_from_top_to_bottom():
    ratios = {"torch": [1.5, 2.0], "JAX": [0.9, np.nan]}
    axes = plot_ratios(["small", "large"], ratios).axes[0]
    lines = labelled(axes)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["small", "large"]
    assert_array_equal(axes.get_yticks(), [0, 1])
    assert axes.yaxis_inverted()
    for peer, values in ratios.items():
        assert_array_equal(lines[peer].get_xdata(), values)
        assert_array_equal(np.round(lines[peer].get_ydata()), [0, 1])
    assert not set(lines["torch"].get_ydata()) & set(lines["JAX"].get_ydata())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_roofline({}, 1.0, {}), "must be positive"),
        (lambda: plot_roofline({"a": 1.0}, 0.0, {}), "must be positive"),
        (lambda: plot_roofline({"a": 1.0}, 1.0, {"x": -1.0}), "must be positive"),
        (lambda: plot_roofline({"a": 1.0}, 1.0, dict.fromkeys("abcdefghij", 1)), "points, not for"),
        (lambda: plot_times({}, "ms"), "no panel"),
        (lambda: plot_times({"x": (SIZES, {"a": [1, 2]})}, "ms"), r"'a' must have shape .*\(2,\)"),
        (lambda: plot_times({"x": (SIZES, {"a": [1, 2, 0]})}, "ms"), "'a' has a number that is"),
        (lambda: plot_times({"x": (SIZES, dict.fromkeys("abcdefgh", SIZES))}, "ms"), "not for 8"),
        (lambda: plot_ratios([], {"a": []}), "names is empty"),
        (lambda: plot_ratios(["x"], {"a": [1, 2]}), r"'a' must have shape .*\(2,\)"),
        (lambda: plot_ratios(["x"], {"a": [0.0]}), "'a' has a ratio that is not positive"),
        (lambda: plot_ratios(["x"], dict.fromkeys("abcdefgh", (1,))), "7 peers, not for 8"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
