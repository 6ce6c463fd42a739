"""The gradient checker: is a hand-written gradient the gradient of its function?

Central differences in float64, (f(x + hv) - f(x - hv)) / 2h, agree with <gradient, v> to about
1e-9 where the function is smooth and h suits it: `differences` finds the h. Two kinds of direction
v are tried: random ones, which see every element at once, and single elements, which say where an
error is. Pass it your own:

    assert_gradient(lambda x: loss(x)[0], x, loss(x)[1])
    assert_layer_gradients(MyLayer(), x)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lpc_scratch.backend import Array, backend_of
from lpc_scratch.nn.differences import Differences
from lpc_scratch.nn.layers import Layer, walk

TOLERANCE = 1e-6
"""Bound of the relative error, unless another is given."""


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
        |analytic - numeric| over the larger of both; or over a million times `uncertainty`, if
        that is more and as far as `Differences.excuse` lets it count.
    uncertainty : float
        How far `numeric` may be off, by its own estimate.
    """

    name: str
    direction: str
    analytic: float
    numeric: float
    relative_error: float
    uncertainty: float = 0.0

    def __str__(self) -> str:
        poor = self.uncertainty > TOLERANCE * abs(self.numeric)
        return (
            f"{self.name} along {self.direction}: analytic {self.analytic:.12g}, "
            f"numeric {self.numeric:.12g}{f' ± {self.uncertainty:.1g}' if poor else ''}, "
            f"relative error {self.relative_error:.3g}"
        )


@np.errstate(all="ignore")  # a step may leave the domain of the function
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
        If x is not float64 or empty, or the gradient has another shape than x.
    """
    if x.dtype != np.float64:
        raise ValueError(f"{name}: the gradient check needs float64, not {x.dtype}")
    if gradient.shape != x.shape:
        raise ValueError(f"{name} has shape {gradient.shape} and x has shape {x.shape}")
    if x.size == 0:
        raise ValueError(f"{name}: x of shape {x.shape} has no elements to compare")
    differences = Differences(function, x, gradient, upstream)
    rng = np.random.default_rng(seed)

    def compare(v: Array, words: str) -> Comparison:
        found = differences.along(v)
        difference = abs(found.analytic - found.numeric)
        scale = max(
            abs(found.analytic),
            abs(found.numeric),
            min(found.uncertainty, differences.excuse(found)) / TOLERANCE,
        )
        error = difference / scale if scale else difference
        return Comparison(
            name,
            words.format(_summary(found.v)),
            found.analytic,
            found.numeric,
            error if np.isfinite(error) else np.inf,
            found.uncertainty,
        )

    random = "the random direction {}"
    comparisons = [compare(rng.normal(size=x.shape), random) for _ in range(directions)]
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
    tolerance: float = TOLERANCE,
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
    layer: Layer, x: Array, training: bool = False, tolerance: float = TOLERANCE, seed: int = 0
) -> None:
    """Raise unless `layer.backward` is right in x and in every parameter of the layer.

    Those of layers that it holds are among them. Uses a random upstream gradient. A layer that
    draws random numbers must draw the same ones at every call of `forward`, or be checked with
    `training=False`.

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
    parameters = {
        ".".join(filter(None, (prefix, f"d{name}"))): (
            getattr(part, name),
            getattr(part, f"d{name}").copy(),
        )
        for prefix, part in [("", layer), *walk(layer)]
        for name in part.parameter_names
    }
    assert_gradient(
        lambda x: layer.forward(x.copy(), training), x, dx, upstream, tolerance, "dx", seed
    )
    for name, (parameter, gradient) in parameters.items():
        assert_gradient(lambda _: forward(), parameter, gradient, upstream, tolerance, name, seed)


def _summary(v: Array) -> str:
    """Show the first elements of a direction."""
    head = ", ".join(f"{value:.4g}" for value in v.reshape(-1)[:4])
    return f"[{head}{', …' if v.size > 4 else ''}] of shape {v.shape}"
