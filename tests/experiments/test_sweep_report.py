from lpc_scratch.experiments.sweep_report import _cut

CELLS = [
    {"gamma": gamma, "penalty": penalty, "optimizer": optimizer, "rate": rate, "dropout": dropout}
    for gamma in (0.1, 1.0)
    for penalty in ("exp", "l2")
    for optimizer, rate in (("adam", 5e-4), ("sgd", 0.05))
    for dropout in (0.0, 0.5)
]


def test_axis_that_follows_those_shown_needs_no_room():
    axes = ["penalty", "gamma", "optimizer", "rate"]
    shown = [cell for cell in CELLS if not cell["dropout"]]
    assert _cut(shown, axes, "gamma", 2) == (["penalty", "optimizer"], shown, "")


def test_axes_without_room_are_shown_at_their_first_value_and_named():
    axes = ["penalty", "gamma", "optimizer", "rate", "dropout"]
    by, shown, title = _cut(CELLS, axes, "gamma", 2)
    assert by == ["penalty", "optimizer"]
    assert shown == [cell for cell in CELLS if cell["dropout"] == 0]
    assert title == "dropout 0"
    assert _cut(CELLS, axes, "gamma", 1)[2] == "optimizer adam, rate 0.0005, dropout 0"
