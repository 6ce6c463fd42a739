"""Tables in Markdown."""

import math
from collections.abc import Sequence

import numpy as np

_NO_DEVIATION = 1e-9  # less is rounding


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table: the first column to the left, numbers to the right.

    Floats have three significant digits; None is a dash.
    """
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    first, *rest = [cells[0], rule, *cells[1:]]
    return "\n".join(_line(row, widths) for row in (first, *rest))


def number(value: float) -> str:
    """Return three significant digits, without an exponent."""
    if abs(value) < 5e-10:
        return "0"
    digits = 0
    while digits < 9 and abs(value) * 10**digits < 99.95:
        digits += 1
    return f"{value:.{digits}f}"


def mean_and_deviation(values: Sequence[float | None], sign: str = "") -> str:
    """Return mean ± standard deviation (ddof 1) of the values that are numbers, as text.

    The deviation has two significant digits and the mean as many decimals; a mean alone, or beside
    a deviation of 0, has three significant digits. `sign` "+" writes the sign of a positive mean.
    """
    found = np.array([value for value in values if value is not None], dtype=np.float64)
    found = found[~np.isnan(found)]
    if not found.size:
        return "–"
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf, 1e200²
        mean = float(found.mean())
        deviation = float(found.std(ddof=1)) if found.size > 1 else 0.0
    plus = "+" if sign and mean >= 0 else ""
    if not math.isfinite(deviation) or found.size == 1:
        return plus + number(mean)
    if deviation < _NO_DEVIATION:
        return f"{plus}{number(mean)} ± 0"
    decimals = max(0, 1 - math.floor(math.log10(deviation)))
    return f"{mean:{sign}.{decimals}f} ± {deviation:.{decimals}f}"


def exact(value: object) -> str:
    """Return a setting as people write it, 10 and not 10.0, but never two of them as one text."""
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}"
    return short if float(short) == value else str(value)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return number(value) if isinstance(value, float) else str(value)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return f"| {' | '.join(padded)} |"
