"""The network as a scikit-learn estimator."""

from lpc_scratch.estimator.classifier import LPCClassifier

__all__ = ["LPCClassifier"]
