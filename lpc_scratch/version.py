"""The version of the package, of which every run keeps the one that wrote it."""

__version__ = "0.2.0"
