import numpy as np
import pytest

from lpc_scratch.course.figures.latent import (
    plot_emerging_codes,
    plot_latent_means,
    plot_latent_points,
    plot_values_and_codes,
)

NAMES = ("a", "b", "c")


@pytest.fixture
def labels():
    return np.arange(60) % 3


def test_points_are_drawn_by_class(rng, labels):
    latent = rng.normal(size=(60, 2))
    axes = plot_latent_points(latent, labels, NAMES, "epoch 3", limit=4).axes[0]
    clouds = [c for c in axes.collections if len(c.get_offsets())]
    for label, cloud in enumerate(clouds):
        np.testing.assert_array_equal(cloud.get_offsets(), latent[labels == label])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(NAMES)
    assert axes.get_title() == "epoch 3"
    assert axes.get_xlim() == axes.get_ylim() == (-4, 4)


def test_no_two_classes_look_alike_in_grey(rng, labels):
    axes = plot_latent_points(rng.normal(size=(60, 2)), labels, NAMES).axes[0]
    shapes = {c.get_paths()[0].vertices.tobytes() for c in axes.collections}
    assert len(shapes) == 3


def test_every_coordinate_has_a_histogram_beside_the_class_means(rng, labels):
    latent = rng.normal(size=(60, 5)) + np.array([3, -3, 0, 1, -1])
    figure = plot_emerging_codes(latent, labels, NAMES, "epoch 7")
    histograms = [axes for axes in figure.axes if axes.get_ylim() == (0, 1.05)]
    assert len(histograms) == 5
    assert figure.get_suptitle() == "epoch 7"
    heights, edges, _ = histograms[0].patches[0].get_data()
    expected, _ = np.histogram(latent[:, 0] / np.sqrt(np.mean(latent[:, 0] ** 2)), edges)
    np.testing.assert_allclose(heights, expected / expected.max())
    (image,) = [axes.images[0] for axes in figure.axes if axes.images]
    assert image.get_array().shape == (3, 5)


def test_a_coordinate_that_is_always_zero_can_be_drawn(labels):
    figure = plot_emerging_codes(np.zeros((60, 2)), labels, NAMES)
    for axes in [axes for axes in figure.axes if axes.get_ylim() == (0, 1.05)]:
        heights, edges, _ = axes.patches[0].get_data()
        assert heights.sum() == heights.max() == 1  # all in the bin of 0
        at = heights.argmax()
        assert edges[at] <= 0 <= edges[at + 1]
    (image,) = [axes.images[0] for axes in figure.axes if axes.images]
    np.testing.assert_array_equal(image.get_array(), np.zeros((3, 2)))


def test_all_coordinates_share_a_histogram_above_the_class_means(rng, labels):
    latent = rng.normal(size=(60, 5)) + np.array([3, -3, 0, 1, -1])
    upper, lower, _ = plot_values_and_codes(latent, labels, NAMES, "Adam").axes
    assert upper.get_title() == "Adam"
    heights, edges, _ = upper.patches[0].get_data()
    sizes = latent / np.sqrt(np.mean(latent**2, axis=0))
    expected, _ = np.histogram(sizes.clip(edges[0], edges[-1]), edges)
    np.testing.assert_allclose(heights, expected / expected.max())
    assert lower.images[0].get_array().shape == (3, 5)


def test_every_network_has_a_panel_of_class_means(rng):
    means = rng.normal(size=(4, 3, 2))
    figure = plot_latent_means(means, NAMES, ["w", "x", "y", "z"])
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["w", "x", "y", "z"]
    for axes, points in zip(panels, means, strict=True):
        drawn = np.concatenate([c.get_offsets() for c in axes.collections])
        np.testing.assert_array_equal(drawn, points)


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((6, 3), [0, 1, 2] * 2, "2 coordinates"),
        ((6, 2), [0, 1], r"\(N, D\) and \(N,\)"),
        ((6, 2), [0, 1, 3] * 2, r"0\.\.2"),
    ],
)
def test_what_does_not_fit_is_refused(shape, labels, message):
    with pytest.raises(ValueError, match=message):
        plot_latent_points(np.ones(shape), labels, NAMES)


def test_means_that_do_not_fit_their_names_are_refused():
    with pytest.raises(ValueError, match="panel for each title"):
        plot_latent_means(np.ones((2, 3, 3)), NAMES, ["a", "b"])
