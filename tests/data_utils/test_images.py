"""Lookup, download and verification of the sets in IDX files, on a small stand-in for MNIST."""

import gzip
import hashlib
import itertools
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_utils import Dataset, DatasetError, load_dataset, lookup
from data_utils.idx import parse_set
from data_utils.source import Source, SourceFile
from data_utils.sources import SOURCES

NAMES = [file.name for file in SOURCES["mnist"].files]
CONTENTS = [
    struct.pack(">4I", 0x0803, count, 2, 2) + bytes(range(4 * count))
    if images
    else struct.pack(">2I", 0x0801, count) + bytes(i % 10 for i in range(count))
    for count, images in [(20, True), (20, False), (10, True), (10, False)]
]
MNIST = SOURCES["mnist"]  # the real one, which a fixture replaces


def write_set(folder: Path, *, packed: bool = True, level: int = 9) -> Path:
    """Write the four files; another compression level is another gzip file of the same content."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(NAMES, CONTENTS, strict=True):
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, level, mtime=0))
        else:
            (folder / name).write_bytes(content)
    return folder


def registered(**changes: object) -> Source:
    files = [
        SourceFile(
            name,
            packed=hashlib.sha256(gzip.compress(content, 9, mtime=0)).hexdigest(),
            content=hashlib.sha256(content).hexdigest(),
        )
        for name, content in zip(NAMES, CONTENTS, strict=True)
    ]
    settings: dict = {
        "files": tuple(files),
        "mirrors": ("https://one.example/", "https://two.example/"),
        "parse": parse_set,
        "folders": ("MNIST/raw",),
        "image_shape": (2, 2),
        "class_names": tuple("0123456789"),
    }
    return Source(**(settings | changes))


@pytest.fixture(autouse=True)
def small(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the small set as MNIST."""
    monkeypatch.setitem(SOURCES, "mnist", registered())


def rename(folder: Path, *forms: str) -> None:
    """Give the four files, in turn, other paths, made of {name} and the same with a {dot}."""
    for name, form in zip(NAMES, itertools.cycle(forms), strict=False):
        file = next(folder.glob(f"{name}*")).rename(folder / "moved")
        target = folder / form.format(name=name, dot=name.replace("-idx", ".idx"))
        target.parent.mkdir(exist_ok=True)
        file.rename(target)


@pytest.mark.parametrize(
    ("layout", "packed"), [("mnist", True), (".", True), ("MNIST/raw", True), ("mnist", False)]
)
def test_files_are_found_in_every_layout(tmp_path: Path, layout: str, packed: bool) -> None:
    write_set(tmp_path / "data" / layout, packed=packed)
    data = load_dataset("mnist", tmp_path / "data")
    np.testing.assert_array_equal(data.x_train, np.arange(80, dtype=np.uint8).reshape(20, 4))
    np.testing.assert_array_equal(data.y_test, np.arange(10))
    assert data.x_train.dtype == np.uint8
    assert data.y_train.dtype == np.int64
    assert (data.image_shape, data.num_classes, data.num_features) == ((2, 2), 10, 4)


@pytest.mark.parametrize(
    "form",
    ["{dot}", "{dot}.gz", "{name}/{name}", "{name}/{dot}", "{dot}/{dot}", "{name}.gz/{name}"],
)
@pytest.mark.parametrize("packed", [True, False])
def test_files_are_found_by_every_common_name_whatever_it_says_of_compression(
    tmp_path: Path, form: str, packed: bool
) -> None:
    rename(write_set(tmp_path, packed=packed), form)
    assert load_dataset("mnist", tmp_path).num_classes == 10


def test_one_folder_may_mix_names_and_hold_empty_folders_of_the_same(tmp_path: Path) -> None:
    rename(write_set(tmp_path), "{dot}", "{name}.gz", "{dot}/{name}", "{name}")
    (tmp_path / NAMES[0]).mkdir()
    (tmp_path / f"{NAMES[3]}.gz").mkdir()
    assert load_dataset("mnist", tmp_path).num_classes == 10
    (tmp_path / NAMES[3]).unlink()
    with pytest.raises(DatasetError, match=rf"{tmp_path} \(which lacks {NAMES[3]}\)"):
        load_dataset("mnist", tmp_path)


