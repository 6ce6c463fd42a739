"""The files of a run folder, by their names."""

CONFIG = "config.yaml"
"""The complete settings."""
ENVIRONMENT = "environment.json"
"""What the run ran on."""
DATASET = "dataset.json"
"""What a saved network needs to be shown new data."""
METRICS = "metrics.csv"
"""A row for each measured epoch and network."""
LATENT = "latent.safetensors"
"""Snapshots of the latent layer."""
MODEL = "model.safetensors"
"""The trained parameters."""
CHECKPOINT = "checkpoint.safetensors"
"""What training goes on from."""

FILES = (CONFIG, ENVIRONMENT, DATASET, METRICS, LATENT, MODEL, CHECKPOINT)
"""What makes a folder that of a run."""

PLOTS = "plots"
"""Folder of the figures."""
FIGURES = (
    *("training", "collapse", "latent-histograms"),
    *("class-codes", "class-cosines", "overview"),
)
"""The figures, each a PNG file."""
TENSORBOARD = "tensorboard"
"""Folder of the log for TensorBoard."""
EXPORTS = {"onnx": "model.onnx", "torch": "model-torch.safetensors", "npz": "model.npz"}
"""The forms for other programs, and their files."""
LOCK = ".lock"
"""Locked by the process that writes the run."""

CELLS = "cells"
"""Folder of the results of an experiment, which is no run."""
