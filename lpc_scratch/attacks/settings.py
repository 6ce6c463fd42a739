"""Checks of what a user sets: each raises ConfigError with one sentence that names the value."""

import math
from numbers import Integral, Real
from typing import Any, get_args

from lpc_scratch.errors import ConfigError

FAR = 1e6
"""Pixel units. Further takes no pixel between 0 and 1 anywhere else, but its square overflows."""


def check_number(name: str, value: float, zero: bool = False) -> None:
    """Raise ConfigError unless a setting is a finite number above 0, or 0 where `zero` says so."""
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < 0 or (value == 0 and not zero):
        bound = "of at least" if zero else "above"
        raise ConfigError(f"{name} must be a finite number {bound} 0, not {value!r}")


def check_count(name: str, value: int, least: int = 1) -> None:
    """Raise ConfigError unless a setting is a whole number of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{name} must be a whole number of at least {least}, not {value!r}")


def check_choice(name: str, value: str, choices: Any) -> None:
    """Raise ConfigError unless a setting is one of the strings of a Literal."""
    *others, last = get_args(choices)
    if value not in (*others, last):
        raise ConfigError(f"{name} must be {', '.join(others)} or {last}, not {value!r}")
