"""A prediction before its measurement: without one, a notebook shows nothing of what was found.

A reader writes a function that returns numbers. Unsolved exercises raise NotImplementedError, and
so does such a function of a student version: `reveal` takes that for an answer that is still to
come, so that a notebook without predictions runs to its end.
"""

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

Numbers = float | Sequence[float]
WIDTH = 88  # columns of a finding: those of a notebook's code


def reveal(
    predict: Callable[[], Numbers | Sequence[None] | None],
    theory: Mapping[str, float | str],
    measure: Callable[[], Mapping[str, Numbers]],
    draw: Callable[[], Figure] | None = None,
    finding: str = "",
) -> Figure | None:
    """Print theory, the reader's prediction and the measurement side by side, and draw a picture.

    Parameters
    ----------
    predict : callable
        The reader's: returns a number for each entry of `theory`, in that order, or a single number
        where there is one entry. It has not been written as long as it raises NotImplementedError,
        or as it or a part of it is None.
    theory : mapping of str to float or str
        What theory says of each quantity: a number, or words such as "above 1.8".
    measure : callable
        Returns what was measured of each quantity: a number, or one for each of several networks,
        whose mean is shown before them. It is called only where there is a prediction.
    draw : callable, optional
        Returns a figure of the measurement; called only where there is a prediction.
    finding : str
        What the measurement says, in words: paragraphs with an empty line between them, printed
        below the table and only where there is a prediction. Lines are broken anew.

    Returns
    -------
    Figure or None
        What `draw` returns. Without a prediction one is asked for, and nothing else is shown.

    Raises
    ------
    ValueError
        If the prediction is not as many finite numbers as there are quantities.
    """
    mine = _prediction(predict, list(theory))
    if mine is None:
        print(
            f"First your prediction: let {predict.__name__} return {_count(len(theory))}, for "
            f"{'; '.join(theory)}. Until then the measurement is not shown."
        )
        return None
    found = measure()
    columns = [("", "theory", "yours", "measured")]
    for (name, expected), number in zip(theory.items(), mine, strict=True):
        columns.append((name, _written(expected), _written(number), _measured(found[name])))
    widths = [max(len(row[i]) for row in columns) for i in range(3)]
    for first, *middle, last in columns:
        cells = [first.ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(middle, widths[1:], strict=True)]
        print("   ".join([*cells, last]))
    for paragraph in finding.split("\n\n") if finding else ():
        words = " ".join(paragraph.split())
        print("\n" + textwrap.fill(words, WIDTH, break_on_hyphens=False))
    return draw() if draw else None


def _prediction(
    predict: Callable[[], Numbers | Sequence[None] | None], names: Sequence[str]
) -> list[float] | None:
    """Return the reader's numbers; None where there are none yet."""
    try:
        answer = predict()
    except NotImplementedError:
        return None
    given = list(answer) if isinstance(answer, (tuple, list)) else [answer]
    if any(number is None for number in given):
        return None
    try:
        numbers = [float(number) for number in given]  # type: ignore[arg-type]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != len(names) or not all(map(math.isfinite, numbers)):
        raise ValueError(
            f"{predict.__name__} must return {_count(len(names))}, for {'; '.join(names)}, not "
            f"{answer!r}."
        )
    return numbers


def _measured(values: Numbers) -> str:
    """Return a measurement as text: a number, or a mean and the numbers that it is of."""
    several = np.atleast_1d(np.asarray(values, dtype=np.float64))
    mean = _written(float(several.mean()))
    return mean if several.size == 1 else f"{mean}  ({', '.join(map(_written, several))})"


def _written(value: float | str) -> str:
    """Return a number with three digits, or a text as it is."""
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        return "never" if value > 0 else "?"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def _count(number: int) -> str:
    return "a number" if number == 1 else f"{number} numbers"
