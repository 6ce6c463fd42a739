import errno
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from data_utils import DatasetError
from data_utils.files import read_content


@pytest.mark.parametrize("name", ["a.gz", "a"])
def test_what_is_compressed_is_told_by_the_content_not_by_the_name(
    tmp_path: Path, name: str
) -> None:
    for written in (gzip.compress(b"content"), b"content"):
        (tmp_path / name).write_bytes(written)
        assert read_content(tmp_path / name) == b"content"


def test_a_file_that_may_not_be_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(
        DatasetError, match=r"cannot be read \(Permission denied\): make it readable"
    ):
        read_content(tmp_path / "a.gz")


def test_a_file_that_unpacks_to_more_than_any_data_set_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_utils.files.LARGEST", 2**20)
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(2**20 + 1)))
    with pytest.raises(DatasetError, match="unpacks to more than 1048576 bytes"):
        read_content(tmp_path / "a.gz")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda packed: packed[:-10], "is a truncated gzip file", id="truncated"),
        pytest.param(
            lambda packed: packed[:2] + b"PK" + packed[4:], "not a valid gzip", id="another method"
        ),
    ],
)
def test_a_damaged_gzip_file_is_an_error_that_names_it(
    tmp_path: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(damage(gzip.compress(bytes(range(256)))))
    with pytest.raises(DatasetError, match=message) as caught:
        read_content(path)
    assert str(path) in str(caught.value)
    assert "delete it" in str(caught.value)
