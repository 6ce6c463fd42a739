import struct
from pathlib import Path

import numpy as np
import pytest

from data_utils import DatasetError
from data_utils.idx import parse_idx

PATH = Path("labels-idx1-ubyte")


def idx(*sizes: int, magic: int = 0x0800, elements: int | None = None) -> bytes:
    count = int(np.prod(sizes)) if elements is None else elements
    header = struct.pack(f">{1 + len(sizes)}I", magic + len(sizes), *sizes)
    return header + bytes(i % 256 for i in range(count))


def test_images_are_read_in_c_order_without_a_copy() -> None:
    images = parse_idx(idx(3, 2, 4), 3, PATH)
    np.testing.assert_array_equal(images, np.arange(24, dtype=np.uint8).reshape(3, 2, 4))
    assert not images.flags.owndata


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "starts with nothing", id="empty file"),
        pytest.param(idx(5, magic=0x0D00), "starts with 00000d01", id="floats"),
        pytest.param(idx(5, 2, 2), "is not an IDX file of 1-dimensional", id="images"),
        pytest.param(idx(5)[:6], "ends within its IDX header", id="header cut"),
        pytest.param(idx(5, elements=4), r"holds 4 elements, .* says \(5,\)", id="data cut"),
        pytest.param(idx(0), "is empty", id="no elements"),
    ],
)
def test_content_that_is_no_idx_file_of_labels_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        parse_idx(content, 1, PATH)
