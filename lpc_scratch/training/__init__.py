"""From a configuration to a trained network.

``step`` takes one minibatch, ``trainer`` an epoch of them, ``loop`` all epochs with measurements in
between. ``members`` and ``step_graph`` take the same steps on threads and as a recorded CUDA graph.
"""

from lpc_scratch.training.loop import (
    Progress,
    Recorder,
    load_configured_dataset,
    settled,
    train,
)

__all__ = ["Progress", "Recorder", "load_configured_dataset", "settled", "train"]
