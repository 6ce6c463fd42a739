"""Geometry of a binary code: how far apart, and how equally far, the codes of the classes are.

A code of C classes with D bits is C vertices of a hypercube, and its Hamming distances are, up to
a factor, their squared distances. Equally far codes form a regular simplex, and the middle of that
simplex is the middle of the hypercube exactly where the distance is C / (2 (C - 1)).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpc_scratch.metrics.binarity import hamming_distances
from lpc_scratch.metrics.classes import as_matrix
from lpc_scratch.theory.codes import simplex_hamming


@dataclass(frozen=True)
class CodeGeometry:
    """Hamming distances between C codes, over their pairs, as shares of the D bits.

    No code has a mean above floor(C/2) ceil(C/2) / (C (C - 1) / 2), because a bit that is set in
    m of the codes tells m (C - m) pairs apart (Plotkin 1960). For even C this bound is the
    distance C / (2 (C - 1)) of a simplex; for odd C it is (C + 1) / (2 C), a little less, so that
    no code quite reaches ``simplex``.

    Attributes
    ----------
    mean : distance, averaged over pairs
    spread : standard deviation over pairs: 0 for an equidistant code
    smallest : distance of the closest pair: 0 where two classes share a code
    simplex : C / (2 (C - 1)), the distance of every pair in a simplex around the middle
    """

    mean: float
    spread: float
    smallest: float
    simplex: float


def code_geometry(codes: npt.ArrayLike) -> CodeGeometry:
    """Measure the pairwise Hamming distances of ``codes`` (C, D), such as those of the classes.

    Raises ValueError unless ``codes`` is 2-D with at least two rows and one column.
    """
    matrix = as_matrix(codes, "codes", min_rows=2)
    distances = hamming_distances(matrix)[np.triu_indices(len(matrix), k=1)]
    return CodeGeometry(
        mean=float(distances.mean()),
        spread=float(distances.std()),
        smallest=float(distances.min()),
        simplex=simplex_hamming(len(matrix)),
    )
