"""Which samples a minibatch is made of, as the kernels that gather it are told."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.cuda.device import xp as cupy
from lpc_scratch.backend.cuda.kernels import plain


@dataclass(frozen=True)
class NextRows:
    """Rows (..., B) of minibatch number `step`, 0-d, of an order (..., N); both are int64.

    They are looked up when the kernels run, so that a recorded step can be replayed.
    """

    order: Array
    step: Array
    batch: int


def places(rows: Array | NextRows) -> tuple[Any, ...]:
    """Return what the kernels take for rows: order, step, and the lengths of both."""
    if isinstance(rows, NextRows):
        order, step, batch = rows.order, rows.step, rows.batch
    else:
        order, step, batch = plain(rows), _zero(cupy.cuda.Device().id), rows.shape[-1]
    return order, step, np.int32(order.shape[-1]), np.int32(batch)


@cache
def _zero(device: int) -> Array:
    return cupy.zeros((), np.int64)
