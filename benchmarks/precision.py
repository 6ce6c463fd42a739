"""In which precision float32 matrices are multiplied on a GPU, the same for ours and for torch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


@contextmanager
def products(tf32: bool) -> Iterator[None]:
    """Let float32 matrices be multiplied in TensorFloat-32, of ten bits, or in full float32.

    Ours reads the environment variable CUPY_TF32 whenever it launches a product; torch, where it is
    installed, has a setting. Both are put back at the end.
    """
    with mock.patch.dict(os.environ, CUPY_TF32=str(int(tf32))):
        try:
            import torch
        except ModuleNotFoundError:
            yield
            return
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
