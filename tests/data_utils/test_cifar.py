"""CIFAR's binary files and archives, on made-up images of which there are a few."""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_utils import Dataset, DatasetError, load_dataset
from data_utils.source import Archive, SourceFile
from data_utils.sources import SOURCES

FOLDERS = {"cifar-10": "cifar-10-batches-bin", "cifar-100": "cifar-100-binary"}
NAMES = {name: [file.name for file in SOURCES[name].files] for name in FOLDERS}
LABELS = {"cifar-10": 1, "cifar-100": 2}  # bytes of an image before its pixels


def rows(name: str, count: int, seed: int = 0) -> np.ndarray:
    """Images in the planes of a file, with labels 0, 1, …, and coarse labels out of range."""
    made = np.random.default_rng(seed).integers(256, size=(count, LABELS[name] + 3072))
    made[:, LABELS[name] - 1] = np.arange(count)
    return made.astype(np.uint8)


CONTENTS = {
    name: [rows(name, 3 + i, i).tobytes() for i in range(len(files))]
    for name, files in NAMES.items()
}


def write_archive(path: Path, name: str, folder: str = "any/where") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for file, content in zip(NAMES[name], CONTENTS[name], strict=True):
            entry = tarfile.TarInfo(f"{folder}/{file}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def write_files(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in zip(NAMES[name], CONTENTS[name], strict=True):
        (folder / file).write_bytes(content)
    return folder


@pytest.fixture(autouse=True)
def small(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the made-up sets."""
    for name in FOLDERS:
        files = [
            SourceFile(file, hashlib.sha256(content).hexdigest())
            for file, content in zip(NAMES[name], CONTENTS[name], strict=True)
        ]
        monkeypatch.setitem(SOURCES, name, replace(SOURCES[name], files=tuple(files)))


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("layout", [".", "{name}", "{folder}", "{name}/{folder}"])
@pytest.mark.parametrize("packed", [True, False])
def test_files_and_archives_are_found_and_become_rows_with_channels_last(
    tmp_path: Path, name: str, layout: str, packed: bool
) -> None:
    folder = tmp_path / layout.format(name=name, folder=FOLDERS[name])
    if packed:
        write_archive(folder / f"{name}-binary.tar.gz", name)
    else:
        write_files(folder, name)
    data = load_dataset(name, tmp_path)
    stored = np.frombuffer(CONTENTS[name][-1], np.uint8).reshape(-1, LABELS[name] + 3072)
    red_green_blue = stored[2, LABELS[name] :].reshape(3, 32, 32)
    image = data.x_test.reshape(-1, *data.image_shape)[2]
    assert image[5, 9].tolist() == red_green_blue[:, 5, 9].tolist()
    assert image[30, 1].tolist() == red_green_blue[:, 30, 1].tolist()
    assert (data.x_train.dtype, data.image_shape) == (np.uint8, (32, 32, 3))
    count = {"cifar-10": 25, "cifar-100": 3}[name]
    assert (data.x_train.shape, data.y_train.shape) == ((count, 3072), (count,))
    assert data.y_test.tolist() == list(range(len(stored)))  # the fine labels


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-1], "no whole number of images of 3073 bytes: it is truncated"),
        (lambda content: b"", "has 0 bytes"),
        (lambda content: b"\x0a" + content[1:], "image 0 the label 10, but labels are 0 to 9"),
        (lambda content: content[:-1] + b"\0", "is not the known content of cifar-10"),
        (lambda content: content[:3073], "is not the known content of cifar-10"),
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence_that_names_it(
    tmp_path: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    path = write_files(tmp_path, "cifar-10") / NAMES["cifar-10"][3]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DatasetError, match=rf"^'{path}'.*{message}") as caught:
        load_dataset("cifar-10", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_file_in_place_of_another_and_one_that_is_missing_are_named(tmp_path: Path) -> None:
    ten = write_files(tmp_path / "10", "cifar-10")
    (ten / "test_batch.bin").write_bytes((ten / "data_batch_1.bin").read_bytes())
    with pytest.raises(DatasetError, match=r"test_batch\.bin' is not the known content"):
        load_dataset("cifar-10", ten)
    (ten / "test_batch.bin").unlink()
    with pytest.raises(DatasetError, match=r"10 \(which lacks test_batch.bin\)"):
        load_dataset("cifar-10", ten)


def lacking(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("test.bin"), io.BytesIO())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-20]), "is a truncated gzip file"),
        (lambda path: path.write_bytes(b"no archive"), "is no valid archive"),
        (lacking, "lacks train.bin"),
    ],
)
def test_a_damaged_archive_is_refused(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    path = write_archive(tmp_path / "cifar-100-binary.tar.gz", "cifar-100")
    damage(path)
    with pytest.raises(DatasetError, match=message):
        load_dataset("cifar-100", tmp_path)


def test_links_in_an_archive_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(CONTENTS["cifar-100"][0])
    with tarfile.open(tmp_path / "cifar-100-binary.tar.gz", "w:gz") as archive:
        for file in NAMES["cifar-100"]:
            entry = tarfile.TarInfo(file)
            entry.type, entry.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
            archive.addfile(entry)
    with pytest.raises(DatasetError, match=r"lacks train\.bin, test\.bin"):
        load_dataset("cifar-100", tmp_path)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("cifar-10", "cifar-10-batches-py/data_batch_1"),
        ("cifar-10", "data_batch_1"),
        ("cifar-10", "cifar-10/cifar-10-python.tar.gz"),
        ("cifar-100", "cifar-100-python/train"),
        ("cifar-100", "cifar-100-python.tar.gz"),
    ],
)
def test_the_pickled_version_is_refused_unless_the_binary_one_is_there_too(
    tmp_path: Path, cache: Path, name: str, file: str
) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\x80")
    with pytest.raises(DatasetError) as caught:
        load_dataset(name, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"'{path}' is of the python version of {name}, pickles")
    assert f"~kriz/{name}-binary.tar.gz, or its folder {FOLDERS[name]}" in message
    write_files(cache / name, name)
    assert load_dataset(name, tmp_path).num_features == 3072


@pytest.mark.parametrize(
    "own", ["cifar-10-batches-py/", "cifar-100-python/", "cifar-10-python.tar.gz"]
)
def test_the_pickled_version_as_data_of_ones_own_is_told_of_the_binary_one(
    tmp_path: Path, own: str
) -> None:
    path = tmp_path / own
    path.mkdir() if own.endswith("/") else path.write_bytes(b"\x80")
    name = "-".join(own.split("-")[:2])
    with pytest.raises(DatasetError, match=rf"^'{path}' is of the python version of {name}, ") as e:
        load_dataset(str(path))
    assert f"--data-dir with --dataset {name}" in str(e.value)


@pytest.mark.parametrize("name", ["cifar-10", "fashion-mnist"])
def test_official_files_as_data_of_ones_own_are_told_of_their_flag(
    tmp_path: Path, name: str
) -> None:
    for file in SOURCES[name].files:
        (tmp_path / file.name).touch()
    with pytest.raises(DatasetError, match=rf"holds the official files of .*{name}.*--data-dir"):
        load_dataset(f"{tmp_path}{os.sep}")


def test_the_archive_is_downloaded_verified_and_kept(
    web: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_archive(web / "good" / "cifar-10-binary.tar.gz", "cifar-10")
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    for known, works in ((md5, True), ("0" * 32, False)):
        source = replace(
            SOURCES["cifar-10"], mirrors=("web://good/",), archive=Archive(path.name, known)
        )
        monkeypatch.setitem(SOURCES, "cifar-10", source)
        if works:
            assert load_dataset("cifar-10", progress=False).num_classes == 10
            (cache / "cifar-10" / path.name).unlink()
        else:
            with pytest.raises(DatasetError, match=r"unknown hash.*put cifar-10-binary.tar.gz or"):
                load_dataset("cifar-10", progress=False)


@pytest.mark.parametrize(
    ("name", "first", "mean"),
    [
        ("cifar-10", ["frog", "truck", "truck"], (0.4914, 0.4822, 0.4465)),
        ("cifar-100", ["cattle", "dinosaur", "apple"], (0.5071, 0.4865, 0.4409)),
    ],
)
def test_the_real_sets_are_loaded_if_this_machine_has_them(
    real: Callable[[str], Dataset], name: str, first: list[str], mean: tuple[float, ...]
) -> None:
    data = real(name)
    assert (data.x_train.shape, data.x_test.shape) == ((50000, 3072), (10000, 3072))
    assert [data.class_names[label] for label in data.y_train[:3]] == first
    channels = data.x_train.reshape(-1, 3).mean(axis=0) / 255  # as published for both sets
    np.testing.assert_allclose(channels, mean, atol=5e-5)
