"""The figures of codes hold the codes that were given; how they look is judged by eye."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lpc_scratch.course.figures import codes as plots

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
NAMES = [f"class {c}" for c in range(4)]


def labelled(axes):
    return {artist.get_label(): artist for artist in (*axes.lines, *axes.collections)}


def dimension_rows(dims, seeds=3):
    columns = ("distinct_codes", "etf_distance", "test_accuracy")
    return {d: [dict.fromkeys(columns, d + 0.1 * s) for s in range(seeds)] for d in dims}


def test_a_cube_has_twelve_edges_and_a_line_for_every_two_marked_vertices():
    axes = plots.plot_cube(TETRAHEDRON).axes[0]
    assert len(axes.lines) == 12 + 6
    lengths = [np.ptp(line.get_xydata(), axis=0) for line in axes.lines]
    assert np.all(np.sum(lengths, axis=1) > 0)
    assert sum(line.get_linestyle() == "--" for line in axes.lines) == 3
    assert len(axes.collections[0].get_offsets()) == 4
    assert [text.get_text() for text in axes.texts] == ["+ + +", "+ − −", "− + −", "− − +"]


def test_a_sign_matrix_has_its_marks_where_the_signs_are():
    matrix = np.array([[1, 1, 1], [1, -1, 1]])
    first, second = plots.plot_sign_matrices({"a": matrix, "b": -matrix}).axes
    assert_array_equal(first.images[0].get_array(), matrix)
    plus, minus = (marks.get_offsets() for marks in second.collections)
    assert_array_equal(plus, [[1, 1]])
    assert len(minus) == 5


def test_code_geometry_shows_every_code_and_the_bound():
    cloud, trained = np.array([[0.5, 0.1], [0.4, 0.2], [0.3, 0.3]]), np.array([[0.55, 0.05]])
    axes = plots.plot_code_geometry({"random": cloud}, {"trained": trained}, classes=5).axes[0]
    shown = labelled(axes)
    assert_allclose(shown["random"].get_offsets(), cloud)
    assert_allclose(shown["trained"].get_offsets(), trained)
    assert_allclose(shown["Plotkin's bound"].get_xdata(), 6 / 10)  # of 10 pairs a bit tells 2 * 3
    assert_allclose(shown["simplex"].get_offsets(), [[5 / 8, 0]])


def test_dimensions_show_every_seed_their_mean_and_both_thresholds():
    measured = dimension_rows((2, 4, 16))
    figure = plots.plot_dimensions(measured, classes=10)
    for axes in figure.axes:
        mean, *seeds = axes.lines[:4]
        assert_allclose(mean.get_ydata(), [2.1, 4.1, 16.1])
        assert_allclose(seeds[0].get_xydata(), [[2, 2], [2, 2.1], [2, 2.2]])
        assert [line.get_xdata()[0] for line in axes.lines[-2:]] == [4, 9]


def test_the_best_of_few_dimensions_is_that_of_the_largest_simplex_in_them():
    codes, etf, _ = plots.plot_dimensions(dimension_rows((2, 4)), classes=4).axes
    assert_array_equal(codes.lines[-3].get_ydata(), [4, 4, 4])
    # two eigenvalues of 1/√2 against three of 1/√3, in the same directions
    best = np.hypot(np.sqrt(2) * (1 / np.sqrt(2) - 1 / np.sqrt(3)), 1 / np.sqrt(3))
    assert_allclose(etf.lines[-3].get_ydata(), [best, 0, 0], atol=1e-12)


def test_classes_that_meet_in_the_plane_share_a_label():
    means = np.array([[1, 1], [-1, 1], [1.01, 1], [0, -1]])
    axes = plots.plot_planes({"network": means}, NAMES).axes[0]
    assert_allclose(axes.collections[0].get_offsets(), means)
    names = [text.get_text() for text in axes.texts]
    assert names == ["class 0, class 2", "class 1", "class 3"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.plot_cube(np.ones((4, 2))), "3 bits, not 2"),
        (lambda: plots.plot_cube(np.zeros((4, 3))), r"-1 and \+1"),
        (lambda: plots.plot_sign_matrices({}), "no matrix"),
        (lambda: plots.plot_sign_matrices({"a": np.ones(3)}), r"\(3,\)"),
        (lambda: plots.plot_code_geometry({"a": np.ones((2, 3))}, {}, 10), r"'a' .*\(2, 3\)"),
        (lambda: plots.plot_code_geometry({c: [[1, 1]] for c in "abcd"}, {}, 10), "to 3 clouds"),
        (lambda: plots.plot_dimensions({}, 10), "empty"),
        (lambda: plots.plot_planes({}, NAMES), "no network"),
        (lambda: plots.plot_planes({"a": np.ones((4, 3))}, NAMES), r"'a' .*\(4, 3\)"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
