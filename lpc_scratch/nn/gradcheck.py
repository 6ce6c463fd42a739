"""The gradient checker: is a hand-written gradient the gradient of its function?

Central differences in float64, (f(x + εv) - f(x - εv)) / 2ε, agree with <gradient, v> to about
1e-9 where the function is smooth. Two kinds of direction v are tried: random ones, which see
every element at once, and single elements, which say where an error is. Pass it your own:

    assert_gradient(lambda x: loss(x)[0], x, loss(x)[1])
    assert_layer_gradients(MyLayer(), x)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lpc_scratch.backend import Array, backend_of
from lpc_scratch.nn.layers import Layer

EPSILON = 1e-6
"""Half the distance of a central difference; times the largest |x| where that is above 1."""


class GradientError(AssertionError):
    """A gradient that differs from central differences; the message shows where."""


@dataclass(frozen=True)
class Comparison:
    """One directional derivative, computed twice.

    Attributes
    ----------
    name : str
        What was differentiated.
    direction : str
        The direction v in words.
    analytic, numeric : float
        <gradient, v> and the central difference along v.
    relative_error : float
        |analytic - numeric| over the larger of both, or over the typical size of the
        gradient's elements where both are small beside it.
    """

    name: str
    direction: str
    analytic: float
    numeric: float
    relative_error: float

    def __str__(self) -> str:
        return (
            f"{self.name} along {self.direction}: analytic {self.analytic:.12g}, "
            f"numeric {self.numeric:.12g}, relative error {self.relative_error:.3g}"
        )


def compare_gradient(
    function: Callable[[Array], Any],
    x: Array,
    gradient: Array,
    upstream: Array | float = 1.0,
    name: str = "gradient",
    directions: int = 3,
    elements: int = 12,
    seed: int = 0,
) -> list[Comparison]:
    """Compare a gradient with central differences along random directions and elements.

    Parameters
    ----------
    function : callable
        Maps an array like x to a number or an array; called repeatedly with x changed in
        place, so it must not keep anything that changes its result.
    x : float64 array
        Where the gradient was taken; changed during the call, and restored.
    gradient : array like x
        Claimed gradient of sum(upstream * function(x)).
    upstream : array like function(x), or float
        dLoss/dy of the function's result. A random one reveals what a sum hides.
    name : str
        Names the gradient in the report.
    directions, elements : int
        Number of random directions, and of randomly chosen elements.
    seed : int
        Seed of both choices.

    Returns
    -------
    list of Comparison

    Raises
    ------
    ValueError
        If x is not float64, or the gradient has another shape than x.
    """
    if x.dtype != np.float64:
        raise ValueError(f"{name}: the gradient check needs float64, not {x.dtype}")
    if gradient.shape != x.shape:
        raise ValueError(f"{name} has shape {gradient.shape} and x has shape {x.shape}")
    backend = backend_of(x)
    gradient = backend.to_host(gradient).copy()  # the function may overwrite a layer's buffer
    original = x.copy()
    rng = np.random.default_rng(seed)

    def value(step: float, v: Array) -> float:
        try:
            x[...] = original + backend.to_device(step * v)
            return float(backend.xp.sum(upstream * function(x)))
        finally:
            x[...] = original

    def compare(v: Array, direction: str) -> Comparison:
        epsilon = EPSILON * max(1.0, float(np.abs(backend.to_host(original)).max()))
        numeric = (value(epsilon, v) - value(-epsilon, v)) / (2 * epsilon)
        analytic = float(np.sum(gradient * v))
        typical = float(np.sqrt(np.mean(gradient**2)))
        scale = max(abs(analytic), abs(numeric), typical)
        error = abs(analytic - numeric) / scale if scale else 0.0
        if not (np.isfinite(analytic) and np.isfinite(numeric)):
            error = np.inf
        return Comparison(name, direction, analytic, numeric, error)

    comparisons = []
    for _ in range(directions):
        v = rng.normal(size=x.shape)
        comparisons.append(compare(v, f"the random direction {_summary(v)}"))
    for flat in rng.permutation(x.size)[:elements]:
        index = tuple(int(i) for i in np.unravel_index(flat, x.shape))
        v = np.zeros(x.shape)
        v[index] = 1.0
        comparisons.append(compare(v, f"element {index}"))
    return comparisons


def assert_gradient(
    function: Callable[[Array], Any],
    x: Array,
    gradient: Array,
    upstream: Array | float = 1.0,
    tolerance: float = 1e-6,
    name: str = "gradient",
    seed: int = 0,
) -> None:
    """Raise unless `gradient` is the gradient of sum(upstream * function(x)) at x.

    See `compare_gradient` for the arguments; `tolerance` bounds the relative error.

    Raises
    ------
    GradientError
        Naming the direction, both numbers and the relative error of each failure.
    ValueError
        As `compare_gradient`.
    """
    comparisons = compare_gradient(function, x, gradient, upstream, name, seed=seed)
    wrong = [c for c in comparisons if not c.relative_error <= tolerance]
    if wrong:
        lines = [f"{len(wrong)} of {len(comparisons)} comparisons above {tolerance:g}:"]
        raise GradientError("\n  ".join(lines + [str(c) for c in wrong]))


def assert_layer_gradients(
    layer: Layer, x: Array, training: bool = False, tolerance: float = 1e-6, seed: int = 0
) -> None:
    """Raise unless `layer.backward` is right in x and in every parameter of the layer.

    Uses a random upstream gradient. A layer that draws random numbers must draw the same ones
    at every call of `forward`, or be checked with `training=False`.

    Parameters
    ----------
    layer : Layer
        With float64 parameters that are not all zero.
    x : float64 array (..., B, I)
        An input; keep it away from kinks such as ReLU's at 0.
    training : bool
        Passed to `layer.forward`.
    tolerance : float
        Bound of the relative error.
    seed : int
        Seed of the upstream gradient and the directions.

    Raises
    ------
    GradientError, ValueError
        As `assert_gradient`.
    """
    backend = backend_of(x)
    original = x.copy()

    def forward() -> Array:
        return layer.forward(original.copy(), training)  # a layer may work in place

    y = forward()
    upstream = backend.to_device(np.random.default_rng([seed, 1]).normal(size=y.shape))
    dx = layer.backward(upstream.copy()).copy()
    gradients = {name: getattr(layer, f"d{name}").copy() for name in layer.parameter_names}
    assert_gradient(
        lambda x: layer.forward(x.copy(), training), x, dx, upstream, tolerance, "dx", seed
    )
    for name, gradient in gradients.items():
        parameter = getattr(layer, name)
        assert_gradient(
            lambda _: forward(), parameter, gradient, upstream, tolerance, f"d{name}", seed
        )


def _summary(v: Array) -> str:
    """Show the first elements of a direction."""
    head = ", ".join(f"{value:.4g}" for value in v.reshape(-1)[:4])
    return f"[{head}{', …' if v.size > 4 else ''}] of shape {v.shape}"
