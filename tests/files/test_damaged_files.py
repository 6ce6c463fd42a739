"""Files of every kind that is read, damaged in thousands of ways: only clean errors come out."""

import gzip
import io
import struct
from contextlib import suppress
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from data_utils import DatasetError
from data_utils.arrays import load_arrays
from data_utils.files import read_content
from data_utils.idx import parse_idx
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError, RunFolderError
from lpc_scratch.files.tensors import load_tensors, save_tensors
from lpc_scratch.runs.checkpoint import load_state, save_state
from lpc_scratch.runs.config_file import dump_config, load_config
from lpc_scratch.training import load_configured_dataset
from lpc_scratch.training.trainer import Trainer

pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence")  # in an .npy header
FILES = 2000  # of each kind
SMALL = TrainConfig(dataset="gaussians", hidden=(4,), latent_dim=2)


def damage(content, rng):
    """Return bytes damaged in one to four places, and now and then others altogether."""
    if rng.random() < 0.2:
        return rng.randbytes(rng.randrange(200))
    for _ in range(rng.randint(1, 4)):
        # Half of the places are in the first bytes, where formats keep their headers.
        places = min(64, len(content)) if rng.random() < 0.5 else len(content)
        at, size = int(rng.random() * places), rng.randint(1, 40)
        head, part, tail = content[:at], content[at : at + size], content[at + size :]
        new = rng.choice([rng.randbytes(rng.randint(1, 12)), bytes(4), b"\xff" * 4])
        content = rng.choice(
            [
                head + bytes(byte ^ new[0] for byte in part) + tail,
                head + tail,
                head + new + part + tail,
                head + part + part + tail,
                head + new + content[at + len(new) :],
                head,
            ]
        )
    return content


def read_all(tmp_path, name, content, read, errors):
    """Read a file damaged in FILES ways, and return how often it was refused."""
    path, rng, messages = tmp_path / name, Random(0), []
    for _ in range(FILES):
        path.unlink(missing_ok=True)  # to write over a file makes some file systems go to the disk
        path.write_bytes(damage(content, rng))
        try:
            read(path)
        except errors as error:
            messages.append(str(error))
    assert all("\n" not in message and len(message) < 1000 for message in messages)
    return len(messages)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_damaged_idx_file_is_an_array_or_a_clean_error(tmp_path, suffix):
    content = struct.pack(">4I", 0x0803, 5, 4, 4) + bytes(range(80))
    packed = gzip.compress(content) if suffix else content

    def read(path):
        return parse_idx(read_content(path), 3, path)

    assert read_all(tmp_path, f"images{suffix}", packed, read, DatasetError) > FILES / 4


def test_damaged_npz_file_is_a_data_set_or_a_clean_error(tmp_path, rng):
    file = io.BytesIO()
    x, y = rng.normal(size=(6, 3)), np.arange(6) % 3
    np.savez(file, x_train=x, y_train=y, x_test=x, y_test=y, class_names=np.array(["a", "b", "c"]))
    refused = read_all(tmp_path, "own.npz", file.getvalue(), load_arrays, DatasetError)
    assert refused > FILES / 4


def test_damaged_npy_file_is_a_data_set_or_a_clean_error(tmp_path, rng):
    x, y = rng.normal(size=(6, 3)), np.arange(6) % 3
    for name, array in {"x_train": x, "y_train": y, "x_test": x, "y_test": y}.items():
        np.save(tmp_path / f"{name}.npy", array)
    content = (tmp_path / "x_train.npy").read_bytes()

    def read(path):
        return load_arrays(path.parent)

    assert read_all(tmp_path, "x_train.npy", content, read, DatasetError) > FILES / 4


def test_damaged_checkpoint_is_a_clean_error(tmp_path):
    trainer = Trainer(SMALL, load_configured_dataset(SMALL))
    save_state(tmp_path / "whole.safetensors", trainer, 0)
    content = (tmp_path / "whole.safetensors").read_bytes()

    def read(path):
        load_state(path, trainer)

    refused = read_all(tmp_path, "state.safetensors", content, read, RunFolderError)
    assert refused > 0.9 * FILES


def test_forged_checkpoint_with_a_valid_hash_is_a_clean_error_or_fits(tmp_path):
    trainer = Trainer(SMALL, load_configured_dataset(SMALL))
    path = tmp_path / "state.safetensors"
    save_state(path, trainer, 0)
    tensors, text = load_tensors(path)
    values = [np.float32(0), np.float32(np.nan), np.inf, np.float16(1), 2, True]
    words = [None, 1, [], {}, "", "-1", "nan", "1e400", "[]", "gamma: 1e400"]
    rng = Random(0)

    def forge(names, new):
        return {rng.choice([*names, "other"]): new() for _ in range(rng.randrange(4))}

    def array():
        shape = [rng.randrange(4) for _ in range(rng.randrange(4))]
        return np.full(shape, rng.choice(values)) if rng.random() < 0.8 else None

    for _ in range(FILES // 4):
        forged = tensors | forge(tensors, array)
        changed = {name: tensor for name, tensor in forged.items() if tensor is not None}
        save_tensors(path, changed, text | forge(text, lambda: rng.choice(words)))
        with suppress(RunFolderError, ConfigError):
            load_state(path, trainer)
    assert np.isfinite(trainer.network.parameters).all()


def test_damaged_configuration_is_valid_or_a_clean_error(tmp_path):
    content = dump_config(replace(SMALL, seeds=(0, 1), learning_rate=1e-3)).encode()

    def read(path):
        load_config(path, TrainConfig)

    refused = read_all(tmp_path, "config.yaml", content, read, ConfigError)
    assert refused > FILES / 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hidden: " + 5000 * "[", "is not YAML"),
        ("epochs: " + 5000 * "9", "is not YAML"),
        ("date: 2020-13-45", "is not YAML"),
        ("gamma: !!bool foo", "is not YAML"),
        ("gamma: !!int ''", "is not YAML"),
        ("gamma: !!timestamp foo", "is not YAML"),
        ("gamma: 1\ngamma: 2", "the key 'gamma' stands twice"),
        ("dataset: !!python/object/apply:os.system ['true']", "is not YAML"),
    ],
)
def test_configuration_that_attacks_its_reader_is_a_clean_error(tmp_path, text, message):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(tmp_path / "config.yaml", TrainConfig)
    assert len(str(caught.value)) < 1000


def test_configuration_that_grows_when_it_is_written_out_is_not_written_out(tmp_path):
    layers = "".join(
        f"  - &{new} [*{old}, *{old}, *{old}]\n"
        for old, new in zip("abcdefghijklmnopqrst", "bcdefghijklmnopqrstu", strict=True)
    )
    (tmp_path / "config.yaml").write_text(f"hidden:\n  - &a [1, 1, 1]\n{layers}")
    with pytest.raises(ConfigError, match="hidden must be a whole number") as caught:
        load_config(tmp_path / "config.yaml", TrainConfig)
    assert len(str(caught.value)) < 1000
