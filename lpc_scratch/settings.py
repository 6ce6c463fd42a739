"""What a setting is: a field with facts beside its default, and the way of a value to its type."""

import dataclasses
import math
import reprlib
from dataclasses import dataclass
from functools import cache
from numbers import Integral
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from lpc_scratch.errors import ConfigError

Role = Literal["data", "model", "training", "output"]


@dataclass(frozen=True)
class Facts:
    """What there is to know of a setting besides its type, its default and its help.

    Attributes
    ----------
    role : {"data", "model", "training", "output"}
        What it decides: the data, which parameters there are, how they are trained, or where that
        is done and how often it is looked at.
    at_least, at_most, above : float or None
        Its bounds.
    share : bool
        Whether it is from 0 to below 1.
    axis : bool
        Whether it may be an axis of a grid by itself.
    on_resume : bool
        Whether a run may go on with another value.
    in_results : bool
        Whether results depend on it.
    later : bool
        Whether there were results before it; these have it at its default.
    backbones : tuple of str
        The backbones that it is for; empty if it is for all.
    """

    role: Role
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    share: bool = False
    axis: bool = True
    on_resume: bool = False
    in_results: bool = True
    later: bool = False
    backbones: tuple[str, ...] = ()


def setting(default: Any, role: Role, **facts: Any) -> Any:
    """Return a field with a default and its `Facts`."""
    return dataclasses.field(default=default, metadata={"facts": Facts(role, **facts)})


def coerced(settings: Any) -> dict[str, Any]:
    """Return the values of a dataclass of settings by name, each as its field's type.

    Raises
    ------
    ConfigError
        For a value of another type; the message names field and value.
    """
    hints = _type_hints(type(settings))  # type: ignore[arg-type] # a class is hashable
    return {
        field.name: _coerce(field.name, hints[field.name], getattr(settings, field.name))
        for field in dataclasses.fields(settings)
    }


@cache
def _type_hints(settings: type) -> dict[str, Any]:
    """Return the types of a class's fields; to read them takes longer than to check the values."""
    return get_type_hints(settings)


def _coerce(name: str, hint: Any, value: Any) -> Any:
    """Return a value as its field's type: YAML writes 1e-3 as text, and a tuple as a list."""
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            choices = ", ".join(get_args(hint))
            raise ConfigError(f"unknown {name} {reprlib.repr(value)}: choose one of {choices}")
        return value
    if get_origin(hint) is tuple:
        item, _ = get_args(hint)
        several = isinstance(value, (list, tuple, range, np.ndarray))
        values = value if several else [value]
        one = name.removesuffix("s")  # a seed is one of seeds, and the name that the estimator has
        return tuple(_coerce(one, item, v) for v in values)
    if hint in (int, float):
        return _number(name, hint, value)
    if get_origin(hint) is UnionType:  # X | None
        return None if value is None else _coerce(name, get_args(hint)[0], value)
    if hint is Path and isinstance(value, (str, Path)):
        return Path(value)
    if hint is bool and isinstance(value, np.bool_):
        return bool(value)
    if hint is bool and value in ("true", "false"):  # text of an axis
        return value == "true"
    if hint in (bool, str) and isinstance(value, hint):
        return value
    raise ConfigError(f"{name} cannot be {reprlib.repr(value)}, a {type(value).__name__}")


def _number(name: str, kind: type, value: Any) -> Any:
    if kind is int and isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)  # through a float, a large seed would lose digits
    try:
        number = float("nan" if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or number != kind(number):
        words = "a whole number" if kind is int else "a finite number"
        raise ConfigError(f"{name} must be {words}, not {reprlib.repr(value)}")
    return kind(number)
