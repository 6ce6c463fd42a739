"""The grids of experiments with a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Axes = Mapping[str, Sequence[Any]]
"""The values on every axis of a grid, by its name; see `grid`."""


@dataclass(frozen=True)
class Preset:
    """A grid with a name.

    Attributes
    ----------
    question : what it asks, in one line
    axes : the values on every axis, by its name; tuples where settings change together
    variants : settings that change together; the grid is run once with each. None are used where
        the user gives an axis of that name.
    predicted : the measurements for which theory has a prediction, in the order of the report
    """

    question: str
    axes: Axes
    variants: Sequence[Mapping[str, Any]] = ({},)
    predicted: Sequence[str] = ()


PRESETS = {
    "gamma-phase": Preset(
        "how strong must the penalty be, and how strong may it be?",
        {
            "gamma": [1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4],
            "penalty": ["exp", "exp-coordinate", "exp-sample", "l2"],
        },
        # Adam moves every coordinate at its own pace, plain gradient descent all alike.
        [{}, {"optimizer": "sgd", "learning_rate": 0.05}],
    ),
    "backbone": Preset(
        "what must the backbone be able to do?",
        {"depth": [1, 2, 3, 4, 5], "width": [32, 64, 128, 256, 512, 1024]},
    ),
    "latent-dim": Preset(
        "how many dimensions do the codes need?",
        {"latent_dim": [1, 2, 3, 4, 6, 8, 9, 12, 16, 32, 64, 128]},
    ),
    "softmax-once-or-twice": Preset(
        "what did the second softmax of the published code change?",
        {"loss": ["softmax", "double-softmax"], "architecture": ["binary", "linear"]},
    ),
    "optimizer-geometry": Preset(
        "whose optimiser makes the code, and in whose axes?",
        {
            "classifier_optimizer+classifier_basis": [
                *((name, "axes") for name in ("adam", "rmsprop", "signum", "lion", "pnorm")),
                *((name, "axes") for name in ("sgd", "normalized", "muon", "none")),
                *((name, "rotated") for name in ("adam", "signum")),
            ],
            "optimizer": ["adam", "sgd"],
        },
        predicted=("kurtosis", "kurtosis_rotated", "peak_distance", "etf_distance"),
    ),
    "descent-power": Preset(
        "in which p-norms does steepest descent make a binary code?",
        {"descent_power": [1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0]},
        [{"classifier_optimizer": "pnorm"}],
        predicted=("kurtosis",),
    ),
    "penalty-power": Preset(
        "which penalties make a binary code by themselves?",
        {
            "penalty+penalty_power+gamma": [
                *(("lp", power, 10.0) for power in (1.25, 1.5, 2.0, 3.0, 4.0)),
                *(("lp", power, 100.0) for power in (4.0, 8.0)),
                ("max", 4.0, 1.0),
            ],
            "optimizer": ["sgd", "normalized", "adam"],
        },
        predicted=("kurtosis", "peak_distance"),
    ),
    "epsilon-gamma": Preset(
        "at which epsilon does the code of Adam fade?",
        {
            "epsilon": [1e-8, 1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1],
            "gamma": [1.0, 10.0, 100.0, 1000.0],
        },
        predicted=("kurtosis",),
    ),
    "simplex-start": Preset(
        "does a classifier that starts as a binary simplex stay one?",
        {
            "classifier_initialization": ["same", "simplex"],
            "latent_dim": [18, 36, 72],
            "gamma": [1.0, 10.0, 100.0, 1000.0],
        },
        predicted=("kurtosis", "etf_distance", "latent_norm"),
    ),
    "small-latent": Preset(
        "in how few dimensions do classes begin to share a code?",
        {"latent_dim": [1, 2, 3, 4, 5, 6, 8, 10]},
        predicted=("distinct_codes",),
    ),
    "batch-size": Preset(
        "do small batches make the code of Adam less binary, and that of signs not?",
        {
            # the same number of steps
            "batch_size+epochs": [(16 * 2**n, 25 * 2**n) for n in range(6)],
            "classifier_optimizer": ["adam", "signum"],
        },
        predicted=("kurtosis",),
    ),
    "onset": Preset(
        "after how many steps does learning begin?",
        {
            "latent_dim+gamma+learning_rate": [
                *((8, 10.0, 5e-4), (8, 100.0, 1e-3), (16, 10.0, 5e-4), (16, 100.0, 5e-4)),
                *((32, 10.0, 2e-4), (32, 100.0, 5e-4), (32, 1000.0, 1e-3)),
                *((64, 100.0, 2e-4), (64, 1000.0, 5e-4)),
            ],
            "optimizer": ["adam", "signum"],
        },
        [{"evaluate_every": 2, "epochs": 150}],
        predicted=("onset_step",),
    ),
}
"""The grids of the paper and of the questions that it leaves open."""
