"""Why a number of features is not defined, in words, and what a reader must know beside it."""

import math
from collections.abc import Mapping

from lpc_scratch.metrics.centres import Centres
from lpc_scratch.metrics.spread import Spread


def why_undefined(
    values: Mapping[str, float],
    centres: Centres,
    spread: Spread,
    about_zero: bool,
) -> tuple[str, ...]:
    """Return a sentence for each reason why values are nan or infinite, or mislead."""
    C, D = centres.means.shape
    notes = []
    if C == 1:
        notes.append(
            f"all samples are of class {centres.classes[0]}: what compares classes is not defined"
        )
    elif not spread.axes.size:
        notes.append(
            "all class means coincide, so that nothing is between the classes: what is relative to "
            "it is infinite or not defined"
        )
    elif math.isinf(values["gnc2_riesz"]) or math.isinf(values["cdnv"]):
        notes.append(
            "two class means coincide, or their directions: what divides by it is infinite"
        )
    alone = int((centres.counts == 1).sum())
    if alone == C > 1:
        notes.append("every class has one sample: what is within classes is not defined")
    elif alone:
        notes.append(f"{alone} of {C} classes have one sample, which counts as collapsed")
    if D < C - 1:
        notes.append(
            f"{C} classes are more than {D} coordinates have room for as a simplex: read GNC2 in "
            "place of the ETF distance"
        )
    if math.isnan(values["gmm_score"]):
        notes.append("every coordinate is constant: it has no two values to look for")
    if about_zero and centres.least >= 0 and C > 1:
        notes.append(
            "no feature is negative, so that a code about 0 says which of them are off: take the "
            "mean as origin to ask for two values"
        )
    return tuple(notes)
