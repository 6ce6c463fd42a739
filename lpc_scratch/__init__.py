"""Latent point collapse from scratch: hand-written backpropagation in NumPy and CuPy."""

__version__ = "0.1.0"
