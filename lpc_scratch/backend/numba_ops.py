"""Adam's step as one compiled loop, for networks of millions of parameters.

`numpy_ops.adam_step` goes over the vectors a dozen times, this once: the same operations in the
same order, and the same bits. It needs numba, and is used where a configuration says so.
"""

from typing import Any

import numba
import numpy as np

from lpc_scratch.backend.array import Array
from lpc_scratch.backend.threads import in_parts


def adam_step(
    parameters: Array,
    gradients: Array,
    first_moment: Array,
    second_moment: Array,
    step: int,
    learning_rate: float,
    betas: tuple[float, float],
    epsilon: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    """One Adam or (decoupled) AdamW step on flat vectors; see `numpy_ops.adam_step`."""
    beta1, beta2 = betas
    r = (1 - beta2**step) ** 0.5
    shrink = 1 - learning_rate * weight_decay if decoupled else 1.0
    numbers = (
        shrink,
        0.0 if decoupled else weight_decay,
        beta1,
        1 - beta1,
        beta2,
        1 - beta2,
        r * epsilon,
        learning_rate * r / (1 - beta1**step),
    )
    scalars = [parameters.dtype.type(x) for x in numbers]
    vectors = (parameters, gradients, first_moment, second_moment)
    in_parts(lambda part: _update(*(vector[part] for vector in vectors), *scalars), parameters.size)


@numba.njit(error_model="numpy", nogil=True, cache=True)
def _update(
    parameters: Array,
    gradients: Array,
    first_moment: Array,
    second_moment: Array,
    shrink: Any,
    decay: Any,
    beta1: Any,
    rest1: Any,
    beta2: Any,
    rest2: Any,
    shift: Any,
    rate: Any,
) -> None:
    for i in range(parameters.size):
        p = parameters[i] * shrink
        g = gradients[i] + p * decay
        m = first_moment[i] * beta1 + g * rest1
        v = second_moment[i] * beta2 + g * g * rest2
        first_moment[i] = m
        second_moment[i] = v
        parameters[i] = p - m / (np.sqrt(v) + shift) * rate
