"""Adam's step as one compiled loop, for networks of millions of parameters.

`NumpyOps.adam_step` goes over the vectors ten times, this once: the same operations in the
same order, and the same bits. It needs numba; see `numpy_ops.COMPILED_FROM`.
"""

from typing import Any

import numba
import numpy as np

from lpc_scratch.backend.adam import adam_factors
from lpc_scratch.backend.array import Array
from lpc_scratch.backend.threads import in_parts


def adam_step(
    parameters: Array,
    gradients: Array,
    gradient_sum: Array,
    square_sum: Array,
    step: int,
    learning_rate: float,
    betas: tuple[float, float],
    epsilon: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    """One Adam or (decoupled) AdamW step on flat vectors; see `NumpyOps.adam_step`."""
    shrink = 1 - learning_rate * weight_decay if decoupled else 1.0
    decay = 0.0 if decoupled else weight_decay
    factors = adam_factors(step, learning_rate, betas, epsilon)
    scalars = [parameters.dtype.type(x) for x in (shrink, decay, *betas, *factors)]
    vectors = (parameters, gradients, gradient_sum, square_sum)
    in_parts(lambda part: _update(*(vector[part] for vector in vectors), *scalars), parameters.size)


@numba.njit(error_model="numpy", nogil=True, cache=True)
def _update(
    parameters: Array,
    gradients: Array,
    gradient_sum: Array,
    square_sum: Array,
    shrink: Any,
    decay: Any,
    beta1: Any,
    beta2: Any,
    rate: Any,
    shift: Any,
) -> None:
    for i in range(parameters.size):
        p = parameters[i] * shrink
        g = gradients[i] + p * decay
        m = gradient_sum[i] * beta1 + g
        v = square_sum[i] * beta2 + g * g
        gradient_sum[i] = m
        square_sum[i] = v
        parameters[i] = p - m / (np.sqrt(v) + shift) * rate
