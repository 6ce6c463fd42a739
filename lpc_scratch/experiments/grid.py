"""The grid of an experiment: from axes and a base configuration to the configuration of each cell.

An axis is one of `AXES`, the name of a setting of `TrainConfig` or `seed`, `depth` or `width`, with
the values that it takes; the cells are all their combinations. Settings that change together are
one axis, with `+` between their names and `:` between their values.
"""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

from lpc_scratch.backend.threads import split
from lpc_scratch.config import SETTINGS, TrainConfig
from lpc_scratch.errors import ConfigError
from lpc_scratch.experiments.presets import PRESETS, Axes, Preset
from lpc_scratch.experiments.store import cell_key
from lpc_scratch.training import settled

_MOST_TOGETHER = 8  # a larger stack gains little, and its results are all kept at its end
_LARGEST = 1_000_000  # a depth or width beyond any use, far below what fills the memory
_TYPICAL_FEATURES = 256  # of an input; how many they are is known only with the data
_HIDDEN = ("depth", "width")  # the axes of `hidden`
_IN_PLACE = {"hidden": "name depth or width", "seeds": "name seed", "gammas": "name gamma"}
AXES = ("seed", *_HIDDEN, *(name for name, facts in SETTINGS.items() if facts.axis))
"""Names of the axes that a grid can have."""


def parse_axis(text: str) -> tuple[str, list[Any]]:
    """Return name and values of an axis that is written as `gamma=0.1,1,10`.

    Settings that change together are written as `optimizer+learning_rate=adam:1e-3,sgd:0.05`: their
    values are tuples, with None for a default where nothing stands. Raises ConfigError if it is not
    of that form, a name is unknown or there are no values.
    """
    name, equals, values = text.partition("=")
    names = [part.strip().replace("-", "_") for part in name.split("+")]
    if not equals:
        raise ConfigError(f"{text!r} is no axis of a grid: write it as gamma=0.1,1,10")
    for name in names:
        _check_axis(name)
    found = [value.strip() for value in values.split(",") if value.strip()]
    if not found:
        raise ConfigError(f"the grid axis {name!r} has no values: write it as {name}=0.1,1,10")
    if len(names) == 1:
        return name, found
    for value in found:
        if value.count(":") != len(names) - 1:
            raise ConfigError(
                f"the grid axis {'+'.join(names)} has the value {value!r}: write one for each "
                "setting, with : between them"
            )
    return "+".join(names), [tuple(p.strip() or None for p in v.split(":")) for v in found]


def _check_axis(name: str) -> None:
    """Raise ConfigError unless there is an axis of that name."""
    if name in SETTINGS and name not in AXES:
        hint = _IN_PLACE.get(name, "it is the same for all networks of a grid")
        raise ConfigError(f"{name} is no axis of a grid: {hint}")
    if name not in AXES:
        close = difflib.get_close_matches(name, AXES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(AXES)}"
        raise ConfigError(f"unknown grid axis {name!r}: {hint}")


def make_cells(base: TrainConfig, preset: str | None, grid: Sequence[str]) -> list[TrainConfig]:
    """Return the configurations of all cells of a grid, each once, in the order of the axes.

    `base` has all settings that are no axis; its seeds are the values of the axis `seed` where the
    grid has none. The axes in `grid` join those of the preset, or replace them. Raises ConfigError
    if the preset is unknown, the grid is empty, an axis or a value is bad, or an axis is for none
    of the backbones.
    """
    if preset is not None and preset not in PRESETS:
        raise ConfigError(f"unknown preset {preset!r}: choose one of {', '.join(PRESETS)}")
    own = [parse_axis(text) for text in grid]
    named = [name for names, _ in own for name in names.split("+")]
    for name in named:
        if named.count(name) > 1:
            raise ConfigError(f"the grid axis {name!r} is given twice: name all its values once")
    chosen = PRESETS[preset] if preset else Preset("", {})
    axes: dict[str, Sequence[Any]] = {
        names: values
        for names, values in chosen.axes.items()
        if names in named or not set(names.split("+")) & set(named)
    }
    axes |= dict(own)
    if not axes:
        raise ConfigError(
            "the grid is empty: name an axis, such as --grid gamma=0.1,1,10, or a --preset "
            f"({', '.join(PRESETS)})"
        )
    if base.gammas:
        raise ConfigError("gammas are an axis in a sweep: write --grid gamma=0.1,1,10")
    axes.setdefault("seed", base.seeds)
    variants: Sequence[Mapping[str, Any]] = chosen.variants
    if any(name in named for variant in variants for name in variant):
        variants = ({},)
    cells = [
        _apply(base, {**variant, **_place(axes, values)})
        for variant in variants
        for values in product(*axes.values())
    ]
    _check_used("+".join(axes).split("+"), {cell.backbone: None for cell in cells})
    return list({cell_key(cell): cell for cell in cells}.values())


