"""Settings as YAML, and back, every key and value checked."""

import dataclasses
import difflib
import reprlib
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError, one_line

FORMER = ("numba",)
"""Keys of configurations that earlier versions wrote; they decide nothing any more."""

Config = TypeVar("Config", bound=TrainConfig)


def load_config(path: Path, cls: type[Config]) -> Config:
    """Read a configuration from a YAML file; fields that it does not name have their defaults.

    Raises
    ------
    ConfigError
        If the file is missing, is no YAML mapping, or has an unknown key or a bad value.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration file {path} cannot be read: {error}") from error
    return parse_config(text, f"configuration file {path}", cls)


def parse_config(text: str, source: str, cls: type[Config]) -> Config:
    """Return the configuration that a YAML text describes; see `load_config`.

    `source` is where the text is from, for the messages.
    """
    try:
        settings = yaml.load(text, _StrictLoader)
    except _NO_YAML as error:
        raise ConfigError(f"{source} is not YAML: {one_line(error)}") from error
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{source} must hold lines of the form 'gamma: 10'")
    known = [field.name for field in dataclasses.fields(cls) if field.name != "config"]
    settings = {key: value for key, value in settings.items() if key not in FORMER}
    unknown = [str(key) for key in settings if key not in known]
    if unknown:
        close = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(known)}"
        raise ConfigError(f"{source} has the unknown key {reprlib.repr(unknown[0])}: {hint}")
    try:
        return cls(**settings)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error


# What PyYAML raises; all but the first and the last for a text that its tag does not fit.
_NO_YAML = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


class _StrictLoader(yaml.SafeLoader):
    """YAML's safe loader, which runs no code, and refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        counts = Counter(k.value for k, _ in node.value if isinstance(k, yaml.ScalarNode))
        for key, count in counts.items():
            if count > 1:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key!r} stands twice", problem_mark=node.start_mark
                )
        return super().construct_mapping(node, deep)


def dump_config(config: Any, without: Collection[str] = ()) -> str:
    """Return a dataclass of settings as YAML, which `load_config` reads back to an equal one.

    `without` names fields to leave out.
    """
    settings = {
        field.name: _plain(getattr(config, field.name))
        for field in dataclasses.fields(config)
        if field.name not in without
    }
    return yaml.safe_dump(settings, sort_keys=False)


def _plain(value: Any) -> Any:
    """Return a value as YAML writes it without tags."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
