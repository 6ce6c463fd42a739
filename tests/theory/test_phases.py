import math

import pytest

from lpc_scratch.theory.phases import PHASES, THRESHOLDS, classify, is_trivial

COMPLETE = {
    "train_accuracy": 0.99,
    "nc1": 0.01,
    "peak_distance": 10.0,
    "same_code": 1.0,
    "distinct_codes": 4.0,
}
CLOUDS = COMPLETE | {"nc1": 1.0, "peak_distance": 1.5, "distinct_codes": 2.0}
LESS, MORE = -math.inf, math.inf


def next_to(value, direction):
    """Return the nearest number below or above."""
    return math.nextafter(value, direction)


@pytest.mark.parametrize(
    ("row", "phase"),
    [
        (COMPLETE, "complete"),
        (COMPLETE | {"nc1": next_to(0.05, LESS)}, "complete"),
        (COMPLETE | {"nc1": 0.05}, "partial"),
        (COMPLETE | {"peak_distance": next_to(8, MORE)}, "complete"),
        (COMPLETE | {"peak_distance": 8.0}, "partial"),
        (COMPLETE | {"same_code": next_to(0.95, MORE)}, "complete"),
        (COMPLETE | {"same_code": 0.95}, "partial"),
        (COMPLETE | {"distinct_codes": 3.0}, "partial"),
        (CLOUDS, "none"),
        (CLOUDS | {"nc1": next_to(0.1, MORE)}, "none"),
        (CLOUDS | {"nc1": 0.1}, "partial"),
        (CLOUDS | {"peak_distance": next_to(4, LESS)}, "none"),
        (CLOUDS | {"peak_distance": 4.0}, "partial"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_phase_changes_at_its_threshold(row, phase):
    assert classify(row, 4) == phase


UNTRAINED = {"gamma": 10.0, "penalty": 10 * 1.5, "train_accuracy": 0.1}
SQUEEZED = {"gamma": 10.0, "penalty": 10 * 1.0001, "train_accuracy": 1.1 * 0.25}


@pytest.mark.parametrize(
    ("row", "minimum", "trivial"),
    [
        (SQUEEZED, 1.0, True),
        (SQUEEZED | {"penalty": 10 * 0.0001}, 0.0, True),
        (SQUEEZED, None, False),
        (SQUEEZED | {"gamma": 0.0}, 1.0, False),
        (SQUEEZED | {"train_accuracy": next_to(1.1 * 0.25, MORE)}, 1.0, False),
        (SQUEEZED | {"penalty": 10 * 1.011}, 1.0, False),
    ],
    ids=str,
)
def test_collapse_is_trivial_for_a_guess_at_the_minimum_of_the_penalty(row, minimum, trivial):
    untrained = UNTRAINED | {"penalty": 10 * ((minimum or 0) + 0.5)}
    assert is_trivial(row, untrained, minimum, largest_share=0.25) == trivial


@pytest.mark.parametrize(
    ("metrics", "phase"),
    [
        ({"nc1": math.nan, "peak_distance": math.nan}, "none"),
        ({"nc1": math.nan, "peak_distance": 9.0}, "partial"),
        ({"nc1": 0.01, "peak_distance": math.nan}, "partial"),
        ({"nc1": math.inf, "peak_distance": 0.0}, "none"),
        ({"same_code": math.nan}, "partial"),
    ],
)
def test_metric_that_is_no_number_never_makes_a_complete_collapse(metrics, phase):
    assert classify(COMPLETE | metrics, 4) == phase


def test_every_phase_has_its_threshold_in_words():
    named = {text.partition(":")[0] for text in THRESHOLDS}
    assert named == set(PHASES.values())
