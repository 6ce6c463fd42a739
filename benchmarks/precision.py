"""In which precision float32 matrices are multiplied on a GPU, the same for ours and for torch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def products(tf32: bool) -> Iterator[None]:
    """Multiply within in TensorFloat-32, with ten bits of mantissa, or in full float32.

    Ours reads the environment variable CUPY_TF32 whenever it launches a product; torch, where it is
    installed, has a setting. Both are put back after it.
    """
    variable = os.environ.get("CUPY_TF32")
    os.environ["CUPY_TF32"] = str(int(tf32))
    try:
        with suppress(ModuleNotFoundError):
            import torch

            before = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision("high" if tf32 else "highest")
        yield
    finally:
        os.environ.pop("CUPY_TF32")
        if variable is not None:
            os.environ["CUPY_TF32"] = variable
        with suppress(ModuleNotFoundError):
            import torch

            torch.set_float32_matmul_precision(before)
