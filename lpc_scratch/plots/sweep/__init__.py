"""Every figure of a sweep: phases, curves and heat maps over the settings.

As in :mod:`lpc_scratch.plots`, a table goes in and a `Figure` comes out. What a table holds is in
:mod:`lpc_scratch.plots.sweep.cells`. Deviations over seeds have ddof 1. On a logarithmic axis mean
and deviation are those of the logarithm.
"""

from lpc_scratch.plots.sweep.figures import (
    OVERVIEW,
    plot_metric_curves,
    plot_metric_heatmap,
    plot_metrics,
    plot_phases,
)
from lpc_scratch.plots.sweep.theory import plot_code_geometry, plot_equilibrium

__all__ = [
    "OVERVIEW",
    "plot_code_geometry",
    "plot_equilibrium",
    "plot_metric_curves",
    "plot_metric_heatmap",
    "plot_metrics",
    "plot_phases",
]
