"""The figures of forces hold the data that was given; how they look is judged by eye."""

import numpy as np
import pytest
from matplotlib.quiver import Quiver
from numpy.testing import assert_allclose, assert_array_equal

from lpc_scratch.course.figures import forces

X = np.linspace(-2, 2, 9)
GRID = np.stack(np.meshgrid(X, X), axis=-1)
SPRING = -GRID
W = np.array([[0.0, 1.0, -1.0], [2.0, -1.0, -1.0]])


def arrows(axes):
    return next(c for c in axes.collections if isinstance(c, Quiver))


def points(axes, marker):
    return np.array([line.get_xydata()[0] for line in axes.lines if line.get_marker() == marker])


def test_arrows_have_the_direction_of_the_force_and_their_colour_its_length():
    axes = forces.plot_force_fields(X, X, {"spring": SPRING}, W, (0.5, 1.0)).axes[0]
    drawn = arrows(axes)
    U, V, field = drawn.U, drawn.V, SPRING.reshape(-1, 2)
    assert_allclose(drawn.XY, GRID.reshape(-1, 2))
    assert_allclose(U * field[:, 1], V * field[:, 0], atol=1e-12)
    assert np.all(U * field[:, 0] + V * field[:, 1] >= 0)
    assert_allclose(drawn.get_array(), np.linalg.norm(field, axis=1))
    assert_allclose(points(axes, "*"), [(0.5, 1.0)])


def test_a_stronger_force_has_a_longer_arrow_on_a_scale_that_all_panels_share():
    figure = forces.plot_force_fields(X, X, {"weak": SPRING, "strong": 3 * SPRING})
    weak, strong = (arrows(axes) for axes in figure.axes[:2])
    at = 0  # a corner
    assert np.hypot(strong.U[at], strong.V[at]) > np.hypot(weak.U[at], weak.V[at])
    assert weak.norm.vmax == strong.norm.vmax == pytest.approx(3 * 8**0.5)


def test_no_force_has_no_arrow_and_a_force_beyond_the_scale_no_warning():
    drawn = arrows(forces.plot_force_fields(X, X, {"spring": 1e-9 * SPRING**9}).axes[0])
    centre = len(X) ** 2 // 2
    assert (drawn.U[centre], drawn.V[centre]) == (0, 0)


def test_level_lines_go_through_the_half_units_of_the_first_axis():
    levels = {"spring": np.sum(GRID**2, axis=-1)}
    axes = forces.plot_force_fields(X, X, {"spring": SPRING}, levels=levels).axes[0]
    assert_allclose(axes.collections[0].levels, [0.25, 1.0, 2.25])


def test_paths_lead_from_a_circle_to_a_star_in_the_panel_of_their_class(rng):
    paths = rng.normal(size=(3, 5, 4, 2))
    losses = np.sum((GRID - W.T[:, None, None] / 2) ** 2, axis=-1)
    figure = forces.plot_flows(X, X, losses, paths, W)
    for k, axes in enumerate(figure.axes):
        drawn = [line.get_xydata() for line in axes.lines]
        for s in range(4):
            assert any(np.array_equal(path, paths[k, :, s]) for path in drawn)
        assert any(np.array_equal(path, paths[k, -1]) for path in drawn)


def test_curves_are_the_data_on_the_axes_that_were_asked_for():
    x, y = np.arange(1, 4), np.array([1.0, 10.0, 1e4])
    figure = forces.plot_curves(x, {"a": {"one": y, "two": 2 * y}, "b": {"three": x}}, "x", "y")
    first, second = figure.axes
    assert_array_equal(first.lines[1].get_ydata(), 2 * y)
    assert [text.get_text() for text in first.get_legend().get_texts()] == ["one", "two"]
    assert (first.get_xscale(), first.get_yscale(), first.get_ylabel()) == ("linear", "log", "a")
    assert second.get_legend() is None


def test_class_points_end_at_the_marker_of_their_class(rng):
    path = rng.normal(size=(6, 4, 2))
    figure = forces.plot_class_paths({"run": path}, {"run": path[-1]}, columns=1)
    axes = figure.axes[0]
    ends = [points(axes, marker) for marker in "os^D"]
    assert_allclose(np.concatenate(ends), path[-1])
    assert_allclose(points(axes, "."), path[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: forces.plot_force_fields(X, X, {"f": SPRING[:3]}), r"'f' must have .*\(3, 9, 2\)"),
        (lambda: forces.plot_force_fields(X, X, {"f": SPRING}, W.T), "weights must have shape"),
        (lambda: forces.plot_force_fields(X, X, {"f": SPRING}, W, [1]), "point must have shape"),
        (lambda: forces.plot_flows(X, X, np.ones((2, 9, 9)), W, W), "losses must have shape"),
        (lambda: forces.plot_curves(X, {"a": {"short": X[1:]}}, "x"), "short must have shape"),
        (lambda: forces.plot_class_paths({"r": X}, {"r": W.T}, 1), "'r' must have shape"),
    ],
)
def test_a_wrong_shape_is_named_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
