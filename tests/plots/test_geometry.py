"""The figures of the optimiser's geometry hold the data that was given."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lpc_scratch.course.figures.geometry import (
    STEP,
    Descent,
    plot_balls,
    plot_matrices,
    plot_onset,
    plot_rows,
)

PATH = np.array([[0.2, 0.1], [0.6, 0.5], [1.0, 0.9]])


@pytest.mark.parametrize(("power", "corner"), [(2, 0.5**0.5), (np.inf, 1.0)])
def test_balls_are_those_of_the_norm_around_the_start_and_through_the_end(power, corner):
    axes = plot_balls({"descent": Descent(power, ("one", "two"), PATH)}).axes[0]
    limit = 1.25
    (ball,) = axes.patches
    reach = (ball.get_xy() - PATH[0]) / (STEP * limit)
    assert_allclose(np.linalg.norm(reach, ord=power, axis=1), 1)
    assert_allclose(reach.sum(axis=1).max(), 2 * corner)
    *levels, outline, path, start, end = axes.lines
    for level in levels:
        radius = np.linalg.norm(level.get_xydata(), axis=1)
        assert_allclose(radius, radius[0])
    sizes = np.linalg.norm(outline.get_xydata(), ord=power, axis=1)
    assert_allclose(sizes, np.linalg.norm(PATH[-1], ord=power))
    assert_array_equal(path.get_xydata(), PATH)
    assert_array_equal([*start.get_xydata(), *end.get_xydata()], PATH[[0, -1]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("one", "two")


def test_rows_go_from_their_circle_to_their_number():
    paths = np.stack([PATH, -PATH, PATH[:, ::-1]], axis=1)
    first, second = plot_rows({"signs": paths, "spectral": 2 * paths}).axes
    for k, text in enumerate(first.texts):
        assert text.get_text() == str(k)
        assert_array_equal(text.xy, paths[-1, k])
        assert_array_equal(first.lines[2 + 3 * k].get_xydata(), paths[:, k])
    assert_array_equal(second.patches[0].get_xy()[:3], 2 * paths[-1])
    assert first.get_xlim() == second.get_xlim()


def test_matrices_are_shown_in_root_mean_squares_with_their_notes():
    M = np.array([[3.0, -3.0, 3.0], [0.0, 3.0, 0.0]])
    first, second, bar = plot_matrices({"a": M, "b": 0 * M}, {"a": "note"}).axes
    assert_allclose(first.images[0].get_array(), M / 6**0.5)
    assert_array_equal(second.images[0].get_array(), 0)
    assert first.get_xlabel() == "note"
    assert bar.get_ylabel() == "entry (root mean squares)"


def test_the_onset_is_marked_on_the_level_where_it_was_predicted():
    curves = {"weak": [2.0, 1.0, 0.5], "strong": [2.0, 2.0, 2.0]}
    figure = plot_onset([0, 10, 20], curves, {"weak": 9.0, "strong": np.inf}, 1.15)
    level, weak, mark, strong = figure.axes[0].lines
    assert_array_equal(level.get_ydata(), 1.15)
    assert_array_equal(weak.get_xydata(), np.transpose([[0, 10, 20], curves["weak"]]))
    assert_array_equal(strong.get_ydata(), 2)
    assert_array_equal(mark.get_xydata(), [[9, 1.15]])
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["weak", "strong", "predicted", "(log K)/2"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_balls({}), "no descent"),
        (lambda: plot_balls({"a": Descent(2, ("x", "y"), [[1, 2, 3]])}), r"'a' .*\(1, 3\)"),
        (lambda: plot_rows({}), "no path"),
        (lambda: plot_rows({"a": PATH}), r"'a' .*\(3, 2\)"),
        (lambda: plot_matrices({}, {}), "no matrix"),
        (lambda: plot_matrices({"a": [1.0]}, {}), r"'a' .*\(1,\)"),
        (lambda: plot_onset([0, 1], {}, {}, 1.0), "1 to 5 curves, not for 0"),
        (lambda: plot_onset([0, 1], {"a": [1]}, {"a": 1.0}, 1.0), r"'a' .*\(2,\)"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
