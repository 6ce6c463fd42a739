"""Measures every layer of a network while it trains."""

from typing import Any

from numpy.typing import ArrayLike

from lpc_scratch.metrics.features import Measured, measure_layers
from lpc_scratch.nn.inference import hidden_layers
from lpc_scratch.training.loop import Recorder
from lpc_scratch.training.result import Row, TrainingResult
from lpc_scratch.training.trainer import Trainer


class LayerMeasurements(Recorder):
    """A recorder that measures all layers whenever the run is measured.

    Parameters
    ----------
    x, labels : array-like (N, I) and (N,)
        Inputs as stored, and their classes.
    member : int
        Which network, where several are trained together.
    **settings
        As for :func:`~lpc_scratch.metrics.features.measure_layers`, but for the classifier.

    Attributes
    ----------
    found : dict of int to dict
        By epoch what `measure_layers` returns.
    """

    def __init__(self, x: ArrayLike, labels: ArrayLike, member: int = 0, **settings: Any) -> None:
        self.found: dict[int, dict[str, Measured]] = {}
        self._x, self._labels, self._member, self._settings = x, labels, member, settings

    def save(self, trainer: Trainer, result: TrainingResult, new_rows: list[Row]) -> None:
        """Measure all layers after a measured epoch."""
        network = trainer.network
        of_member: Any = self._member if network.stack else ...
        layers = {name: z[of_member] for name, z in hidden_layers(network, self._x).items()}
        parameters, to_host = network.named_parameters(), network.backend.to_host
        W, b = (to_host(parameters[f"classifier.{name}"])[of_member] for name in "Wb")
        self.found[new_rows[-1]["epoch"]] = measure_layers(
            layers,
            self._labels,
            classifier_weight=W,
            classifier_bias=b,
            weight_layout="columns",
            **self._settings,
        )
