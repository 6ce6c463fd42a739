"""Timings of the training step against other libraries; README.md says what is measured and how."""

from lpc_scratch.commands.startup import quieten_blas

quieten_blas()  # before NumPy is imported
