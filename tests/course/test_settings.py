import numpy as np
import pytest

from lpc_scratch import course
from lpc_scratch.errors import ConfigError
from lpc_scratch.training import train


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    monkeypatch.delenv("LPC_FAST", raising=False)


def test_settings_take_changes_over_what_suits_the_data_set():
    assert course.settings("digits", gamma=3).gamma == 3
    assert course.settings("mnist").epochs == 10
    assert course.settings("mnist", epochs=2).epochs == 2


def test_a_fast_run_has_a_twentieth_of_the_epochs_and_nothing_else_changes(monkeypatch):
    config = course.settings("digits", evaluate_every=50)
    monkeypatch.setenv("LPC_FAST", "1")
    fast = course.settings("digits", evaluate_every=50)
    assert (fast.epochs, fast.evaluate_every) == (5, 5)
    assert course.settings("mnist").epochs == 1
    changed = {name for name, value in vars(config).items() if getattr(fast, name) != value}
    assert changed == {"epochs", "evaluate_every"}


def test_an_unknown_setting_is_named():
    with pytest.raises(ConfigError, match="'gama'"):
        course.settings("digits", gama=1)


def test_gaussians_end_as_four_codes_of_two_bits():
    last = train(course.settings("gaussians", evaluate_every=60)).rows[-1]
    assert last["distinct_codes"] == 4
    assert last["nc1"] < 0.01
    assert last["peak_distance"] > 10


def test_kept_results_are_found_from_a_folder_below(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "table.csv").write_text("1")
    (tmp_path / "notebooks" / "exercises").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "notebooks" / "exercises")
    assert np.loadtxt(course.kept("results/table.csv")) == 1
    with pytest.raises(FileNotFoundError, match="in a checkout"):
        course.kept("results/none.csv")


def test_a_slip_in_the_environment_is_no_long_run(monkeypatch):
    monkeypatch.setenv("LPC_FAST", "true")
    with pytest.raises(ConfigError, match="0 or 1, not 'true'"):
        course.settings("digits")
