"""Figures as frames of a film: an animated GIF, and the tag that shows it in a page."""

import base64
import html
import io
from collections.abc import Iterable

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

COLOURS = 64
"""Colours of a GIF: enough for the palette of the figures and its shades."""
NEARLY_WHITE = 250  # paper, which averaging with its neighbours has made a little grey


def make_gif(figures: Iterable[Figure], milliseconds: int = 150, hold: int = 2500) -> bytes:
    """Join figures of one size into an animated GIF that repeats without end.

    Parameters
    ----------
    figures : iterable of Figure
        The frames, in order.
    milliseconds, hold : int
        How long a frame is shown, and the last one.

    Returns
    -------
    bytes
        The GIF, in at most `COLOURS` colours, those of the last frame.

    Raises
    ------
    ValueError
        If there is no figure.
    """
    frames = [_pixels(figure) for figure in figures]
    if not frames:
        raise ValueError("figures is empty: an animation needs a frame.")
    palette = frames[-1].quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
    entries = np.array(palette.getpalette()).reshape(-1, 3)
    entries[(entries >= NEARLY_WHITE).all(axis=1)] = 255
    palette.putpalette(entries.ravel().tolist())
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [milliseconds] * (len(frames) - 1) + [hold]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return file.getvalue()


def gif_tag(gif: bytes, alt: str) -> str:
    """Return a GIF as an HTML image that needs no file beside the page; `alt` describes it."""
    data = base64.b64encode(gif).decode("ascii")
    return f'<img alt="{html.escape(alt)}" src="data:image/gif;base64,{data}">'


def _pixels(figure: Figure) -> Image.Image:
    """Return a figure as it is drawn, without an alpha channel."""
    file = io.BytesIO()
    figure.savefig(file, format="rgba", dpi=figure.dpi)  # whatever matplotlib is set to
    width, height = figure.canvas.get_width_height()
    return Image.frombytes("RGBA", (width, height), file.getvalue()).convert("RGB")
