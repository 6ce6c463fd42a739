"""The figures hold the data that was given; how they look is judged by eye."""

from itertools import cycle

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lpc_scratch import plots
from lpc_scratch.plots import classes, panels

EPOCHS = np.array([0, 1, 2, 5, 10, 20, 30, 40, 60, 80, 100])
EDGES = np.linspace(-3, 3, 31)
NAMES = [f"class {c}" for c in range(4)]
METRICS = [
    *("nc1", "cdnv", "equinorm", "equiangular", "max_angle", "etf_distance", "nc3", "nc4"),
    *("peak_distance", "kurtosis", "sign_purity", "same_code", "distinct_codes"),
]


def make_rows(members=1, **columns):
    """Rows of falling curves, a different one each member; `columns` replace values."""
    names = ["loss", "cross_entropy", "penalty", "train_accuracy", "test_accuracy", *METRICS]
    return [
        {"epoch": epoch, "member": member, "seed": member + 7, "gamma": 10.0}
        | {name: (i + 1) / (epoch + member + 1) for i, name in enumerate(names)}
        | columns
        for epoch in EPOCHS.tolist()
        for member in range(members)
    ]


@pytest.fixture
def snapshots(rng):
    """Epochs, edges, counts and class means of two members."""
    counts = rng.integers(0, 50, size=(len(EPOCHS), 2, len(EDGES) - 1))
    return EPOCHS, EDGES, counts, rng.normal(size=(len(EPOCHS), 2, len(NAMES), 6))


def labelled(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def panel(figure, title):
    return next(axes for axes in figure.axes if axes.get_title().startswith(title))


def test_training_shows_the_rows_with_the_loss_on_a_log_axis():
    rows = make_rows()
    losses, accuracies = plots.plot_training(rows).axes
    assert losses.get_yscale() == "log"
    assert accuracies.get_yscale() == "linear"
    for axes, label, column in (
        (losses, "loss", "loss"),
        (losses, "cross-entropy", "cross_entropy"),
        (losses, "penalty (times gamma)", "penalty"),
        (accuracies, "test", "test_accuracy"),
    ):
        line = labelled(axes)[label]
        assert_array_equal(line.get_xdata(), EPOCHS)
        assert_array_equal(line.get_ydata(), [row[column] for row in rows])


def test_a_penalty_of_zero_is_left_out_of_the_log_axis():
    losses = plots.plot_training(make_rows(penalty=0.0)).axes[0]
    assert set(labelled(losses)) == {"loss", "cross-entropy"}


def test_two_members_give_two_curves_and_their_mean_whatever_the_order_of_the_rows():
    rows = make_rows(members=2)
    figure = plots.plot_collapse(rows[::-1])
    first, second, mean = (line.get_ydata() for line in panel(figure, "Equal norms").lines)
    assert_array_equal(first, [row["equinorm"] for row in rows if row["member"] == 0])
    assert_array_equal(second, [row["equinorm"] for row in rows if row["member"] == 1])
    assert_allclose(mean, (first + second) / 2)


def test_a_value_that_one_member_lacks_is_left_out_of_the_mean():
    rows = make_rows(members=2)
    rows[0]["cdnv"] = float("nan")
    first, second, mean = (
        line.get_ydata() for line in panel(plots.plot_collapse(rows), "CDNV").lines
    )
    assert np.isnan(first[0])
    assert mean[0] == second[0]


def test_every_collapse_metric_has_its_panel_and_its_references():
    figure = plots.plot_collapse(make_rows(), classes=4)
    assert len(figure.axes) == 12
    assert [axes.get_title()[:4] for axes in figure.axes if axes.get_yscale() == "log"] == [
        "NC1 ",
        "CDNV",
        "NC3 ",
    ]
    kurtosis, codes = panel(figure, "Kurtosis"), panel(figure, "Distinct codes")
    assert_array_equal(labelled(kurtosis)["Gaussian"].get_ydata(), 3)
    assert_array_equal(labelled(codes)["4 classes"].get_ydata(), 4)


def test_a_metric_that_a_log_axis_cannot_show_is_reported_in_its_panel(tmp_path):
    rows = make_rows()
    for row, value in zip(rows, cycle([np.nan, np.inf, 0.0, -1.0, 1e300, 5e-324]), strict=False):
        row["nc1"] = value
    figure = plots.plot_collapse(rows)
    axes = panel(figure, "NC1")
    assert [text.get_text() for text in axes.texts] == ["not defined for this run"]
    figure.savefig(tmp_path / "collapse.png", dpi=30)  # a warning would fail the test


def test_the_chosen_epochs_include_the_first_and_the_last_and_are_denser_early():
    for length in (1, 2, 8, 9, 101):
        chosen = panels.choose_epochs(np.arange(50, 50 + length))
        assert chosen[0] == 0
        assert chosen[-1] == length - 1
        assert len(chosen) <= panels.MAX_RIDGES
        assert np.all(np.diff(chosen) > 0)
    assert np.all(np.diff(chosen, 2) >= 0)


def test_ridges_are_the_histograms_of_the_first_member(snapshots):
    epochs, edges, counts, _ = snapshots
    axes = plots.plot_latent_histograms(epochs, edges, counts).axes[0]
    chosen = panels.choose_epochs(epochs)
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        str(e) for e in EPOCHS[chosen]
    ]
    for place, t in enumerate(chosen):
        ridge = axes.lines[2 * place].get_ydata() + place
        assert_allclose(ridge / ridge.max(), counts[t, 0] / counts[t, 0].max())


