"""The figures of neural collapse hold the data that was given; how they look is judged by eye."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lpc_scratch.course.figures import simplex as plots

TRIANGLE = np.array([[0, 1], [-np.sqrt(3) / 2, -0.5], [np.sqrt(3) / 2, -0.5]])
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])


def make_rows(epochs=(0, 5, 10), seeds=2, **columns):
    return [
        {"epoch": epoch, "seed": seed}
        | dict.fromkeys(plots.COLLAPSE_PANELS, (seed + 1) / (epoch + 1))
        | columns
        for epoch in epochs
        for seed in range(seeds)
    ]


def test_a_projection_keeps_lengths_across_all_three_directions(rng):
    points = rng.normal(size=(5, 3))
    seen = plots.orthographic(points)
    assert_array_equal(plots.orthographic(2 * points), 2 * seen)
    right = seen[:, 0] ** 2 + seen[:, 2] ** 2
    assert_allclose(right, points[:, 0] ** 2 + points[:, 1] ** 2)  # turned about the vertical


def test_class_means_are_arrows_from_their_middle_joined_by_lines():
    plane, space = plots.plot_simplices({"plane": TRIANGLE + 3, "space": TETRAHEDRON}).axes
    assert len(plane.lines) == 3
    assert len(space.lines) == 6
    arrows = [text for text in plane.texts if not text.get_text()]
    assert_allclose([arrow.xy for arrow in arrows], TRIANGLE, atol=1e-12)
    assert [text.get_text() for text in space.texts if text.get_text()] == ["0", "1", "2", "3"]


def test_point_clouds_show_points_means_and_notes(rng):
    labels = np.array([0, 0, 1, 1, 1])
    z = rng.normal(size=(5, 2))
    first, second = plots.plot_point_clouds({"a": z, "b": 2 * z}, labels, {"b": "note"}).axes
    assert_allclose(first.lines[0].get_xydata(), z[:2])
    assert_allclose(first.lines[2].get_xydata(), [z[:2].mean(axis=0)])
    assert_allclose(second.lines[3].get_xydata(), 2 * z[2:])
    assert [axes.get_xlabel() for axes in (first, second)] == ["", "note"]


def test_defects_show_every_measure_against_the_size():
    sizes, rising = [0, 1, 2], np.array([0.0, 0.5, 1.0])
    figure = plots.plot_defects(sizes, {"x": {"a": rising, "b": 0 * rising}, "y": {"a": rising}})
    first, second = figure.axes
    assert_allclose(first.lines[0].get_xydata(), np.transpose([sizes, rising]))
    assert_allclose(second.lines[0].get_ydata(), rising)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_neural_collapse_shows_every_seed_and_their_mean():
    figure = plots.plot_neural_collapse({"binary": make_rows(), "none": make_rows(seeds=1)})
    assert [axes.get_yscale() for axes in figure.axes] == [
        *("log", "linear", "log", "linear", "log", "linear")
    ]
    etf = figure.axes[1]
    first, second, mean, *others = etf.lines
    assert_allclose(first.get_ydata(), [1, 1 / 6, 1 / 11])
    assert_allclose(mean.get_ydata(), (first.get_ydata() + second.get_ydata()) / 2)
    assert len(others) == 2
    logarithmic = figure.axes[0].lines
    assert_allclose(logarithmic[2].get_ydata(), np.sqrt(2) * np.array([1, 1 / 6, 1 / 11]))


def test_what_a_log_axis_cannot_show_is_left_out(tmp_path):
    figure = plots.plot_neural_collapse({"binary": make_rows(nc1=0.0, nc3=float("nan"))})
    assert np.isnan(figure.axes[0].lines[0].get_ydata()).all()
    figure.savefig(tmp_path / "collapse.png", dpi=30)  # a warning would fail the test


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.orthographic(np.ones((4, 2))), r"\(4, 2\)"),
        (lambda: plots.plot_simplices({}), "no simplex"),
        (lambda: plots.plot_simplices({"a": np.ones((3, 4))}), "'a' .* 2 or 3"),
        (lambda: plots.plot_point_clouds({}, [0], {}), "no latent"),
        (lambda: plots.plot_point_clouds({"a": np.ones((3, 2))}, [0, 1], {}), r"\(2, 2\)"),
        (lambda: plots.plot_defects([0, 1], {}), "no defect"),
        (lambda: plots.plot_defects([0, 1], {"x": {"a": [1.0]}}), r"'a' .*\(2,\)"),
        (lambda: plots.plot_neural_collapse({}), "no architecture"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
