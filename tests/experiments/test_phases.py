import math

import pytest

from lpc_scratch.experiments.phases import PHASES, THRESHOLDS, classify

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
    assert classify(row, 4, largest_share=0.25) == phase


@pytest.mark.parametrize("row", [COMPLETE, CLOUDS], ids=["points", "clouds"])
@pytest.mark.parametrize("share", [0.1, 0.25, 0.6])
def test_accuracy_of_a_guess_is_trivial_collapse_whatever_the_latent_layer(row, share):
    guess = 1.1 * share
    assert classify(row | {"train_accuracy": guess}, 4, share) == "trivial"
    better = row | {"train_accuracy": next_to(guess, MORE)}
    assert classify(better, 4, share) == classify(row, 4, share) != "trivial"


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
    assert classify(COMPLETE | metrics, 4, largest_share=0.25) == phase


def test_network_that_has_diverged_is_in_the_phase_of_divergence():
    assert classify(None, 4, largest_share=0.25) == "divergence"


def test_every_phase_has_its_threshold_in_words():
    named = {text.partition(":")[0] for text in THRESHOLDS}
    assert named == set(PHASES.values())
