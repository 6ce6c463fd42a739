"""Distances and cosines of every two of a set of vectors."""

import numpy as np

from lpc_scratch.metrics.classes import FloatArray


def pair_distances(vectors: FloatArray) -> FloatArray:
    """||v_i - v_j|| for every pair i < j of rows."""
    # a row at a time: the differences of all pairs at once are many times the vectors
    rows = enumerate(vectors, start=1)
    return np.concatenate([np.linalg.norm(vectors[j:] - row, axis=1) for j, row in rows])


def pair_cosines(vectors: FloatArray) -> FloatArray:
    """cos(v_i, v_j) for every pair i < j of rows; all nan where a row is 0."""
    i, j = np.triu_indices(len(vectors), k=1)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not norms.all():
        return np.full(len(i), np.nan)
    directions = vectors / norms
    return (directions @ directions.T)[i, j]
