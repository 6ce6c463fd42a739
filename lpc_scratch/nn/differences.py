"""Derivatives by central differences, each with an estimate of its own error.

No step h suits every function f and every x. If a gradient is right, the difference
(f(x + hv) - f(x - hv)) / 2h exceeds <gradient, v> by

    e(h) = a h² + b h⁴ + ... + r(h),    |r(h)| about u F / h,

the rest of Taylor's series, and rounding: f is a sum of terms, each known to u of itself, and F is
the sum of their sizes. So h climbs, tenfold at a time, from far below the size of x up to it. Two
rungs remove a (Richardson), and a third tells how well the result is known (Ridders):

    E(h) = e(h) + (e(h) - e(10h)) / 99 = -100 b h⁴ + ...,    known to |E(h) - E(10h)| + u F / h.

The first part is 10⁴ times what the series leaves in E(h); it is large within 100 h of a kink,
where there is no series. The E that is known best counts, whether it agrees with the gradient
or not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lpc_scratch.backend import Array, backend_of

EPSILON = 1e-6
"""The step that is tried first; times the largest |x| that it moves, where that is above 1."""

ROUNDING = 4 * float(np.finfo(np.float64).eps)
"""u above, for terms that took a few roundings."""

AGREED = 1e-7
"""Share of a derivative to which it agrees, or is known, for no other step to be tried."""

VISIBLE = 3e-4
"""Share of a derivative to which it is known well enough: an error of 0.1 % still shows."""

NEGLIGIBLE = 1e-6
"""Share of a typical element of the gradient that is too small to be looked for beside it."""


@dataclass(frozen=True)
class Derivative:
    """A derivative along a direction.

    Attributes
    ----------
    v : float64 array like x
        The direction, on the host.
    analytic : float
        <gradient, v>.
    numeric : float
        As measured; NaN where no step gave a number.
    uncertainty : float
        How far `numeric` may be off, by its own estimate.
    """

    v: Array
    analytic: float
    numeric: float = np.nan
    uncertainty: float = np.inf

    @property
    def doubt(self) -> float:
        """The uncertainty as a share of the measured derivative."""
        return self.uncertainty / abs(self.numeric) if abs(self.numeric) > 0 else np.inf


class Differences:
    """Measures derivatives of sum(upstream * function(x)), beside those of a gradient.

    Parameters
    ----------
    function, x, gradient, upstream
        As for `gradcheck.compare_gradient`.
    """

    def __init__(
        self, function: Callable[[Array], Any], x: Array, gradient: Array, upstream: Array | float
    ):
        self._function, self._x, self._upstream = function, x, upstream
        self._backend = backend_of(x)
        self._original = x.copy()
        self._at = self._backend.to_host(self._original)
        self._gradient = self._backend.to_host(gradient).copy()  # the function may overwrite it
        size = np.nan_to_num(np.abs(self._at), nan=1.0, posinf=1.0)
        # The size of a zero tells nothing: it moves as far as the smallest other element.
        self._size = np.where(size > 0, size, size[size > 0].min(initial=1.0))
        self._typical = float(np.sqrt(np.mean(self._gradient**2)))
        reach = np.sum(np.abs(self._gradient) * np.maximum(1.0, self._size))
        if reach <= self._rounding(self._terms(self._at)):
            self._typical = np.inf  # a gradient of zero, as far as differences can tell

    def along(self, v: Array) -> Derivative:
        """Measure the derivative along v, or along v scaled by x where no step suits all elements.

        Parameters
        ----------
        v : float64 array like x
            The direction, on the host.

        Returns
        -------
        Derivative
            By the first step if it agrees with the gradient, else by the step that knows best.
        """
        sizes = self._size[v != 0]
        excess, rounding = self._excess(v, EPSILON * sizes.max(initial=1.0))
        first = self._derivative(v, excess, rounding)
        agreed = abs(excess) <= AGREED * max(abs(first.analytic), abs(first.numeric)) < np.inf
        if agreed and rounding <= self.excuse(first):
            return first
        found = self._climb(v, sizes)
        if sizes.size > 1 and found.doubt > AGREED:
            w = v * np.minimum(1.0, self._size)
            length = np.abs(w).max() / np.abs(v).max()
            scaled = self._climb(w / length, np.array([length]))
            return min(found, scaled, key=lambda derivative: derivative.doubt)
        return found

    def excuse(self, found: Derivative) -> float:
        """Return the largest uncertainty of a derivative that may excuse a difference.

        None that hides an error of 0.1 % does, except in what is negligible beside a typical
        element.
        """
        expected = float(np.linalg.norm(self._gradient * found.v))  # random signs may cancel
        size = max(abs(found.analytic), abs(found.numeric), expected)
        return max(VISIBLE * size, NEGLIGIBLE * self._typical)

    def _climb(self, v: Array, sizes: Array) -> Derivative:
        """Measure the derivative along v, by steps that begin far below elements of these sizes."""
        bottom = np.floor(np.log10(sizes.min(initial=1.0))) - 9
        top = np.floor(np.log10(self._size.max(initial=1.0)))
        best = self._derivative(v, np.nan, np.inf)
        rungs: list[tuple[float, float]] = []
        spread = 0.0
        for h in 10.0 ** np.arange(bottom, top + 1):
            excess, rounding = self._excess(v, h)
            if np.isfinite(excess):
                rungs.append((excess, rounding))
            elif rungs:
                break  # longer steps leave the domain of the function too
            if len(rungs) < 3:
                continue
            (e0, r0), (e1, _), (e2, _) = rungs[-3:]
            E0, E1 = e0 + (e0 - e1) / 99, e1 + (e1 - e2) / 99
            spread = max(abs(E0 - E1), spread / 10)  # noise falls tenfold: closer may be luck
            found = self._derivative(v, E0, spread + r0)
            if found.uncertainty > 10 * best.uncertainty:
                break  # longer steps only jump further, over more kinks
            far = h / 100 > sizes.max(initial=1.0)  # E0 is that of h / 100
            if far and found.doubt > VISIBLE and best.uncertainty <= self.excuse(best):
                continue  # from afar much looks flat
            if found.uncertainty < best.uncertainty:
                best = found
            if best.doubt <= AGREED:
                break
        return best

    def _derivative(self, v: Array, excess: float, uncertainty: float) -> Derivative:
        analytic = float(np.sum(self._gradient * v))
        return Derivative(v, analytic, analytic + excess, uncertainty)

    def _excess(self, v: Array, h: float) -> tuple[float, float]:
        """Return e(h) and u F / h; NaN where the step is lost beside x, or leaves the domain."""
        move = (self._at + h * v) - self._at  # rounded here, so that x ± move are exact
        if not np.linalg.norm(move - h * v) <= 0.1 * np.linalg.norm(h * v):
            return np.nan, np.inf
        try:
            ahead, behind = self._terms(self._at + move), self._terms(self._at - move)
        except (ArithmeticError, ValueError):  # as math.log raises
            return np.nan, np.inf
        # Term by term: what does not change cancels, and brings no rounding.
        change = float(self._backend.xp.sum(ahead - behind)) / 2
        rounding = self._rounding(ahead * (ahead != behind)) or self._rounding(ahead)
        return (change - float(np.sum(self._gradient * move))) / h, rounding / h

    def _terms(self, point: Array) -> Array:
        """Return upstream * function(point), and leave x as it was."""
        try:
            self._x[...] = self._backend.to_device(point)
            return self._upstream * self._function(self._x)
        finally:
            self._x[...] = self._original

    def _rounding(self, terms: Array) -> float:
        return ROUNDING * float(self._backend.xp.sum(abs(terms)))
