"""The report and the figures show the numbers that they are given."""

import numpy as np
import pytest

from lpc_scratch.evaluation.measurement import COLUMNS, LeftOut
from lpc_scratch.evaluation.report import write_report
from lpc_scratch.plots.evaluation import plot_calibration, plot_noise, plot_ood


def rows_of(suite, test, measure, values, level=None, run="binary"):
    """Return a row for each network of a run."""
    columns = {"run": run, "suite": suite, "test": test, "level": level, "measure": measure}
    empty = dict.fromkeys(COLUMNS, "")
    return [empty | columns | {"value": value} for value in values]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_table_has_mean_and_deviation_of_each_run():
    rows = [
        *rows_of("noise", "blur", "accuracy", [0.5, 0.7], 1),
        *rows_of("noise", "blur", "accuracy", [0.25], 1, "none"),
        *rows_of("noise", "blur", "accuracy", [0.2, np.nan], 2),
        *rows_of("noise", "blur", "accuracy", [np.nan], 2, "none"),
        *rows_of("calibration", "as trained, reliability", "count", [3, 4], 0.5),
        *rows_of("calibration", "as trained", "ECE", [0.1, 0.1]),
    ]
    lines = write_report(rows).splitlines()
    assert [line for line in lines if line.startswith("#")] == [
        *("# Evaluation", "## Noise and corruption", "## Calibration")
    ]
    assert [cells(line) for line in lines if line.startswith("| ") and "---" not in line] == [
        ["test", "level", "measure", "binary", "none"],
        ["blur", "1", "accuracy", "0.60 ± 0.14", "0.250"],
        ["blur", "2", "accuracy", "0.200", "–"],
        ["test", "level", "measure", "binary"],
        ["as trained", "–", "ECE", "0.100 ± 0"],
    ]


def test_scores_of_near_and_far_inputs_stand_apart_measure_by_measure():
    rows = [
        row
        for kind in ("own mistakes", "held-out classes", "noise")
        for score in ("energy", "KNN")
        for measure in ("AUROC", "AUPR")
        for row in rows_of("ood", f"{kind}, {score}", measure, [0.5])
    ]
    lines = write_report(rows).splitlines()
    assert [line for line in lines if line.startswith("###")] == [
        *("### Own mistakes", "### Near: held-out classes", "### Far: noise")
    ]
    table = [["energy", "AUROC"], ["KNN", "AUROC"], ["energy", "AUPR"], ["KNN", "AUPR"]]
    found = [cells(line)[::2] for line in lines if line.startswith("| ") and "0.500" in line]
    assert found == 3 * table


def test_what_is_left_out_stands_at_the_end_once_for_all_of_its_runs():
    few = LeftOut("ood", "held-out classes", "it takes three classes or more")
    blind = LeftOut("noise", "", "it changes pixels")
    left_out = [("binary", few), ("vectors", few), ("vectors", blind)]
    rows = rows_of("noise", "blur", "accuracy", [0.5], 1)
    report = write_report(rows, left_out)
    assert report == write_report(rows) + (
        "\n## Left out\n\n"
        "- ood, held-out classes (binary, vectors): it takes three classes or more.\n"
        "- noise (vectors): it changes pixels.\n"
    )


def test_signs_of_masking_are_bold_where_they_fire_and_named_for_each_network():
    rows = [
        *rows_of("masking", "flat margin", "share", [0.0, 0.5], 0.05),
        *rows_of("masking", "flat margin", "fired", [0.0, 1.0], 0.05),
        *rows_of("masking", "transfer", "share", [np.nan], 0.01, "none"),
        *rows_of("masking", "transfer", "fired", [np.nan], 0.01, "none"),
    ]
    networks = ({"seed": 0, "gamma": 1.0, "member": 0}, {"seed": 0, "gamma": 2.5, "member": 1})
    of = [networks[0], networks[1]] * 2 + [networks[0]] * 2
    report = write_report([row | network for row, network in zip(rows, of, strict=True)])
    lines = report.splitlines()
    assert [cells(line) for line in lines if line.startswith("| ") and "---" not in line] == [
        ["sign", "measure", "warns above", "binary", "none"],
        ["flat margin", "share", "0.05", "**0.25 ± 0.35**", "–"],
        ["transfer", "share", "0.01", "–", "–"],
    ]
    assert [line for line in lines if line.startswith("- ")] == [
        "- binary, seed 0, gamma 1: none fired.",
        "- binary, seed 0, gamma 2.5: flat margin.",
        "- none, seed 0, gamma 1: none fired.",
    ]


def test_lines_of_a_figure_are_means_over_the_networks():
    rows = [
        row
        for level, values in ((0, [0.9, 0.7]), (1, [0.6, 0.2]))
        for row in rows_of("noise", "blur", "accuracy", values, level)
    ]
    axes = plot_noise(rows).axes[0]
    assert axes.lines[0].get_xydata() == pytest.approx(np.array([[0, 0.8], [1, 0.4]]))


def test_detection_is_drawn_at_the_mean_of_what_is_defined():
    rows = [
        *rows_of("ood", "own mistakes, energy", "AUROC", [0.75, 0.25]),
        *rows_of("ood", "own mistakes, code", "AUROC", [np.nan, 0.9]),
    ]
    axes = plot_ood(rows).axes[0]
    assert axes.get_title() == "own mistakes"
    assert [container[0].get_xdata()[0] for container in axes.containers] == [0.5, 0.9]


def test_reliability_pools_the_samples_of_all_networks():
    rows = [
        *rows_of("calibration", "scaled, reliability", "count", [6, 2], 0.5),
        *rows_of("calibration", "scaled, reliability", "confidence", [0.5, 0.7], 0.5),
        *rows_of("calibration", "scaled, reliability", "accuracy", [0.75, 0.25], 0.5),
        *rows_of("calibration", "scaled, reliability", "count", [4, 0], 0.9),
        *rows_of("calibration", "scaled, reliability", "confidence", [0.9, np.nan], 0.9),
        *rows_of("calibration", "scaled, reliability", "accuracy", [1, np.nan], 0.9),
    ]
    scaled = plot_calibration(rows).axes[1].lines[1]  # the first is the diagonal
    assert scaled.get_xydata() == pytest.approx(np.array([[0.55, 0.625]]))
