"""Arrays in files, read a few rows at a time."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from data_utils import DatasetError
from lpc_scratch.features.stored import StoredArray, natural, open_arrays


def whole(array):
    return array.read(0, array.shape[0]) if isinstance(array, StoredArray) else array


def save_folder(path, arrays):
    path.mkdir()
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)


FORMS = {
    "stored.npz": lambda path, arrays: np.savez(path, **arrays),
    "packed.npz": lambda path, arrays: np.savez_compressed(path, **arrays),
    "tensors.safetensors": lambda path, arrays: save_file(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()}, path
    ),
    "folder": save_folder,
}


@pytest.mark.parametrize("form", FORMS)
def test_arrays_are_those_that_were_saved(tmp_path, rng, form):
    arrays = {
        "features.h2": rng.normal(size=(7, 3)).astype(np.float32),
        "features.h10": np.asfortranarray(rng.normal(size=(7, 3))),
        "labels": np.arange(7) % 2,
    }
    FORMS[form](tmp_path / form, arrays)
    found = open_arrays(tmp_path / form)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(whole(found[name]), array)
    if isinstance(found["features.h2"], StoredArray):
        assert np.array_equal(found["features.h2"].read(2, 5), arrays["features.h2"][2:5])


def test_bfloat16_is_read_as_float32(tmp_path, rng):
    values = rng.normal(size=(4, 3)).astype(np.float32)
    halves = (values.view(np.uint32) >> 16).astype(np.uint16)
    save_file({"features": halves}, tmp_path / "z.safetensors")
    content = (tmp_path / "z.safetensors").read_bytes().replace(b'"U16"', b'"BF16"', 1)
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length + 1].rstrip() + b" " * 8
    data = content[8 + length + 1 :]
    (tmp_path / "z.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + data)
    found = open_arrays(tmp_path / "z.safetensors")["features"].read(1, 4)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, values[1:], rtol=2**-7)


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path):
    np.save(tmp_path / "features.npy", np.zeros((50, 4)))
    rows = open_arrays(tmp_path)["features"]
    with (tmp_path / "features.npy").open("r+b") as file:
        file.truncate(rows.offset + 33 * 32 + 5)
    rows.read(0, 30)
    with pytest.raises(DatasetError, match="ends in row 33 of 50, and was longer before"):
        rows.read(30, 50)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.npz", b"", "is damaged or no file of arrays"),
        ("x.txt", b"hello", "is damaged or no file of arrays"),
        ("x.safetensors", b"hello", "cannot be read"),
        ("x.safetensors", b"\xff" * 16, "header is longer than the file"),
        ("x.safetensors", (9).to_bytes(8, "little") + b"[1, 2, 3]", "cannot be read"),
        ("x.safetensors", (4).to_bytes(8, "little") + b"nope", "cannot be read"),
        ("folder/features.npy", b"hello", "cannot be read"),
        ("folder/features.npy", None, "features in .* is cut off"),
    ],
)
def test_what_is_no_array_file_gets_a_sentence(tmp_path, name, content, sentence):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if content is None:
        np.save(path, np.zeros((9, 9)))
        content = path.read_bytes()[:-5]
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=sentence):
        open_arrays(path.parent if path.parent != tmp_path else path)


@pytest.mark.parametrize("form", ["x.npz", "folder/x.npy"])
def test_objects_are_never_loaded(tmp_path, form):
    path = tmp_path / form
    path.parent.mkdir(exist_ok=True)
    objects = np.array([{}, None])
    np.savez(path, x=objects) if form.endswith("npz") else np.save(path, objects)
    with pytest.raises(DatasetError, match="holds Python objects, which are never loaded"):
        open_arrays(path if form.endswith("npz") else path.parent)


def test_names_are_sorted_as_people_count():
    assert sorted(["h10.a", "h2", "h1", "b"], key=natural) == ["b", "h1", "h2", "h10.a"]
