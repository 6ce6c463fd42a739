"""The figures of the course's last notebook hold the data that was given."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lpc_scratch.course.figures.evidence import (
    plot_adversarials,
    plot_evidence,
    plot_seeds,
    plot_test_against_training,
    verdict,
)


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([1.0, 1.1, 0.9], "helps"),
        ([-1.0, -1.1, -0.9], "hurts"),
        ([1.0, 3.0, 5.0], "no difference"),  # 3 ± 4.303 * 2 / sqrt(3) = 3 ± 4.97
        ([2.0, 3.0, 4.0], "helps"),  # 3 ± 2.48
        ([0.0, 0.0, 0.0], "no difference"),
        ([1.0, 3.0, 5.0, 1.0, 5.0], "helps"),  # 3 ± 2.776 * 2 / sqrt(5) = 3 ± 2.48
    ],
)
def test_a_verdict_is_that_of_the_interval_of_student(differences, expected):
    assert verdict(differences) == expected


def test_every_seed_has_a_line_and_every_architecture_its_mean():
    values = {"digits": {"a": [0.9, 0.8], "b": [0.7, 0.5]}, "mnist": {"a": [0.1]}}
    digits, mnist = plot_seeds(values, "accuracy").axes
    assert_array_equal([line.get_ydata() for line in digits.lines], [[0.9, 0.7], [0.8, 0.5]])
    heights = [segment[0, 1] for segment in digits.collections[0].get_segments()]
    assert_allclose(heights, [0.85, 0.6])
    assert [label.get_text() for label in digits.get_xticklabels()] == ["a", "b"]
    assert (digits.get_title(), mnist.get_title()) == ("digits", "mnist")


def test_test_accuracy_is_drawn_against_training_accuracy():
    figure = plot_test_against_training({"d": {"binary": ([0.1, 0.9], [0.2, 0.8])}})
    assert_array_equal(figure.axes[0].lines[0].get_xydata(), [[0.1, 0.2], [0.9, 0.8]])


def test_adversarials_are_shown_with_what_was_added_and_what_is_said_of_them(rng):
    before, after = rng.random((2, 2, 4, 3))
    figure = plot_adversarials(before, after, [("1", "7"), ("$2", "3")])
    shown = [axes.images[0].get_array() for axes in figure.axes[:6]]
    assert_allclose(shown, [*before, *(after - before), *after])
    assert [figure.axes[i].get_title() for i in (0, 1, 4, 5)] == [
        *("says 1", r"says \$2"),
        *("says 7", "says 3"),
    ]


def test_evidence_has_means_with_deviations_and_hollow_marks_where_there_is_no_difference():
    differences = {
        "accuracy": {"mnist": [1.0, 1.1, 0.9], "fashion": [1.0, -1.0, 0.0]},
        "robustness": {"mnist": [-2.0, -2.0, -2.3]},
    }
    axes = plot_evidence(differences).axes[0]
    means = [container.lines[0] for container in axes.containers]
    assert_allclose([line.get_xdata()[0] for line in means], [1.0, 0.0, -2.1])
    bars = [container.lines[2][0].get_segments()[0] for container in axes.containers]
    assert_allclose([(bar[1, 0] - bar[0, 0]) / 2 for bar in bars], [0.1, 1.0, 0.3 / 3**0.5])
    assert [line.get_markerfacecolor() == "white" for line in means] == [False, True, False]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["accuracy", "robustness"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: verdict([1.0]), "2 to 9 seeds, not 1"),
        (lambda: verdict(np.ones((3, 2))), r"1-D and not empty, not of shape \(3, 2\)"),
        (lambda: plot_seeds({}, "accuracy"), "no panel"),
        (lambda: plot_seeds({"d": {"a": [1], "b": [1, 2]}}, "x"), "'d' has not one number"),
        (lambda: plot_test_against_training({"d": {"a": ([1, 2], [1])}}), "'a' has 2 training"),
        (lambda: plot_adversarials(np.ones((1, 2, 2)), np.ones((2, 2, 2)), [("", "")]), "n, H, W"),
        (lambda: plot_evidence({}), "1 to 3 data sets"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_seed_without_a_number_is_no_evidence():
    with pytest.raises(ValueError, match="finite"):
        verdict([1.0, float("nan"), 2.0])
