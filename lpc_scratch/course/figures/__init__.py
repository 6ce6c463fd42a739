"""Figures that only the notebooks of the course draw: arrays go in, a `Figure` comes out."""
