"""What is to be measured: features of layers with their labels, by the names of their arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_utils import DatasetError
from lpc_scratch.errors import ConfigError
from lpc_scratch.features.stored import Stored, StoredArray, open_arrays
from lpc_scratch.metrics.heads import Layout
from lpc_scratch.nn.inference import hidden_layers
from lpc_scratch.runs.run import Run

FEATURES, TEST, UNKNOWN = "features", "features_test", "features_unknown"
ALL = ("all",)


@dataclass(frozen=True, eq=False)
class Split:
    """Features of the layers for one set of samples.

    Attributes
    ----------
    layers : (N, D) by the layers' names, in the order of the forward pass
    labels : (N,)
    logits : (N, K), or nothing
    """

    layers: Mapping[str, Any]
    labels: npt.NDArray
    logits: Any = None


@dataclass(frozen=True, eq=False)
class Source:
    """What is to be measured.

    Attributes
    ----------
    name : what is written above it
    splits : ``train``, and ``test`` where there is one
    weight, bias : of the classifier that takes the last layer, or nothing
    unknown : (M, D) features of unknown inputs in the last layer, or nothing
    layout : which axis of the weight is whose
    class_names : by label, or nothing
    """

    name: str
    splits: Mapping[str, Split]
    weight: npt.NDArray | None = None
    bias: npt.NDArray | None = None
    unknown: Any = None
    layout: Layout = "auto"
    class_names: Sequence[str] = field(default=())


def read_source(path: Path, layers: Sequence[str], layout: Layout) -> Source:
    """Return what a file or a folder of arrays holds, with the layers that are named.

    Raises
    ------
    DatasetError
        If it cannot be read, or lacks features or labels.
    ConfigError
        If there is no such layer.
    """
    arrays = open_arrays(path)
    features, test = _layers(arrays, FEATURES), _layers(arrays, TEST)
    lacking = [] if features else [f"{FEATURES} or {FEATURES}.NAME"]
    lacking += [] if "labels" in arrays else ["labels"]
    lacking += ["labels_test"] if test and "labels_test" not in arrays else []
    if lacking:
        raise DatasetError(
            f"'{path}' lacks {' and '.join(lacking)}: it holds {', '.join(arrays) or 'no array'}"
        )
    chosen = _chosen(features, layers)
    splits = {"train": Split(chosen, _whole(arrays["labels"]), arrays.get("logits"))}
    if test:
        if test.keys() != features.keys():
            raise DatasetError(
                f"'{path}' has test features of the layers {', '.join(test)}, and training "
                f"features of {', '.join(features)}: save the same layers of both"
            )
        tested = {name: test[name] for name in chosen}
        labels = _whole(arrays["labels_test"])
        splits["test"] = Split(tested, labels, arrays.get("logits_test"))
    # the classifier takes the last layer of the file, whichever are looked at
    last = list(features)[-1] in chosen
    names = ("classifier_weight", "classifier_bias")
    weight, bias = (_whole(arrays[n]) if n in arrays and last else None for n in names)
    unknown = arrays.get(UNKNOWN) if last else None
    if not last:
        splits = {name: Split(split.layers, split.labels) for name, split in splits.items()}
    return Source(path.name, splits, weight, bias, unknown, layout)


def source_of_run(
    run: Run, layers: Sequence[str], member: int, dataset: str | None, data_dir: Path | None
) -> Source:
    """Return the latent layer of a run on all of its data, or the layers that are named.

    Raises
    ------
    ConfigError
        If there is no such layer or member.
    RunFolderError
        If the data cannot be loaded.
    """
    count = len(run.config.seeds)
    if not 0 <= member < count:
        raise ConfigError(f"member must be from 0 to {count - 1}, not {member}")
    of_member: Any = member if run.network.stack else ...
    data = run.load_dataset(dataset, data_dir)
    splits = {}
    for name, x, labels in (
        ("train", data.x_train, data.y_train),
        ("test", data.x_test, data.y_test),
    ):
        found = hidden_layers(run.network, x) if layers else {"latent": run.latent(x)}
        chosen = _chosen({layer: z[of_member] for layer, z in found.items()}, layers)
        splits[name] = Split(
            chosen, labels, run.logits(x)[of_member] if "latent" in chosen else None
        )
    weight = bias = None
    if "latent" in splits["train"].layers:
        to_host, parameters = run.network.backend.to_host, run.network.named_parameters()
        weight, bias = (to_host(parameters[f"classifier.{name}"])[of_member] for name in "Wb")
    name, names = run.folder.name, run.class_names
    return Source(name, splits, weight, bias, layout="columns", class_names=names)


def _layers(arrays: Mapping[str, Stored], kind: str) -> dict[str, Stored]:
    """Return the features of a kind by layer; those without a layer's name are of the last."""
    found = {
        name.removeprefix(f"{kind}."): array
        for name, array in arrays.items()
        if name.startswith(f"{kind}.")
    }
    return found | ({FEATURES: arrays[kind]} if kind in arrays else {})


def _chosen(features: Mapping[str, Any], layers: Sequence[str]) -> dict[str, Any]:
    """Return the layers that are named, in their own order; all where none is."""
    names = list(features) if tuple(layers) in ((), ALL) else list(layers)
    unknown = [name for name in names if name not in features]
    if unknown:
        raise ConfigError(f"layers has {unknown[0]}: choose from {', '.join(features)}, or all")
    return {name: features[name] for name in features if name in names}


def _whole(array: Stored) -> npt.NDArray:
    if not isinstance(array, StoredArray):
        return array
    if not array.shape:
        raise DatasetError(f"{array.name} in '{array.path}' is a single number, and not an array")
    return np.asarray(array.read(0, array.shape[0]))
