"""Every figure: arrays or rows of a run go in, a matplotlib `Figure` comes out.

``runs`` has the figures of a training run, ``comparison`` and ``portraits`` those of a comparison,
``sweep`` those of a sweep, and ``evaluation`` those of an evaluation. What their panels share is in
:mod:`lpc_scratch.plots.panels`; no figure uses pyplot, so nothing global changes.
"""

from lpc_scratch.plots.runs import (
    RUN_PLOTS,
    plot_class_codes,
    plot_class_cosines,
    plot_collapse,
    plot_latent_histograms,
    plot_overview,
    plot_training,
    save_figures,
    save_run_plots,
)

__all__ = [
    "RUN_PLOTS",
    "plot_class_codes",
    "plot_class_cosines",
    "plot_collapse",
    "plot_latent_histograms",
    "plot_overview",
    "plot_training",
    "save_figures",
    "save_run_plots",
]
