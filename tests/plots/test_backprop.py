"""The figures of notebook 01 hold the data that was given."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lpc_scratch.course.figures.backprop import (
    plot_descent,
    plot_difference_errors,
    plot_weight_images,
)

EPOCHS = np.arange(5)
STEPS = np.logspace(-8, -1, 8)


def labelled(axes):
    return {line.get_label(): line for line in axes.lines}


def test_descent_shows_each_curve_under_its_name_with_the_loss_on_a_log_axis():
    losses = {"right": np.exp(-EPOCHS), "wrong": 2 * np.exp(-EPOCHS)}
    accuracies = {"wrong": EPOCHS / 5, "right": EPOCHS / 6}
    left, right = plot_descent(EPOCHS, losses, accuracies).axes
    assert left.get_yscale() == "log"
    assert right.get_yscale() == "linear"
    for axes, curves in ((left, losses), (right, accuracies)):
        lines = labelled(axes)
        assert set(lines) == set(curves)
        for name, curve in curves.items():
            assert_array_equal(lines[name].get_xdata(), EPOCHS)
            assert_array_equal(lines[name].get_ydata(), curve)


def test_a_name_is_drawn_alike_in_both_panels_and_unlike_the_other():
    left, right = plot_descent(
        EPOCHS, {"a": EPOCHS + 1, "b": EPOCHS + 2}, {"b": EPOCHS, "a": EPOCHS}
    ).axes

    def looks(line):
        return line.get_color(), line.get_linestyle(), line.get_marker()

    for name in "ab":
        assert looks(labelled(left)[name]) == looks(labelled(right)[name])
    first, second = (looks(line) for line in left.lines)
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_difference_errors_are_drawn_as_given_and_zero_is_left_out():
    errors = {"central": STEPS**2, "exact": 0 * STEPS}
    axes = plot_difference_errors(STEPS, errors, {"law": 3 * STEPS}).axes[0]
    lines = labelled(axes)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert_array_equal(lines["central"].get_xdata(), STEPS)
    assert_array_equal(lines["central"].get_ydata(), STEPS**2)
    assert np.isnan(lines["exact"].get_ydata()).all()
    assert_array_equal(lines["law"].get_ydata(), 3 * STEPS)


def test_a_guide_does_not_widen_the_axis():
    with_guide = plot_difference_errors(STEPS, {"a": STEPS}, {"law": 1e9 * STEPS}).axes[0]
    assert with_guide.get_ylim() == plot_difference_errors(STEPS, {"a": STEPS}).axes[0].get_ylim()


def test_every_unit_is_an_image_of_its_weights(rng):
    weights = rng.normal(size=(12, 18))
    figure = plot_weight_images({"before": weights, "after": 2 * weights}, (3, 4))
    before, after, _ = figure.axes
    assert [axes.get_title() for axes in (before, after)] == ["before", "after"]
    for axes, expected in ((before, weights), (after, 2 * weights)):
        mosaic = axes.images[0].get_array().filled(np.nan)
        assert mosaic.shape == (3 * 3 + 2, 8 * 4 + 7)  # three rows and eight columns, with gaps
        for unit in range(18):
            top, left = unit // 8 * 4, unit % 8 * 5
            image = mosaic[top : top + 3, left : left + 4]
            assert_array_equal(image.ravel(), expected[:, unit])
        assert np.isnan(mosaic).sum() == mosaic.size - 12 * 18
        largest = 2 * np.abs(weights).max()
        assert axes.images[0].get_clim() == (-largest, largest)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_descent(EPOCHS, {"a": EPOCHS[:3] + 1}, {}), r"'a' must have shape .*\(3,\)"),
        (lambda: plot_descent(EPOCHS, {"a": EPOCHS}, {}), "must be positive"),
        (lambda: plot_descent(EPOCHS, {}, {}), "not for 0"),
        (lambda: plot_descent(EPOCHS, {}, dict.fromkeys("abcde", EPOCHS)), "not for 5"),
        (lambda: plot_difference_errors([0.0], {"a": [1.0]}), "positive steps"),
        (lambda: plot_difference_errors(STEPS, {"a": STEPS[1:]}), r"'a' must have shape .*\(7,\)"),
        (lambda: plot_difference_errors(STEPS, {}), "not for 0"),
        (
            lambda: plot_difference_errors(STEPS, {"a": STEPS}, dict.fromkeys("abcd", STEPS)),
            "3 guides, not for 4",
        ),
        (lambda: plot_weight_images({"a": np.ones((5, 2))}, (2, 3)), "5 rows, and images 6 pixels"),
        (lambda: plot_weight_images({"a": np.ones(6)}, (2, 3)), r"\[\(6,\)\]"),
        (lambda: plot_weight_images({}, (2, 3)), "matrices"),
        (
            lambda: plot_weight_images({"a": np.ones((6, 2)), "b": np.ones((6, 3))}, (2, 3)),
            "of one shape",
        ),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
