"""A measurement is shown beside a prediction, and not without one."""

import pytest
from matplotlib.figure import Figure

from lpc_scratch.course.predictions import reveal

THEORY = {"Adam": 1.131, "gradient descent": "above 1.8"}


def measure():
    return {"Adam": [1.25, 1.75], "gradient descent": 2.04}


def not_yet():
    raise NotImplementedError


def test_theory_prediction_and_measurement_stand_side_by_side(capsys):
    figure = Figure()
    assert reveal(lambda: (1.2, 2), THEORY, measure, lambda: figure) is figure
    assert capsys.readouterr().out.splitlines() == [
        "                      theory   yours   measured",
        "Adam                    1.13    1.20   1.50  (1.25, 1.75)",
        "gradient descent   above 1.8    2.00   2.04",
    ]


@pytest.mark.parametrize("predict", [not_yet, lambda: None, lambda: (1.2, None)])
def test_without_a_prediction_nothing_is_measured_or_drawn(predict, capsys):
    def never():
        raise AssertionError("measured or drawn")

    assert reveal(predict, THEORY, never, never, "Adam is binary.") is None
    asked = capsys.readouterr().out
    assert f"let {predict.__name__} return 2 numbers, for Adam; gradient descent" in asked
    assert "1.13" not in asked
    assert "binary" not in asked


def test_a_finding_stands_below_the_table_in_paragraphs_of_short_lines(capsys):
    finding = f"""Adam is
    binary.

    {"It is so " * 20}(`docs/why-two-values.md`)."""
    reveal(lambda: (1.2, 2), THEORY, measure, finding=finding)
    table, first, second = capsys.readouterr().out.split("\n\n")
    assert table.endswith("2.04")
    assert first == "Adam is binary."
    lines = second.splitlines()
    assert max(map(len, lines)) <= 88 < len(second)
    assert "so (`docs/why-two-values.md`)." in lines[-1]
    assert " ".join(lines) == " ".join(finding.split("\n\n")[1].split())


def test_a_single_number_needs_no_list_and_what_never_happens_is_said(capsys):
    reveal(lambda: 0.5, {"steps": 1234.4}, lambda: {"steps": [1200, float("inf")]})
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.split() == ["steps", "1234", "0.500", "never", "(1200,", "never)"]


@pytest.mark.parametrize("answer", [1.2, (1.2, 2, 3), (1.2, float("nan")), "much", (1.2, "much")])
def test_a_prediction_of_another_form_is_named(answer):
    with pytest.raises(ValueError, match="must return 2 numbers, for Adam; gradient descent, not"):
        reveal(lambda: answer, THEORY, measure)