def _check_used(axes: Sequence[str], backbones: Collection[str]) -> None:
    """Raise ConfigError for an axis on which one network would be trained many times."""
    for axis in axes:
        takers = _backbones_of(axis)
        if takers and not {*takers} & {*backbones}:
            own = [name for name in AXES if {*_backbones_of(name)} & {*backbones}]
            raise ConfigError(
                f"the grid axis {axis!r} changes nothing with backbone {' or '.join(backbones)}, "
                f"whose own axes are {', '.join(own)}: name one of those, or use backbone "
                f"{' or '.join(takers)}"
            )


def _backbones_of(axis: str) -> tuple[str, ...]:
    """Return the backbones that an axis is for; none if it is for all."""
    name = "hidden" if axis in _HIDDEN else axis
    return SETTINGS[name].backbones if name in SETTINGS else ()


def axis_value(config: TrainConfig, axis: str) -> Any:
    """Return where a cell stands on an axis."""
    if axis == "seed":
        return config.seeds[0]
    if axis == "depth":
        return len(config.hidden)
    if axis == "width":
        return config.hidden[0] if config.hidden else 0
    return getattr(config, axis)


def varying_axes(cells: Sequence[TrainConfig]) -> list[str]:
    """Return the axes on which the cells differ, without the seed."""
    return [a for a in AXES if a != "seed" and len({axis_value(c, a) for c in cells}) > 1]


def group_cells(cells: Sequence[TrainConfig], workers: int) -> list[list[TrainConfig]]:
    """Return the cells that are to be trained together: alike but for seed and gamma.

    No group is larger than _MOST_TOGETHER. Of several workers none stands idle for long: no group
    is larger than a third of a worker's share of all cells, and the most laborious come first.
    """
    groups: dict[tuple[Any, ...], list[TrainConfig]] = {}
    for cell in cells:
        common = tuple(getattr(cell, name) for name in SETTINGS if name not in ("seeds", "gamma"))
        groups.setdefault(common, []).append(cell)
    shares = 3 * workers if workers > 1 else 1
    most = min(-(-len(cells) // shares), _MOST_TOGETHER)
    parts = [
        group[part]
        for group in groups.values()
        for part in split(len(group), -(-len(group) // most))
    ]
    return sorted(parts, key=lambda part: len(part) * _cost(part[0]), reverse=True)


def _cost(config: TrainConfig) -> int:
    """Return about how much work a cell is, to compare it with others.

    It is the number of epochs times that of weights, about; a last hidden layer that is the latent
    layer counts twice, for its many mixtures take long to fit.
    """
    last = config.widths[-1] if config.architecture == "none" else config.latent_dim
    widths = (_TYPICAL_FEATURES, *config.widths, last)
    return config.epochs * sum(a * b for a, b in pairwise(widths))


def _place(axes: Axes, values: Sequence[Any]) -> dict[str, Any]:
    """Return the settings of a cell, from its value on every axis."""
    settings: dict[str, Any] = {}
    for names, value in zip(axes, values, strict=True):
        together = names.split("+")
        settings |= zip(together, value if len(together) > 1 else (value,), strict=True)
    return settings


def _apply(base: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """Return a cell; `TrainConfig` checks the values, and converts those that are text."""
    settings = dict(values)
    settings["seeds"] = (settings.pop("seed"),)
    if "depth" in settings or "width" in settings:
        depth = _whole("depth", settings.pop("depth", len(base.hidden)))
        width = _whole("width", settings.pop("width", base.hidden[0] if base.hidden else 0))
        if "depth" not in values and not depth:
            raise ConfigError(f"width {width} needs a hidden layer: give depth as well")
        settings["hidden"] = (width,) * depth
    if settings.get("architecture") == "none":  # among others: its z is no latent layer's
        settings |= {"classifier_initialization": "same", "classifier_code": None}
    return settled(replace(base, **settings))


def _whole(name: str, value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number <= _LARGEST:
        raise ConfigError(f"{name} must be a whole number from 0 to {_LARGEST}, not {value!r}")
    return number
