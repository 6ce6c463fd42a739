"""The figures of the course's gamma notebook hold the data that was given."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lpc_scratch.course.figures.regimes import plot_forces, plot_histograms, plot_schedules

Z = np.linspace(0, 2, 21)


def rows(member=0, **columns):
    return [
        {"epoch": epoch, "member": member, "gamma": 2.0**epoch, "latent_norm": 3.0 - epoch}
        | {"nc1": 0.5**epoch, "test_accuracy": 0.1 * epoch}
        | columns
        for epoch in range(4)
    ]


def test_the_forces_are_those_given_and_the_mark_is_where_they_balance():
    axes = plot_forces(Z, 2 - Z, {"weak": 0.25 * Z, "strong": 4 * Z}).axes[0]
    pull, weak, _, strong, mark = axes.lines
    assert_array_equal(pull.get_ydata(), 2 - Z)
    assert_array_equal(weak.get_ydata(), 0.25 * Z)
    assert_array_equal(strong.get_ydata(), 4 * Z)
    assert_allclose(mark.get_xydata(), [[0.4, 1.6]], atol=1e-12)


def test_forces_that_never_balance_have_no_mark():
    axes = plot_forces(Z, np.full_like(Z, 9.0), {"too weak": Z}).axes[0]
    assert axes.lines[-1].get_xdata().size == 0


def test_histograms_are_densities_on_a_common_axis():
    edges, counts = np.array([-2.0, -1.0, 0.0, 2.0]), {"a": [1, 1, 2], "b": [0, 0, 0]}
    first, second = plot_histograms(edges, counts).axes
    assert_allclose(first.patches[0].get_data().values, [0.25, 0.25, 0.25])
    assert_array_equal(second.patches[0].get_data().values, 0)
    assert first.get_ylim() == second.get_ylim()
    assert (first.get_title(), second.get_title()) == ("a", "b")


def test_schedules_show_the_first_member_of_every_run_and_leave_out_what_has_no_logarithm():
    figure = plot_schedules({"slow": rows() + rows(member=1, gamma=7.0), "fast": rows(gamma=5.0)})
    gamma, norm, nc1, accuracy = figure.axes
    assert_array_equal(gamma.lines[0].get_ydata(), [1, 2, 4, 8])
    assert_array_equal(gamma.lines[1].get_ydata(), 5)
    assert_array_equal(norm.lines[0].get_ydata(), [3, 2, 1, np.nan])
    assert_array_equal(nc1.lines[1].get_ydata(), [1, 0.5, 0.25, 0.125])
    assert_allclose(accuracy.lines[0].get_ydata(), [0, 0.1, 0.2, 0.3])
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "log", "log", "linear"]
    assert [line.get_label() for line in gamma.lines] == ["slow", "fast"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_forces(Z[::-1], Z, {"a": Z}), "increasing"),
        (lambda: plot_forces(Z, Z[1:], {"a": Z}), r"pull must have shape .*\(20,\)"),
        (lambda: plot_forces(Z, Z, {"a": Z[1:]}), r"'a' must have shape .*\(20,\)"),
        (lambda: plot_forces(Z, Z, {}), "1 to 5 pushes, not for 0"),
        (lambda: plot_histograms([0, 1], {}), "no histogram"),
        (lambda: plot_histograms([0, 1], {"a": [1, 2]}), r"'a' must have shape \(1,\), not \(2,\)"),
        (lambda: plot_schedules({}), "1 to 5 runs, not for 0"),
        (lambda: plot_schedules({"a": []}), "rows is empty"),
        (lambda: plot_schedules({"a": [{"epoch": 0, "member": 0}]}), "'gamma'"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
