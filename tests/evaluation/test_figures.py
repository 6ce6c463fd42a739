import numpy as np

from lpc_scratch.plots.evaluation import plot_robustness


def test_strength_beyond_what_an_axis_shows_is_left_out(tmp_path):
    common = {"suite": "robustness", "measure": "accuracy", "test": "FGSM", "run": "mine"}
    accuracies = {0.0: 0.9, 0.1: 0.5, 1.7e308: 0.0}
    rows = [{**common, "level": level, "value": value} for level, value in accuracies.items()]
    figure = plot_robustness(rows)
    assert np.array_equal(figure.axes[0].lines[0].get_xydata(), [[0, 0.9], [0.1, 0.5]])
    figure.savefig(tmp_path / "robustness.png", dpi=30)  # a warning would fail the test
