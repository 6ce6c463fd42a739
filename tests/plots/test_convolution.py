"""The figures of notebook 10 hold the data that was given."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lpc_scratch.course.figures.convolution import plot_feature_maps, plot_grids


def test_a_grid_shows_every_number_in_its_cell_row_by_row_from_the_top():
    grids = {"image": np.arange(6).reshape(2, 3), "kernel": [[-1.5, 0.5]]}
    figure = plot_grids(grids)
    for axes, (name, grid) in zip(figure.axes, grids.items(), strict=True):
        assert axes.get_title() == name
        written = {text.get_position(): text.get_text() for text in axes.texts}
        cells = {(j, i): f"{value:g}" for (i, j), value in np.ndenumerate(np.array(grid))}
        assert written == cells
        assert axes.yaxis_inverted()
        assert_array_equal(axes.collections[0].get_array(), grid)


def test_a_box_is_drawn_around_its_cells_and_only_where_it_was_asked_for():
    figure = plot_grids({"a": np.ones((5, 6)), "b": np.ones((3, 3))}, {"a": (1, 2, 3, 2)})
    boxed, plain = figure.axes
    (box,) = boxed.patches
    assert box.get_xy() == (1.5, 0.5)
    assert (box.get_width(), box.get_height()) == (2, 3)
    assert not plain.patches


def test_feature_maps_stand_beside_their_image_with_one_scale_a_layer(rng):
    images, maps = rng.uniform(size=(2, 4, 5)), {"conv": rng.uniform(size=(2, 3, 2, 5))}
    maps["conv"][1] *= 7
    figure = plot_feature_maps(images, maps, ["one", "two"])
    for n, row in enumerate((figure.axes[:2], figure.axes[2:])):
        picture, tiles = (axes.images[0] for axes in row)
        assert row[0].get_ylabel() == ("one", "two")[n]
        assert_array_equal(picture.get_array(), images[n])
        assert tiles.get_clim() == (0, maps["conv"].max())
        assert_array_equal(tiles.get_array()[4:7, 3:5], maps["conv"][n, :, :, 4])  # 3 in a row
    assert "5 maps, 3 x 2" in figure.axes[1].get_title()


def test_of_many_feature_maps_the_first_sixteen_are_shown(rng):
    maps = rng.uniform(size=(1, 2, 2, 20))
    _, tiles = plot_feature_maps(np.ones((1, 4, 4)), {"conv": maps}).axes
    mosaic = tiles.images[0].get_array()
    assert mosaic.shape == (4 * 2 + 3, 4 * 2 + 3)
    assert_array_equal(mosaic[-2:, -2:], maps[0, :, :, 15])
    assert "16 of 20 maps" in tiles.get_title()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_grids({}), "not for 0"),
        (lambda: plot_grids({"a": np.ones(3)}), r"'a' must have shape .*\(3,\)"),
        (lambda: plot_grids({"a": np.ones((21, 20))}), "1 to 400 cells, not 420"),
        (lambda: plot_grids({"a": np.ones((2, 2))}, {"b": (0, 0, 1, 1)}), "no grid 'b'"),
        (lambda: plot_feature_maps(np.ones((2, 3)), {}), r"not \(2, 3\)"),
        (lambda: plot_feature_maps(np.ones((1, 3, 3, 2)), {}), r"not \(1, 3, 3, 2\)"),
        (lambda: plot_feature_maps(np.ones((1, 3, 3)), {}), "layers, not for 0"),
        (lambda: plot_feature_maps(np.ones((7, 3, 3)), {}), "images, not for 7"),
        (
            lambda: plot_feature_maps(np.ones((2, 3, 3)), {"a": np.ones((1, 3, 3, 2))}),
            r"'a' must have shape",
        ),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
