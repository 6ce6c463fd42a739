"""The figures of a sweep hold the cells that were given; how they look is judged by eye."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Rectangle
from numpy.testing import assert_allclose, assert_array_equal

from lpc_scratch.plots import sweep as sweep_plots
from lpc_scratch.plots.sweep.cells import average
from lpc_scratch.plots.sweep.panels import SQUARE

GAMMAS = [0.01, 1.0, 100.0]
NAN = float("nan")


def make_table(seeds=(0, 1), phase="complete", **axes):
    """A finished cell for every combination; every metric is a different positive number in each.

    gamma is 10 where it is no axis.
    """
    names = [*sweep_plots.OVERVIEW, "code_distance", "margin"]
    names += ["latent_norm", "predicted_norm", "norm_bound", "cross_entropy", "classifier_norm"]
    places = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return [
        {"gamma": 10.0, **place, "seed": seed, "status": "finished", "phase": phase}
        | {name: 0.5 + i + 0.1 * p + 0.03 * seed for i, name in enumerate(names)}
        for p, place in enumerate(places)
        for seed in seeds
    ]


def diverge(cell):
    """Make a cell one that has diverged."""
    measured = [name for name, value in cell.items() if isinstance(value, float)]
    cell |= dict.fromkeys(measured) | {"gamma": cell["gamma"]}
    cell |= {"status": "diverged", "phase": "divergence"}


def values(table, metric, **place):
    return [c[metric] for c in table if all(c[axis] == value for axis, value in place.items())]


def stripes(axes):
    """Return the phases at every place (column, row), with the widths of their stripes."""
    found = {}
    for patch in axes.patches:
        column, row = round(patch.get_x()), round(patch.get_y() + patch.get_height() / 2)
        stripe = patch.get_label(), pytest.approx(patch.get_width() / SQUARE)
        found.setdefault((column, row), []).append(stripe)
    return found


def crosses(axes):
    return {tuple(place) for place in axes.collections[0].get_offsets().tolist()}


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def panel(figure, title):
    return next(axes for axes in figure.axes if axes.get_title().startswith(title))


def test_phases_stand_at_their_places_and_share_a_square_where_seeds_disagree():
    table = make_table(seeds=range(4), gamma=GAMMAS, penalty=["l2", "exp"], optimizer=["adam"])
    for cell in table:
        if cell["gamma"] == 100 and cell["penalty"] == "exp":
            cell["phase"] = "trivial" if cell["seed"] else "partial"
        elif cell["gamma"] == 0.01:
            cell["phase"] = "none"
    diverge(next(cell for cell in table if cell["gamma"] == 1))
    figure = sweep_plots.plot_phases(table, "gamma", "penalty", "optimizer", ["partial: all else"])
    axes = panel(figure, "adam")
    assert stripes(axes) == {
        **{(0, row): [("none", 1)] for row in (0, 1)},
        (1, 0): [("complete", 0.75), ("divergence", 0.25)],
        (1, 1): [("complete", 1)],
        (2, 0): [("complete", 1)],
        (2, 1): [("partial", 0.25), ("trivial", 0.75)],
    }
    assert [text.get_text() for text in axes.get_yticklabels()] == ["l2", "exp"]
    assert axes.yaxis_inverted()
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert names == ["$10^{-2}$", "$10^{0}$", "$10^{2}$"]
    assert legend(figure)[2] == "complete binary collapse"
    assert figure.get_supxlabel() == "partial: all else"


@pytest.mark.parametrize("phase", ["", None])
def test_a_place_without_a_phase_is_crossed_out(phase):
    table = make_table(gamma=GAMMAS, depth=[1, 2])[:-2]
    for cell in table[:2]:
        cell |= {"status": "failed", "phase": phase}
    axes = sweep_plots.plot_phases(table, y="depth").axes[0]
    assert crosses(axes) == {(0, 0), (2, 1)}
    assert set(stripes(axes)) == {(0, 1), (1, 0), (1, 1), (2, 0)}


def test_curves_are_means_over_seeds_with_a_band_of_one_standard_deviation():
    table = make_table(gamma=GAMMAS, penalty=["exp", "l2"])[::-1]
    figure = sweep_plots.plot_metric_curves(
        table, "nc1", "gamma", "NC1", log_x=True, lines_by=["penalty"], marks={"here": 3}
    )
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    for line, band in zip(axes.lines, axes.collections, strict=False):
        cells = [values(table, "nc1", gamma=g, penalty=line.get_label()) for g in GAMMAS]
        assert_array_equal(line.get_xdata(), GAMMAS)
        assert_allclose(line.get_ydata(), np.mean(cells, axis=1))
        low, high = np.mean(cells, axis=1) + np.outer([-1, 1], np.std(cells, axis=1, ddof=1))
        corners = band.get_paths()[0].vertices
        for gamma, *ends in zip(GAMMAS, low, high, strict=True):
            assert_allclose(np.unique(corners[corners[:, 0] == gamma, 1]), ends)
    assert_array_equal(axes.lines[-1].get_xdata(), 3)
    assert legend(figure) == ["l2", "exp", "here"]


def test_on_a_log_axis_mean_and_deviation_are_those_of_the_logarithm():
    table = make_table(gamma=GAMMAS)
    for cell, nc1 in zip(table, [1, 100, 4, 4, 0, 9], strict=True):
        cell["nc1"] = nc1
    axes = sweep_plots.plot_metric_curves(table, "nc1", "gamma", "NC1", log_y=True).axes[0]
    assert_allclose(axes.lines[0].get_ydata(), [10, 4, 9])  # 0 is left out
    one = 100 ** np.sqrt(1 / 2)  # the deviation of log 1 and log 100 is log 100 / √2
    assert_allclose(average(table[:2], "nc1", log=True), [10, 10 / one, 10 * one])


def test_values_that_are_missing_or_not_finite_are_left_out(tmp_path):
    table = make_table(gamma=GAMMAS, seeds=range(4))
    table[0]["latent_entropy"], table[1]["latent_entropy"] = -np.inf, NAN
    diverge(table[2])
    for cell in table[4:8]:
        diverge(cell)
    table[8]["status"] = "failed"
    figure = sweep_plots.plot_metrics(table, ["gamma"])
    line = panel(figure, "Latent entropy").lines[0]
    last = np.mean(values(table[9:], "latent_entropy"))
    assert_allclose(line.get_ydata(), [table[3]["latent_entropy"], NAN, last])
    figure.savefig(tmp_path / "metrics.png", dpi=30)  # a warning would fail the test


def test_names_have_bars_side_by_side_instead_of_lines():
    table = make_table(architecture=["binary", "none"], loss=["softmax", "double-softmax"])
    figure = sweep_plots.plot_metrics(table, ["architecture", "loss"])
    axes = panel(figure, "Peak distance")
    assert [text.get_text() for text in axes.get_xticklabels()] == ["binary", "none"]
    left, right = (container.lines[0] for container in axes.containers)
    assert left.get_linestyle() == "None"
    assert_array_equal(np.round(right.get_xdata()), [0, 1])
    assert np.all(left.get_xdata() < right.get_xdata())
    for line, loss in ((left, "softmax"), (right, "double-softmax")):
        cells = [
            values(table, "peak_distance", architecture=a, loss=loss) for a in ("binary", "none")
        ]
        assert_allclose(line.get_ydata(), np.mean(cells, axis=1))
    assert legend(figure) == ["softmax", "double-softmax"]


def test_the_overview_tells_three_axes_by_colour_and_dashes():
    table = make_table(gamma=GAMMAS, penalty=["exp", "l2"], optimizer=["adam", "sgd"])
    for cell in table:
        cell["learning_rate"] = 0.05 if cell["optimizer"] == "sgd" else 0.0005
    axes = ["penalty", "seed", "gamma", "optimizer", "learning_rate"]
    figure = sweep_plots.plot_metrics(table, axes)
    assert [a.get_yscale() for a in figure.axes] == ["linear", "log", *4 * ["linear"]]
    accuracy = figure.axes[0]
    assert accuracy.get_xlabel() == "gamma (penalty strength)"
    looks = {line.get_label(): (line.get_color(), line.get_linestyle()) for line in accuracy.lines}
    adam, sgd = "adam, learning rate 0.0005", "sgd, learning rate 0.05"
    assert list(looks) == [f"{p}, {o}" for p in ("exp", "l2") for o in (adam, sgd)]
    colors, dashes = zip(*looks.values(), strict=True)
    assert colors[0] == colors[1] != colors[2] == colors[3]
    assert dashes == ("-", "--", "-", "--")
    assert legend(figure) == ["exp", "l2", adam, sgd]


def test_two_axes_of_numbers_give_heat_maps_with_crosses_where_there_is_no_value():
    table = make_table(seeds=[0, 2], depth=[2, 1], width=[64, 32, 128])
    for cell in table:
        if cell["depth"] == 1 and cell["width"] == 64:
            diverge(cell)
    table = [cell for cell in table if (cell["depth"], cell["width"]) != (2, 32)]
    figure = sweep_plots.plot_metrics(table, ["depth", "width"])
    axes = panel(figure, "Test accuracy")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("width (units)", "depth (hidden layers)")
    assert not axes.yaxis_inverted()
    means = np.full((2, 3), NAN)
    for (row, depth), (column, width) in product(enumerate([1, 2]), enumerate([32, 64, 128])):
        cells = values(table, "test_accuracy", depth=depth, width=width)
        if cells and None not in cells:
            means[row, column] = np.mean(cells)
    assert_allclose(axes.images[0].get_array().filled(NAN), means)
    assert [text.get_text() for text in axes.texts] == [
        f"{mean:.2f}" for mean in means.flat if np.isfinite(mean)
    ]
    assert crosses(axes) == {(1, 0), (0, 1)}


def test_zero_has_its_place_beside_gammas_that_span_decades():
    axes = sweep_plots.plot_metrics(make_table(gamma=[0.0, *GAMMAS]), ["gamma"]).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()][:2] == ["0", "$10^{-2}$"]
    assert_allclose(axes.lines[0].get_xdata(), [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("gammas", "names"),
    [
        ([1.0, 1e300], ["$10^{0}$", "$10^{300}$"]),
        ([1e-310, 0.3], ["1e-310", "0.3"]),
        ([0.0, 1.7e308], ["0", "1.7e+308"]),
    ],
)
def test_values_further_apart_than_an_axis_reaches_are_evenly_spaced(gammas, names, tmp_path):
    table = make_table(gamma=gammas)
    figures = [
        sweep_plots.plot_metrics(table, ["gamma"]),
        sweep_plots.plot_code_geometry(table, "gamma"),
        sweep_plots.plot_phases(table),
    ]
    for figure in figures:
        axes = figure.axes[0]
        assert [text.get_text() for text in axes.get_xticklabels()] == names
        assert_array_equal(axes.get_xticks(), range(len(gammas)))
    for figure in [*figures, sweep_plots.plot_equilibrium(table)]:
        figure.savefig(tmp_path / "figure.png", dpi=30)  # a warning would fail the test


def test_whole_numbers_beyond_those_of_numpy_are_drawn(tmp_path):
    figure = sweep_plots.plot_metrics(make_table(batch_size=[2, 10**20]), ["batch_size"])
    assert_array_equal(figure.axes[0].lines[0].get_xdata(), [2, 1e20])
    figure.savefig(tmp_path / "metrics.png", dpi=30)


def test_measurements_beyond_what_an_axis_shows_are_left_out(tmp_path):
    table = make_table(seeds=(0, 1, 2), gamma=GAMMAS, depth=[1, 2])
    for cell, beyond in zip(table[:3], [1e300, -1e300, 1e-300], strict=True):
        cell |= dict.fromkeys(["nc1", "code_distance", "margin", "latent_norm"], beyond)
    figures = [
        sweep_plots.plot_metrics(table, ["gamma"]),
        sweep_plots.plot_metrics(table, ["gamma", "depth"]),
        sweep_plots.plot_equilibrium(table),
        sweep_plots.plot_code_geometry(table, "gamma"),
    ]
    rest = np.exp(np.mean(np.log([cell["nc1"] for cell in table[3:6]])))
    assert_allclose(panel(figures[0], "NC1").lines[0].get_ydata()[0], rest)
    assert crosses(panel(figures[1], "NC1")) == {(0, 0)}
    for figure in figures:
        figure.savefig(tmp_path / "figure.png", dpi=30)  # a warning would fail the test


def test_values_that_differ_have_names_that_differ():
    gammas = [1e-12, 2e-9, 1.0, 1.0000001]  # close to powers of ten, and not
    axes = sweep_plots.plot_phases(make_table(gamma=gammas)).axes[0]
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert names == ["1e-12", "2e-09", "1", "1.0000001"]
    table = make_table(latent_dim=[4, 8, 16], gamma=gammas[2:])
    assert legend(sweep_plots.plot_code_geometry(table, "latent_dim", ["gamma"]))[:2] == [
        *("gamma 1", "gamma 1.0000001")
    ]


@pytest.mark.parametrize(
    ("gammas", "largest", "place"),
    [
        ([0.01, 1.0, 100.0], 10.0, 1.5),
        ([0.0, 1.0, 100.0], 1.0, 1.0),
        ([0.01, 1.0, 100.0], 200.0, 2 + np.log(2) / np.log(100)),
        ([0.01, 1.0, 100.0], 2000.0, None),
        ([1.0], 1.0, None),
    ],
)
def test_the_largest_gamma_stands_between_the_squares_of_its_row(gammas, largest, place):
    table = make_table(gamma=gammas, optimizer=["sgd", "adam"])
    for cell in table:
        cell["largest_gamma"] = largest if cell["optimizer"] == "adam" else None
    figure = sweep_plots.plot_phases(table, "gamma", "optimizer")
    lines = figure.axes[0].lines
    assert (legend(figure)[-1].startswith("largest gamma")) == (place is not None)
    if place is None:
        assert not lines
        return
    assert_allclose(lines[0].get_xdata(), place)
    assert_allclose(lines[0].get_ydata(), [0.5, 1.5])
    assert len(lines) == 1
    assert not sweep_plots.plot_phases(table, "seed", "gamma").axes[0].lines


def test_equilibrium_shows_positive_values_and_what_the_settings_foretell():
    gammas = [0.0, 1.0, 10.0, 100.0, 1000.0, 1e4]
    table = make_table(gamma=gammas, penalty=["exp", "l2"], optimizer=["adam"])
    for cell in table:
        cell["settings_norm"] = cell["settings_cross_entropy"] = cell["gamma"] or None
        cell["settings_classifier_norm"] = 7.0
        if cell["gamma"] == 1:
            cell["margin"] = -1.0
    figure = sweep_plots.plot_equilibrium(table, ["penalty", "optimizer"])
    latent, entropy, classifier, margin = figure.axes
    assert all(axes.get_xscale() == axes.get_yscale() == "log" for axes in figure.axes)
    assert [len(axes.lines) for axes in figure.axes] == [8, 4, 4, 2]
    names = ["latent_norm", "predicted_norm", "norm_bound"]
    for line, metric in zip(latent.lines, names, strict=False):
        cells = [values(table, metric, gamma=g, penalty="exp") for g in gammas[1:]]
        assert_array_equal(line.get_xdata(), gammas[1:])
        assert_allclose(line.get_ydata(), np.exp(np.mean(np.log(cells), axis=1)))
    assert_allclose(latent.lines[3].get_ydata(), gammas[1:])
    assert_allclose(entropy.lines[1].get_ydata(), gammas[1:])
    assert_allclose(classifier.lines[1].get_ydata(), 7)
    assert "predicted from settings alone" in legend(figure)
    assert_array_equal(np.isnan(margin.lines[0].get_ydata()), [True, *4 * [False]])


def test_code_geometry_has_the_spread_over_pairs_as_its_band():
    table = make_table(latent_dim=[4, 16])
    figure = sweep_plots.plot_code_geometry(table, "latent_dim", simplex=5 / 9)
    line, simplex = figure.axes[0].lines
    distances = [np.mean(values(table, "code_distance", latent_dim=d)) for d in (4, 16)]
    assert_allclose(line.get_ydata(), distances)
    corners = figure.axes[0].collections[0].get_paths()[0].vertices
    spread = np.mean(values(table, "code_spread", latent_dim=4))
    ends = distances[0] + np.array([-spread, spread])
    assert_allclose(np.unique(corners[corners[:, 0] == 4, 1]), ends)
    assert_allclose(simplex.get_ydata(), 5 / 9)
    assert legend(figure) == ["simplex (0.556)"]


@pytest.mark.parametrize("diverged", [False, True])
def test_a_single_cell_can_be_drawn_whether_or_not_it_has_diverged(diverged, tmp_path):
    table = make_table(seeds=[0], depth=[3])
    if diverged:
        diverge(table[0])
    figures = [
        sweep_plots.plot_phases(table),
        sweep_plots.plot_metrics(table, ["gamma"]),
        sweep_plots.plot_metrics(table, ["gamma", "depth"]),
        sweep_plots.plot_metric_heatmap(table, "nc1", "gamma", "depth", "NC1", log=True),
        sweep_plots.plot_equilibrium(table),
        sweep_plots.plot_code_geometry(table, "gamma", simplex=0.5),
    ]
    for figure in figures:
        figure.savefig(tmp_path / "figure.png", dpi=30)  # a warning would fail the test
    for figure in figures[1:]:
        texts = {text.get_text() for text in figure.axes[0].texts}
        assert ("not defined" in texts) == diverged
    (square,) = figures[0].axes[0].patches
    assert isinstance(square, Rectangle)
    assert square.get_label() == ("divergence" if diverged else "complete")
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: sweep_plots.plot_phases([]), "table is empty"),
        (lambda t: sweep_plots.plot_phases(t, y="depth"), "'depth'"),
        (lambda t: sweep_plots.plot_metric_curves(t, "nc2", "gamma", "NC2"), "'nc2'"),
        (lambda t: sweep_plots.plot_metric_curves(t, "nc1", "depth", "NC1"), "'depth'"),
        (
            lambda t: sweep_plots.plot_metric_curves(t, "nc1", "seed", "NC1", log_x=True),
            r"seed cannot have a logarithmic axis: it has the values \[0, 1\]",
        ),
        (lambda t: sweep_plots.plot_metric_heatmap([], "nc1", "x", "y", "NC1"), "table is empty"),
        (lambda t: sweep_plots.plot_metrics(t, ["seed"]), "axes is empty"),
        (lambda t: sweep_plots.plot_metrics(t, ["gamma"], {}), "metrics is empty"),
        (lambda t: sweep_plots.plot_equilibrium(t, ["penalty"]), "'penalty'"),
        (lambda t: sweep_plots.plot_code_geometry([{"status": ""}], "gamma"), "'code_distance'"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call(make_table(gamma=GAMMAS))
