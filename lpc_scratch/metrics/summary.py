"""From what two passes over features have found to numbers: the formulas of the other modules."""

import numpy as np

from lpc_scratch.metrics.axes import entry_kurtosis, rotated_kurtosis
from lpc_scratch.metrics.binarity import distinct_codes
from lpc_scratch.metrics.centres import Centres
from lpc_scratch.metrics.classes import FloatArray
from lpc_scratch.metrics.codes import code_geometry
from lpc_scratch.metrics.collapse import (
    cdnv,
    equiangularity,
    equinorm,
    etf_distance,
    max_angle,
    self_duality,
    variability_quotient,
)
from lpc_scratch.metrics.generalised import (
    direction_kernels,
    duality_cosines,
    duality_structure,
)
from lpc_scratch.metrics.spread import Spread


def collapse_values(centres: Centres, spread: Spread, W: FloatArray | None) -> dict[str, float]:
    """Return NC1 to NC3, all nan where there is only one class."""
    C = len(centres.classes)
    names = (
        *("nc1", "nc1_pinv", "nc1_quotient", "cdnv"),
        *("equinorm", "equiangular", "max_angle", "etf_distance"),
        *("gnc2_distance", "gnc2_log", "gnc2_log_variance", "gnc2_riesz"),
        *("nc3", "nc3_structure", "nc3_cosine", "nc3_uniform"),
    )
    values = dict.fromkeys(names, np.nan)
    if C < 2:
        return values
    M = spread.centered_means
    if np.any(centres.counts > 1):
        values |= _within(spread) | {
            "nc1_quotient": variability_quotient(spread),
            "cdnv": cdnv(spread),
        }
    values |= {
        "equinorm": equinorm(M),
        "equiangular": equiangularity(M),
        "max_angle": max_angle(M),
        "etf_distance": etf_distance(M),
        **direction_kernels(M),
    }
    if W is not None:
        cosines = duality_cosines(M, W)
        values |= {
            "nc3": self_duality(M, W),
            "nc3_structure": duality_structure(M, W),
            "nc3_cosine": float(cosines.mean()),
            "nc3_uniform": float(cosines.std()),
        }
    return values


def _within(spread: Spread) -> dict[str, float]:
    """Return NC1 with the two ways to tell the directions in which class means differ."""
    s, (C, D) = spread.axes, spread.means.shape
    if not len(s):
        value = np.inf if spread.variances.any() else np.nan
        return {"nc1": value, "nc1_pinv": value}
    ratios = spread.along / s**2
    # what a pseudo-inverse of the D x D matrix Σ_B, whose eigenvalues are s², takes for rounding
    kept = s**2 > s[0] ** 2 * D * np.finfo(np.float64).eps
    return {"nc1": float(ratios.sum() / C), "nc1_pinv": float(ratios[kept].sum() / C)}


def binarity_values(
    centres: Centres, spread: Spread, origin: FloatArray, seed: int
) -> dict[str, float]:
    """Return what asks for two values a coordinate, with codes above the origin."""
    means = centres.means - origin
    if origin.any():  # what is the same for all classes has no code, and would count as sparse
        alive = np.any(means != 0, axis=0)
        means = means[:, alive] if alive.any() else means
    codes = centres.means > origin
    geometry = code_geometry(codes) if len(codes) > 1 else None
    purity = np.maximum(spread.positive, 1 - spread.positive)
    return {
        "sign_purity": float(purity.mean()),
        "same_code": float(spread.on_code.mean()),
        "distinct_codes": float(distinct_codes(codes)),
        "code_distance": geometry.mean if geometry else np.nan,
        "code_spread": geometry.spread if geometry else np.nan,
        "kurtosis": entry_kurtosis(means),
        "kurtosis_rotated": rotated_kurtosis(means, seed),
    }
