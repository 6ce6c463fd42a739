"""The classifier on top of features, from arrays of any library: whose axis is whose, what it says.

A torch ``Linear`` keeps its weight as (K, D), Keras and this package as (D, K). Their shapes tell
them apart unless K = D.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lpc_scratch.metrics.arrays import Rows, as_array, as_rows, read_finite
from lpc_scratch.metrics.classes import FloatArray, IntArray, as_matrix

Layout = Literal["auto", "rows", "columns"]
"""Which of the weight's rows (torch) or columns (Keras) belong to classes; auto asks its shape."""

Decide = Callable[[int, int, FloatArray], IntArray]
"""Predicted labels of the samples from `start` to `stop`, whose features are given."""


@dataclass(frozen=True, eq=False)
class Head:
    """A classifier z W + b.

    Attributes
    ----------
    W : (D, K)
    b : (K,)
    """

    W: FloatArray
    b: FloatArray

    def decide(self, start: int, stop: int, z: FloatArray) -> IntArray:
        """Return the class with the largest logit of each row of ``z``."""
        return (z @ self.W + self.b).argmax(axis=1)

    def of_classes(self, classes: IntArray) -> FloatArray:
        """Return the columns (D, C) of some classes; ValueError where one has none."""
        K = self.W.shape[1]
        if classes[0] < 0 or classes[-1] >= K:
            raise ValueError(
                f"classifier_weight has {K} classes, 0 to {K - 1}, and labels go from {classes[0]} "
                f"to {classes[-1]}: number the classes as the classifier does."
            )
        return self.W[:, classes]


def as_head(weight: Any, bias: Any, dims: int, layout: Layout = "auto") -> Head | None:
    """Return a classifier for features of so many coordinates; None without a weight.

    Raises ValueError for a weight that is no finite matrix, of which no side is ``dims`` or both
    are and ``layout`` does not say more, and for a bias of another length than the classes.
    """
    if weight is None:
        if bias is not None:
            raise ValueError("classifier_bias is there without a classifier_weight.")
        return None
    W = as_matrix(weight, "classifier_weight")
    if dims not in W.shape:
        raise ValueError(
            f"classifier_weight has shape {W.shape}, of which neither side is the {dims} "
            "coordinates of the features: save the weight of the layer that takes them."
        )
    if layout == "auto" and W.shape == (dims, dims):
        raise ValueError(
            f"classifier_weight has shape {W.shape}, as many classes as coordinates: say whether "
            "its rows (torch) or its columns (Keras) belong to the classes, with weight_layout."
        )
    columns = W.shape[0] == dims if layout == "auto" else layout == "columns"
    W = W if columns else W.T
    if len(W) != dims:
        raise ValueError(
            f"classifier_weight has {len(W)} coordinates where weight_layout says {layout!r}, and "
            f"the features have {dims}: it is the other way round."
        )
    b = np.zeros(W.shape[1]) if bias is None else np.ravel(as_array(bias, "classifier_bias"))
    if b.shape != (W.shape[1],) or not np.isfinite(b).all():
        raise ValueError(
            f"classifier_bias must be {W.shape[1]} finite numbers, one for each class."
        )
    return Head(W, b.astype(np.float64))


def decide_by(logits: Any, head: Head | None, samples: int) -> Decide | None:
    """Return what predicts: the logits (N, K) if they are given, else the head; None without both.

    Raises ValueError for logits that are no matrix of N rows.
    """
    if logits is None:
        return head.decide if head else None
    scores: Rows = as_rows(logits, "logits")
    if scores.shape[0] != samples:
        raise ValueError(f"logits has {scores.shape[0]} rows for {samples} samples.")
    return lambda start, stop, _: read_finite(scores, "logits", start, stop).argmax(axis=1)
