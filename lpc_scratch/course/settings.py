"""What the notebooks of the course share: settings that suit a data set, and kept results.

With the environment variable ``LPC_FAST=1`` the settings have a twentieth of the epochs: the
notebooks then run as a test, and show nothing of what they are about.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError

FAST_SHARE = 0.05
"""Epochs of a fast run, as a share of those asked for; one at the least."""

# Networks that train in seconds on digits, and in a minute on 60,000 images.
_IMAGES: dict[str, Any] = {
    "hidden": (256, 256),
    "latent_dim": 32,
    "batch_size": 128,
    "epochs": 10,
    "learning_rate_schedule": "cosine",
}
_BY_DATASET: dict[str, dict[str, Any]] = {
    "mnist": _IMAGES,
    "fashion-mnist": _IMAGES,
    "kmnist": _IMAGES,
    # Clusters that a latent layer of two coordinates can show.
    "gaussians": {
        "gaussian_dims": 10,
        "hidden": (128, 128),
        "latent_dim": 2,
        "gamma": 3.0,
        "learning_rate": 1e-3,
        "epochs": 60,
    },
}


def is_fast() -> bool:
    """Return whether the epochs are to be cut: whether ``LPC_FAST`` is 1.

    Raises ConfigError where it is neither 0 nor 1: a slip would run for long, and keep the outputs.
    """
    value = os.environ.get("LPC_FAST", "0")
    if value not in ("", "0", "1"):
        raise ConfigError(f"LPC_FAST must be 0 or 1, not {value!r}")
    return value == "1"


def settings(dataset: str, **changes: Any) -> TrainConfig:
    """Return settings under which a data set trains in a minute or less on two cores.

    Parameters
    ----------
    dataset : str
        As in `TrainConfig`; digits has the defaults of `TrainConfig`.
    **changes
        Fields of `TrainConfig` that are to be otherwise. ``epochs`` and ``evaluate_every`` are
        cut in a fast run.

    Raises
    ------
    ConfigError
        For an unknown field or a bad value.
    """
    chosen = {"evaluate_every": 1} | _BY_DATASET.get(dataset, {}) | changes
    unknown = sorted(chosen.keys() - TrainConfig.__dataclass_fields__)
    if unknown:
        raise ConfigError(f"TrainConfig has no setting {unknown[0]!r}")
    config = TrainConfig(dataset=dataset, **chosen)
    if not is_fast():
        return config
    epochs = max(1, round(FAST_SHARE * config.epochs))
    return replace(config, epochs=epochs, evaluate_every=min(config.evaluate_every, epochs))


def kept(path: str) -> Path:
    """Return the path of a file of the repository, such as results that are kept there.

    Parameters
    ----------
    path : str
        Relative to the repository's root, with slashes.

    Raises
    ------
    FileNotFoundError
        If neither the working directory nor one above it holds that file.
    """
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / path).exists():
            return folder / path
    raise FileNotFoundError(
        f"{path} is neither in {Path.cwd()} nor above it: run the notebooks in a checkout of the "
        "repository"
    )
