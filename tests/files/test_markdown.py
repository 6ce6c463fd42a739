import math

import pytest

from lpc_scratch.files.markdown import mean_and_deviation


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1.0, 2.0, 3.0], "2.0 ± 1.0"),
        ([0.5, 0.5], "0.500 ± 0"),
        ([10, None, 20, math.nan], "15.0 ± 7.1"),
        ([0.25], "0.250"),
        ([None, 4.0], "4.00"),
        ([1.0, math.inf], "inf"),
        ([math.inf], "inf"),
        ([-1e200, 1e200], "0"),
        ([None, math.nan], "–"),
        ([], "–"),
    ],
)
def test_mean_and_deviation_of_the_values_that_are_numbers(values, text):
    assert mean_and_deviation(values) == text


def test_mean_has_the_decimals_of_its_deviation_and_a_sign_if_asked_for():
    assert mean_and_deviation([0.98461, 0.98462, 0.98478]) == "0.984670 ± 0.000095"
    assert mean_and_deviation([1, 4], "+") == "+2.5 ± 2.1"
    assert mean_and_deviation([3, 3], "+") == "+3.00 ± 0"
