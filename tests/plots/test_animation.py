import base64
import io

import numpy as np
import pytest
from PIL import Image

from lpc_scratch.course.figures.animation import gif_tag, make_gif
from lpc_scratch.plots.panels import (
    new_figure,
)


@pytest.fixture
def figures():
    """Three figures: a bar that grows."""
    made = [new_figure(2, 1) for _ in range(3)]
    for height, figure in enumerate(made, 1):
        axes = figure.subplots()
        axes.bar([0], [height], color="#0072B2")
        axes.set_ylim(0, 4)
    return made


def test_a_gif_shows_every_figure_and_holds_the_last(figures):
    gif = Image.open(io.BytesIO(make_gif(figures, milliseconds=100, hold=900)))
    assert (gif.n_frames, gif.size, gif.info["loop"]) == (3, (200, 100), 0)
    shown, durations = [], []
    for frame in range(3):
        gif.seek(frame)
        durations.append(gif.info["duration"])
        shown.append(np.asarray(gif.convert("RGB")).astype(int))
    assert durations == [100, 100, 900]
    blue = [np.sum(np.abs(pixels - (0, 0x72, 0xB2)).max(axis=-1) < 8) for pixels in shown]
    assert 0 < blue[0] < blue[1] < blue[2]
    assert all((pixels[0, 0] == 255).all() for pixels in shown)


def test_the_same_figures_give_the_same_bytes(figures):
    assert make_gif(figures) == make_gif(figures)


def test_no_figure_is_refused():
    with pytest.raises(ValueError, match="needs a frame"):
        make_gif([])


def test_the_tag_holds_the_picture_and_its_description():
    tag = gif_tag(b"GIF89a", 'points "meet" & stay')
    before, _, picture = tag.removesuffix('">').partition("base64,")
    assert before == '<img alt="points &quot;meet&quot; &amp; stay" src="data:image/gif;'
    assert base64.b64decode(picture) == b"GIF89a"
