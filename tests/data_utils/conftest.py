"""A machine without data or network, and a network that is a folder."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pooch
import pytest

from data_utils import Dataset, DatasetError, load_dataset, lookup

RETRIEVE = pooch.retrieve  # the real one, which a fixture replaces


def refuse(*args: object, **kwargs: object) -> None:
    raise ConnectionError("this test must not download")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hide this machine's data and network."""
    folder = tmp_path / "cache"
    monkeypatch.delenv("LPC_DATA_DIR", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda project: folder)
    monkeypatch.setattr(pooch, "retrieve", refuse)
    monkeypatch.setattr(lookup, "WELL_KNOWN", (tmp_path / "well-known",))
    return folder


class NotFoundError(OSError):
    response = SimpleNamespace(status_code=404)


@pytest.fixture
def web(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the real pooch.retrieve download ``web://file`` from a folder instead of a network."""

    def copy(url: str, target: str, pooch: object) -> None:
        path = folder / url.removeprefix("web://")
        if not path.exists():
            raise NotFoundError
        shutil.copy(path, target)

    folder = tmp_path / "web"
    monkeypatch.setattr(pooch, "retrieve", RETRIEVE)
    monkeypatch.setattr(pooch, "HTTPDownloader", lambda **settings: copy)
    return folder


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Dataset]:
    """Load a set from this machine's own places, or skip."""

    def load(name: str) -> Dataset:
        monkeypatch.undo()
        try:
            return load_dataset(name, progress=False, download=False)
        except DatasetError as error:
            if "is not in" not in str(error):
                raise
            pytest.skip(f"{name} is not on this machine: LPC_DATA_DIR can name its folder")

    return load