def test_histograms_without_a_count_are_flat(snapshots):
    epochs, edges, counts, _ = snapshots
    axes = plots.plot_latent_histograms(epochs, edges, 0 * counts).axes[0]
    assert_array_equal(axes.lines[0].get_ydata(), 0)


def test_a_binary_code_shows_as_plus_and_minus_one(rng):
    signs = np.where(rng.random((4, 6)) < 0.5, -1.0, 1.0)
    signs[:, 5] = 0  # a dead ReLU coordinate
    axes = plots.plot_class_codes(signs * [1, 2, 3, 4, 5, 6], NAMES).axes[0]
    assert_allclose(axes.images[0].get_array(), signs)
    assert axes.images[0].get_clim() == (-classes.CODE_RANGE, classes.CODE_RANGE)
    plus, minus = (marks.get_offsets() for marks in axes.collections)
    assert {(r, c) for c, r in plus} == set(zip(*np.nonzero(signs > 0), strict=True))
    assert {(r, c) for c, r in minus} == set(zip(*np.nonzero(signs < 0), strict=True))


def test_a_simplex_has_the_cosines_that_the_colour_bar_marks():
    axes, bar = plots.plot_class_cosines(np.eye(4) + 3, NAMES).axes
    expected = np.where(np.eye(4), 1, -1 / 3)
    assert_allclose(axes.images[0].get_array(), expected, atol=1e-12)
    assert axes.get_title().endswith("−0.333 ± 0.000")
    assert {text.get_text() for text in axes.texts} == {"1.00", "−0.33"}
    assert "−1/3" in [label.get_text() for label in bar.get_yticklabels()]


def test_a_run_writes_six_pictures_and_leaves_no_global_trace(snapshots, tmp_path):
    settings = [name for name in mpl.rcParams if name != "backend"]  # reading it would choose one
    before = [mpl.rcParams[name] for name in settings]
    folder = tmp_path / "new" / "plots"
    paths = plots.save_run_plots(make_rows(members=2), *snapshots, NAMES, folder)
    stems = ["training", "collapse", "latent-histograms", "class-codes", "class-cosines"]
    assert paths == [folder / f"{stem}.png" for stem in [*stems, "overview"]]
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
    assert [mpl.rcParams[name] for name in settings] == before
    assert not plt.get_fignums()


def test_a_saved_picture_has_the_pixels_of_savefig(snapshots, tmp_path):
    means = snapshots[-1][-1, 0]
    (path,) = plots.save_figures({"codes": plots.plot_class_codes(means, NAMES)}, tmp_path)
    plots.plot_class_codes(means, NAMES).savefig(tmp_path / "other.png", dpi=120)
    assert_array_equal(plt.imread(path), plt.imread(tmp_path / "other.png"))


def test_the_overview_shows_the_last_snapshot_of_the_first_member(snapshots):
    *histograms, means = snapshots
    figure = plots.plot_overview(make_rows(members=2), *histograms, means, NAMES)
    last = means[-1, 0]
    codes = panel(figure, "Class codes, epoch 100").images[0].get_array()
    assert_allclose(codes, last / np.abs(last).mean(axis=0))
    assert figure.get_suptitle().startswith("seed 7  ·  test accuracy 0.050")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.plot_training([]), "rows is empty"),
        (lambda: plots.plot_training([{"epoch": 0, "member": 0}]), "'loss'"),
        (lambda: plots.plot_latent_histograms([1, 0], EDGES, np.ones((2, 1, 30))), r"\[1, 0\]"),
        (lambda: plots.plot_latent_histograms([0], [1.0], np.ones((1, 1, 0))), r"\[1.0\]"),
        (lambda: plots.plot_latent_histograms([0], EDGES, np.ones((1, 1, 31))), r"\(1, 1, 31\)"),
        (lambda: plots.plot_class_codes(np.ones(4), NAMES), r"\(4,\)"),
        (lambda: plots.plot_class_codes(np.ones((3, 2)), NAMES), "4 class names for 3"),
        (lambda: plots.plot_class_codes(np.full((4, 2), np.nan), NAMES), "not finite"),
        (lambda: plots.plot_class_cosines(np.ones((1, 2)), NAMES[:1]), "two or more classes"),
        (
            lambda: plots.plot_overview(
                [], [0], EDGES, np.ones((1, 1, 30)), np.ones((4, 2)), NAMES
            ),
            r"class_means has shape \(4, 2\)",
        ),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
