"""Timings of the training step against other libraries; README.md says what is measured and how."""

import os
import sys

from lpc_scratch.commands.startup import quieten_blas

quieten_blas()  # before NumPy is imported

UNSET: dict[str, str] = {}
"""Variables that were set, with their values, and that the benchmark runs without."""

# Machines set them for older builds of OpenBLAS; a current one chooses better, and is slowed.
# It reads them when NumPy is imported, and so do the processes that are started later.
if "numpy" not in sys.modules:
    for _name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        if _name in os.environ:
            UNSET[_name] = os.environ.pop(_name)
