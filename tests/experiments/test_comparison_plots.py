"""The figures of a comparison hold the data that was given; how they look is judged by eye."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lpc_scratch.metrics import fit_mixtures
from lpc_scratch.plots import comparison as figures

EPOCHS = [0, 10, 20, 40]
FOUR = ["binary", "linear", "nonlinear", "none"]
NAMES = ["cat", "dog", "emu"]
EDGES = np.linspace(-3, 3, 121)


def make_rows(seeds=(3, 5), **columns):
    """Rows of curves that differ by seed; `columns` replace values."""
    return [
        {"epoch": epoch, "seed": seed}
        | {name: (seed + i) / (epoch + 1) for i, name in enumerate(figures.PANELS)}
        | columns
        for epoch in EPOCHS
        for seed in seeds
    ]


def make_portrait(rng, dims=4):
    """Return the portrait of a latent with two narrow peaks, and a last coordinate that is 0."""
    latent = rng.choice([-1.0, 1.0], size=(500, dims)) + 0.03 * rng.normal(size=(500, dims))
    latent[:, -1] = 0
    mixtures = fit_mixtures(latent)
    z = (latent - latent.mean(axis=0)) / np.maximum(latent.std(axis=0), 1e-9)
    return {
        "coordinates": np.arange(dims) * 5,
        "histogram_edges": EDGES,
        "histogram_counts": np.stack([np.histogram(column, EDGES)[0] for column in z.T]),
        "mixture_means": mixtures.means,
        "mixture_sigmas": mixtures.sigmas,
        "mixture_weights": mixtures.weights,
        "projection": rng.normal(size=(60, 2)),
        "projection_labels": np.arange(60) % 3,
        "projected_means": rng.normal(size=(3, 2)),
        "projection_share": np.array([0.625, 0.25]),
    }


def panel(figure, title):
    return next(axes for axes in figure.axes if axes.get_title().startswith(title))


def curve(axes, name):
    return next(line for line in axes.lines if line.get_label() == name)


def band(axes, number=0):
    """Return lower and upper end of a shaded band at every epoch."""
    corners = axes.collections[number].get_paths()[0].vertices
    at = {epoch: corners[corners[:, 0] == epoch, 1] for epoch in corners[:, 0]}
    return np.array([(ys.min(), ys.max()) for _, ys in sorted(at.items())]).T


def test_curves_are_means_over_seeds_and_bands_one_standard_deviation():
    rows = {"binary": make_rows(), "linear": make_rows(seeds=(8,))}
    axes = panel(figures.plot_comparison(rows), "Equal norms")
    values = np.array([row["equinorm"] for row in rows["binary"]]).reshape(-1, 2)
    mean, std = values.mean(axis=1), values.std(axis=1, ddof=1)
    assert_array_equal(curve(axes, "binary").get_xdata(), EPOCHS)
    assert_allclose(curve(axes, "binary").get_ydata(), mean)
    assert_allclose(band(axes), [mean - std, mean + std])
    assert_allclose(curve(axes, "linear").get_ydata(), [row["equinorm"] for row in rows["linear"]])


def test_on_the_log_axis_mean_and_band_are_those_of_the_logarithm():
    rows = make_rows(seeds=(0, 6))  # 2 and 8 over the epoch + 1
    axes = panel(figures.plot_comparison({"binary": rows}), "NC1")
    assert axes.get_yscale() == "log"
    shrink = np.array(EPOCHS) + 1
    assert_allclose(curve(axes, "binary").get_ydata(), 4 / shrink)
    one = 4 ** np.sqrt(1 / 2)  # the deviation of log 2 and log 8 is log 4 / √2
    assert_allclose(band(axes), [4 / one / shrink, 4 * one / shrink])


def test_what_a_seed_lacks_is_left_out_of_the_mean():
    rows = make_rows()
    rows[2]["max_angle"], rows[4]["max_angle"] = np.nan, np.inf
    rows[0]["nc1"] = -1.0
    del rows[-2]  # seed 3 has diverged
    figure = figures.plot_comparison({"binary": rows})
    angle = curve(panel(figure, "Maximal angles"), "binary").get_ydata()
    assert_allclose(angle[1:], [rows[i]["max_angle"] for i in (3, 5, 6)])
    assert_allclose(angle[0], (rows[0]["max_angle"] + rows[1]["max_angle"]) / 2)
    assert_allclose(curve(panel(figure, "NC1"), "binary").get_ydata()[0], rows[1]["nc1"])


def test_a_metric_nowhere_finite_is_not_defined_and_one_legend_names_all():
    rows = {name: make_rows(gmm_sigma=np.nan) for name in [*FOUR[:2], "mine"]}
    rows["linear"] = make_rows(gmm_sigma=np.nan, equinorm=np.inf)
    figure = figures.plot_comparison(rows)
    assert [text.get_text() for text in panel(figure, "GMM sigma").texts] == ["not defined"]
    assert [line.get_label() for line in panel(figure, "Equal norms").lines] == ["binary", "mine"]
    assert all(axes.get_legend() is None for axes in figure.axes)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*rows, "one Gaussian"]
    reference = curve(panel(figure, "GMM score"), "one Gaussian")
    assert_array_equal(reference.get_ydata(), figures.UNIMODAL_SCORE)


def test_accuracy_panels_show_what_comes_after_the_first_epochs():
    rows = make_rows()
    for row in rows:
        row["test_accuracy"] = 0.1 if row["epoch"] == 0 else 0.95 + row["epoch"] / 1000
    low, high = panel(figures.plot_comparison({"none": rows}), "Test accuracy").get_ylim()
    assert 0.95 < low < 0.97
    assert 0.99 < high < 1


def test_a_name_looks_the_same_whichever_others_are_drawn_and_eight_look_different():
    def looks(*names):
        axes = figures.plot_comparison({name: make_rows() for name in names}).axes[0]
        lines = {name: curve(axes, name) for name in names}
        return {
            name: (line.get_color(), line.get_linestyle(), line.get_marker())
            for name, line in lines.items()
        }

    eight = looks("a", "b", *FOUR, "c", "d")
    assert len(set(eight.values())) == 8
    assert len({look[1:] for look in eight.values()}) == 8  # without colours as well
    assert looks("none", "linear") == {name: eight[name] for name in ("none", "linear")}


def test_a_mixture_is_drawn_as_fitted_however_narrow_its_peaks(rng):
    portrait = make_portrait(rng)
    figure = figures.plot_mixtures({"binary": portrait})
    for place in range(3):
        axes = panel(figure, f"binary: coordinate {5 * place}")
        total, *parts = axes.lines
        x = total.get_xdata()
        assert_allclose(np.trapezoid(total.get_ydata(), x), 1, atol=1e-3)
        assert_allclose(total.get_ydata(), sum(part.get_ydata() for part in parts))
        for part, mean, sigma, weight in zip(
            parts,
            *(portrait[f"mixture_{name}"][place] for name in ("means", "sigmas", "weights")),
            strict=True,
        ):
            assert sigma < 0.04
            assert_allclose(x[part.get_ydata().argmax()], mean)
            assert_allclose(part.get_ydata().max(), weight / (np.sqrt(2 * np.pi) * sigma))
        assert axes.get_ylim()[1] > total.get_ydata().max()
        density, edges, _ = axes.patches[0].get_data()
        assert_array_equal(edges, EDGES)
        assert_allclose(density, portrait["histogram_counts"][place] / 500 / 0.05)
    constant = panel(figure, "binary: coordinate 15")
    assert [text.get_text() for text in constant.texts] == ["constant"]


def test_a_peak_far_above_the_histogram_does_not_hide_it(rng):
    portrait = make_portrait(rng)
    portrait["mixture_sigmas"] = np.full((4, 2), 1e-4)
    axes = figures.plot_mixtures({"none": portrait, "linear": make_portrait(rng, 2)}).axes[0]
    peak = axes.lines[0].get_ydata().max()
    assert axes.get_ylim()[1] < 0.1 * peak
    assert [text.get_text() for text in axes.texts] == [f"peak {peak:.0f}"]


def test_codes_stand_above_the_distances_of_all_their_signs():
    codes = np.array([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1]])
    wide = np.hstack([codes, np.ones((3, 96))])
    figure = figures.plot_codes({"binary": codes, "none": wide}, NAMES)
    assert_array_equal(panel(figure, "binary").images[0].get_array(), codes)
    part = panel(figure, "none")
    assert_array_equal(part.images[0].get_array(), wide[:, :64])
    assert part.get_xlabel() == "latent coordinate (first 64 of 100)"
    binary, none = (axes for axes in figure.axes if axes.get_title().startswith("Hamming"))
    off_diagonal = 1 - np.eye(3)
    assert_allclose(binary.images[0].get_array(), 0.5 * off_diagonal)
    assert_allclose(none.images[0].get_array(), 0.02 * off_diagonal)
    assert binary.get_title() == "Hamming 0.500 ± 0.000 (simplex 0.750)"
    assert {text.get_text() for text in binary.texts} == {"0.00", "0.50"}
    assert_allclose(np.mean(binary.images[0].get_clim()), 0.75)
    bars = [axes for axes in figure.axes if "Hamming" in axes.get_ylabel()]
    assert all("3/4" in [label.get_text() for label in bar.get_yticklabels()] for bar in bars)
    many = figures.plot_codes({"binary": np.eye(13)}, list("abcdefghijklm"))
    assert not panel(many, "Hamming").texts


def test_projections_show_every_class_with_its_name(rng):
    portrait = make_portrait(rng)
    figure = figures.plot_projections({"mine": portrait, "none": portrait}, NAMES)
    axes = panel(figure, "mine")
    assert axes.get_xlabel() == "first principal component (62 % of variance)"
    assert axes.get_ylabel() == "second principal component (25 % of variance)"
    for c, name in enumerate(NAMES):
        points, mean = axes.collections[2 * c : 2 * c + 2]
        expected = portrait["projection"][portrait["projection_labels"] == c]
        assert_array_equal(points.get_offsets(), expected)
        assert_array_equal(mean.get_offsets(), portrait["projected_means"][[c]])
        assert axes.texts[c].get_text() == name
        assert_array_equal(axes.texts[c].xy, portrait["projected_means"][c])


def test_a_comparison_writes_four_pictures(rng, tmp_path):  # a warning would fail it
    rows = {name: make_rows(gmm_sigma=np.nan) for name in FOUR[:2]}
    portraits = {name: make_portrait(rng) for name in rows}
    means = {name: rng.normal(size=(3, 4)) for name in rows}
    folder = tmp_path / "new" / "plots"
    paths = figures.save_comparison_plots(rows, portraits, means, NAMES, folder)
    stems = ("comparison", "mixtures", "codes", "projections")
    assert paths == [folder / f"{stem}.png" for stem in stems]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert not plt.get_fignums()


PORTRAIT = make_portrait(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: figures.plot_comparison({}), "no architecture"),
        (lambda: figures.plot_comparison({"binary": []}), "rows is empty"),
        (lambda: figures.plot_comparison({"binary": [{"epoch": 0}]}), "'seed'"),
        (lambda: figures.plot_comparison({"binary": 2 * make_rows()}), "'binary' hold a seed twi"),
        (lambda: figures.plot_mixtures({}), "no architecture"),
        (lambda: figures.plot_mixtures({"none": {"coordinates": [0]}}), "'histogram_edges'"),
        (
            lambda: figures.plot_mixtures({"none": PORTRAIT | {"histogram_edges": EDGES[1:]}}),
            r"\(4, 120\)",
        ),
        (lambda: figures.plot_codes({}, NAMES), "no architecture"),
        (lambda: figures.plot_codes({"none": np.ones((2, 4))}, NAMES), "3 class names for 2"),
        (lambda: figures.plot_codes({"none": np.ones((1, 4))}, NAMES[:1]), "at least 2"),
        (lambda: figures.plot_projections({"none": PORTRAIT}, NAMES[1:]), r"\(3, 2\)"),
        (
            lambda: figures.plot_projections(
                {"none": PORTRAIT | {"projection_labels": np.arange(60)}}, NAMES
            ),
            "labels other than 0 to 2",
        ),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
