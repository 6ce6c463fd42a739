import numpy as np

from lpc_scratch.plots.evaluation import plot_masking, plot_robustness


def test_strength_beyond_what_an_axis_shows_is_left_out(tmp_path):
    common = {"suite": "robustness", "measure": "accuracy", "test": "FGSM", "run": "mine"}
    accuracies = {0.0: 0.9, 0.1: 0.5, 1.7e308: 0.0}
    rows = [{**common, "level": level, "value": value} for level, value in accuracies.items()]
    figure = plot_robustness(rows)
    assert np.array_equal(figure.axes[0].lines[0].get_xydata(), [[0, 0.9], [0.1, 0.5]])
    figure.savefig(tmp_path / "robustness.png", dpi=30)  # a warning would fail the test


def test_curves_begin_without_an_attack_and_attacks_within_a_budget_stand_side_by_side():
    rows = [
        {"suite": "robustness", "measure": "accuracy", "run": "mine", **row}
        for row in (
            {"test": "no attack", "level": 0.0, "value": 0.9},
            {"test": "worst case, linf", "level": 0.1, "value": 0.3},
            {"test": "worst case, l2", "level": 2.0, "value": 0.2},
            {"test": "fgsm", "level": 0.1, "value": 0.5},
            {"test": "ddn-l2", "level": 2.0, "value": 0.25},
        )
    ]
    worst = plot_robustness(rows).axes[0]
    assert worst.get_title() == "worst case, linf"
    assert np.array_equal(worst.lines[0].get_xydata(), [[0, 0.9], [0.1, 0.3]])
    panels = plot_masking(rows).axes
    assert [axes.get_title() for axes in panels] == ["Linf 0.1", "L2 2"]
    shown = [[container[0].get_xdata()[0] for container in axes.containers] for axes in panels]
    assert shown == [[0.3, 0.5], [0.2, 0.25]]
    names = [label.get_text() for label in panels[0].get_yticklabels()]
    assert names == ["worst case", "fgsm", "ddn"]
