"""Latent point collapse from scratch: hand-written backpropagation in NumPy and CuPy."""

import os

__version__ = "0.1.0"

# Threads of OpenBLAS that wait for work spin for 2^26 cycles by default, on the cores that the rest
# of a step needs. Read when NumPy is first imported; no result depends on it.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "18")
