"""The command that makes the film and the pictures of the first page, and those that are kept."""

import pytest
from PIL import Image

from notebooks import FOLDER, film

DOCS = FOLDER.parent / "docs"
NAMES = {"points-meet.gif", "classifier-adam.png", "classifier-sgd.png"}


def test_the_film_and_both_pictures_are_made(tmp_path, monkeypatch):
    monkeypatch.setenv("LPC_FAST", "1")
    assert film.main(tmp_path / "made") == 0
    assert {path.name for path in (tmp_path / "made").iterdir()} == NAMES
    with Image.open(tmp_path / "made" / "points-meet.gif") as made:
        assert made.n_frames == 4  # before the first of three epochs, and after each


@pytest.mark.parametrize("name", sorted(NAMES))
def test_what_is_kept_is_small_and_shown_on_the_first_page(name):
    assert (DOCS / name).stat().st_size < 1_000_000
    assert f"({name})" in (DOCS / "index.md").read_text(encoding="utf-8")