def test_places_are_searched_in_order(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argument, environment = tmp_path / "argument", tmp_path / "environment"
    places = [argument, environment, cache, tmp_path / "well-known"]
    for place in places:
        write_set(place / "mnist")
    monkeypatch.setenv("LPC_DATA_DIR", str(environment))
    for place in places:
        assert lookup.find_files("mnist", argument, False)[0].parent == place / "mnist"
        (place / "mnist" / f"{NAMES[3]}.gz").unlink()  # three of four files are no set


def test_a_set_compressed_by_somebody_else_is_recognised(tmp_path: Path) -> None:
    assert load_dataset("mnist", write_set(tmp_path / "data", level=1)).num_classes == 10


def test_an_unknown_content_is_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "data", packed=False)
    altered = CONTENTS[2][:-1] + b"\0"
    (folder / NAMES[2]).write_bytes(altered)
    with pytest.raises(DatasetError, match=f"{NAMES[2]}' is not the known content of mnist"):
        load_dataset("mnist", folder)


def test_files_of_another_set_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCES, "fashion-mnist", SOURCES["mnist"])
    monkeypatch.setitem(SOURCES, "mnist", MNIST)
    with pytest.raises(DatasetError, match="content of mnist but a file of fashion-mnist"):
        load_dataset("mnist", write_set(tmp_path))


def test_images_and_labels_of_different_number_are_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "data", packed=False)
    shutil.copy(folder / NAMES[3], folder / NAMES[1])
    with pytest.raises(DatasetError, match=r"holds 20 images, but .* 10 labels"):
        load_dataset("mnist", folder)


def test_a_set_known_only_by_its_gz_files_is_verified_by_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tuple(SourceFile(file.name, packed=file.packed) for file in SOURCES["mnist"].files)
    monkeypatch.setitem(SOURCES, "mnist", registered(files=files))
    assert load_dataset("mnist", write_set(tmp_path / "good")).num_classes == 10
    with pytest.raises(DatasetError, match="not the known content"):
        load_dataset("mnist", write_set(tmp_path / "other", level=1))
    unpacked = write_set(tmp_path / "unpacked", packed=False)
    for form in ("{name}", "{name}.gz"):
        rename(unpacked, form)
        with pytest.raises(DatasetError, match=f"is not compressed.*supply {NAMES[0]}.gz as it"):
            load_dataset("mnist", unpacked)
    rename(tmp_path / "good", "{dot}")
    assert load_dataset("mnist", tmp_path / "good").num_classes == 10


def test_a_named_folder_that_does_not_exist_is_an_error_at_once(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_set(cache / "mnist")
    with pytest.raises(DatasetError, match=r"data_dir names '.*absent', which is no existing"):
        load_dataset("mnist", tmp_path / "absent")
    monkeypatch.setenv("LPC_DATA_DIR", str(tmp_path / "absent"))
    with pytest.raises(DatasetError, match=r"\$LPC_DATA_DIR names '.*absent'"):
        load_dataset("mnist")


def test_without_data_or_network_one_sentence_says_what_was_tried(
    tmp_path: Path, cache: Path
) -> None:
    with pytest.raises(DatasetError) as caught:
        load_dataset("mnist", tmp_path)
    message = str(caught.value)
    tried = [str(tmp_path), str(cache), "well-known", "one.example", "two.example"]
    dotted = [name.replace("-idx", ".idx") for name in NAMES]
    for part in [
        *tried,
        *NAMES,
        *dotted,
        ".gz",
        "folder of such a name",
        "--data-dir",
        "LPC_DATA_DIR",
    ]:
        assert part in message
    assert "\n" not in message


@pytest.fixture
def web(web: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Serve the small set from three mirrors, of which one may be good."""
    mirrors = ("web://missing/", "web://tampered/", "web://good/")
    monkeypatch.setitem(SOURCES, "mnist", registered(mirrors=mirrors))
    write_set(web / "tampered", level=1)
    return web


def test_mirrors_are_tried_in_turn_and_the_download_is_kept(web: Path) -> None:
    write_set(web / "good")
    assert load_dataset("mnist", progress=False).num_classes == 10
    shutil.rmtree(web)
    assert load_dataset("mnist", progress=False).num_classes == 10


def test_each_mirror_that_fails_is_named_with_its_reason(web: Path, cache: Path) -> None:
    reasons = "missing: HTTP status 404, tampered: content with an unknown hash, good: HTTP"
    with pytest.raises(DatasetError, match=reasons):
        load_dataset("mnist", progress=False)
    assert list((cache / "mnist").iterdir()) == []


def test_real_mnist_is_loaded_if_this_machine_has_it(real: Callable[[str], Dataset]) -> None:
    data = real("mnist")
    assert data.x_train.shape == (60000, 784)
    assert data.x_test.shape == (10000, 784)
    assert data.image_shape == (28, 28)
    np.testing.assert_array_equal(data.y_train[:5], [5, 0, 4, 1, 9])
    standardised = data.x_train[:100] * data.scale + data.shift
    assert (standardised.min(), standardised.max()) == pytest.approx((-1, 1))
