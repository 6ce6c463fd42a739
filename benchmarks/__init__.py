"""Timings of the training step against other libraries; README.md says what is measured and how."""

import lpc_scratch  # noqa: F401  before NumPy, whose idle BLAS threads it puts to sleep
