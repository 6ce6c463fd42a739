import re
from collections import Counter
from dataclasses import replace
from itertools import product
from math import ceil

import pytest

from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError
from lpc_scratch.experiments.grid import (
    AXES,
    axis_value,
    group_cells,
    make_cells,
    parse_axis,
    varying_axes,
)
from lpc_scratch.experiments.presets import PRESETS
from lpc_scratch.nn.optim import LEARNING_RATES

BASE = TrainConfig(dataset="gaussians", hidden=(8,), latent_dim=4, learning_rate=1e-3)
SEEDS = replace(BASE, seeds=(5, 3))


def places(cells, *axes):
    """Return where the cells stand on some axes."""
    return [tuple(axis_value(cell, axis) for axis in axes) for cell in cells]


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("gamma=0.1,1,10", ("gamma", ["0.1", "1", "10"])),
        ("latent-dim=8", ("latent_dim", ["8"])),
        (" penalty = exp , l2, ", ("penalty", ["exp", "l2"])),
        ("dataset=a=b.npz", ("dataset", ["a=b.npz"])),
        (
            "optimizer+learning-rate=adam:1e-3,sgd:",
            ("optimizer+learning_rate", [("adam", "1e-3"), ("sgd", None)]),
        ),
    ],
)
def test_axis_is_a_name_and_its_values(text, axis):
    assert parse_axis(text) == axis


def test_cells_are_all_combinations_in_the_order_of_the_axes():
    cells = make_cells(BASE, None, ["penalty=l2,exp", "gamma=10,0.1", "seed=2,1"])
    expected = product(["l2", "exp"], [10.0, 0.1], [2, 1])
    assert places(cells, "penalty", "gamma", "seed") == list(expected)
    assert cells[0] == replace(BASE, penalty="l2", gamma=10.0, seeds=(2,))


def test_yes_and_no_are_true_and_false():
    cells = make_cells(replace(BASE, backbone="cnn"), None, ["batch_norm=true,false"])
    assert places(cells, "batch_norm") == [(True,), (False,)]


def test_values_that_are_equal_make_one_cell():
    cells = make_cells(BASE, None, ["gamma=1,1.0,1e0", "latent_dim=4,4", "seed=0,0"])
    assert cells == [replace(BASE, gamma=1.0)]


def test_settings_that_change_together_are_one_axis():
    cells = make_cells(BASE, None, ["penalty+gamma=exp:1,max:0.5", "latent_dim=3,4"])
    found = places(cells, "penalty", "gamma", "latent_dim")
    assert found == [(p, g, d) for p, g in (("exp", 1), ("max", 0.5)) for d in (3, 4)]


def test_users_axis_replaces_one_of_a_preset_that_shares_a_setting_with_it():
    cells = make_cells(BASE, "penalty-power", ["penalty=l2", "optimizer=sgd"])
    assert places(cells, "penalty", "optimizer") == [("l2", "sgd")]


def test_the_architecture_without_a_latent_layer_has_the_usual_start():
    base = replace(BASE, classifier_initialization="simplex")
    cells = make_cells(base, None, ["architecture=binary,none"])
    assert [cell.classifier_initialization for cell in cells] == ["simplex", "same"]


def test_an_optimizer_on_an_axis_has_its_own_learning_rate():
    base = replace(BASE, learning_rate=None)
    cells = make_cells(base, None, ["optimizer=adam,sgd"])
    rates = [LEARNING_RATES["adam"], LEARNING_RATES["sgd"]]
    assert [cell.learning_rate for cell in cells] == rates


def test_depth_and_width_make_the_hidden_layers():
    cells = make_cells(BASE, None, ["depth=0,1,3", "width=16,32"])
    hidden = [(), (16,), (32,), (16, 16, 16), (32, 32, 32)]
    assert [cell.hidden for cell in cells] == hidden
    base = replace(BASE, hidden=(7, 7))
    assert [cell.hidden for cell in make_cells(base, None, ["depth=1"])] == [(7,)]
    assert [cell.hidden for cell in make_cells(base, None, ["width=9"])] == [(9, 9)]


def test_width_without_hidden_layers_is_refused():
    with pytest.raises(ConfigError, match="width 16 needs a hidden layer"):  # or all were one
        make_cells(replace(BASE, hidden=()), None, ["width=16,32"])


def test_seeds_of_the_base_are_the_seed_axis_unless_the_grid_has_one():
    assert places(make_cells(SEEDS, None, ["gamma=1"]), "seed") == [(5,), (3,)]
    assert places(make_cells(SEEDS, None, ["seed=8"]), "seed") == [(8,)]


def test_gamma_phase_is_penalties_and_gammas_with_two_optimizers():
    cells = make_cells(SEEDS, "gamma-phase", [])
    assert len(set(cells)) == len(cells) == 8 * 4 * 2 * 2
    assert Counter(places(cells, "optimizer", "learning_rate")) == {
        ("adam", 1e-3): 64,
        ("sgd", 0.05): 64,
    }
    assert set(Counter(places(cells, "gamma", "penalty")).values()) == {2 * 2}


@pytest.mark.parametrize(
    ("preset", "size"),
    [("backbone", 5 * 6), ("latent-dim", 12), ("softmax-once-or-twice", 2 * 2)],
)
def test_preset_is_run_with_every_seed(preset, size):
    cells = make_cells(SEEDS, preset, [])
    assert len(set(cells)) == len(cells) == size * 2
    assert varying_axes(cells) == sorted(PRESETS[preset].axes, key=AXES.index)


def test_users_axis_replaces_that_of_a_preset():
    cells = make_cells(BASE, "gamma-phase", ["gamma=2", "penalty=l2", "latent_dim=3,4"])
    found = places(cells, "optimizer", "gamma", "penalty", "latent_dim")
    assert found == [(o, 2.0, "l2", d) for o in ("adam", "sgd") for d in (3, 4)]


@pytest.mark.parametrize("axis", ["optimizer=adamw", "learning_rate=0.01"])
def test_users_axis_drops_the_variants_of_that_name(axis):
    cells = make_cells(BASE, "gamma-phase", [axis])
    assert len(cells) == 8 * 4
    (found,) = set(places(cells, "optimizer", "learning_rate"))
    assert found == (("adamw", 1e-3) if axis.startswith("opt") else ("adam", 0.01))


def test_varying_axes_are_those_with_several_values_but_the_seed():
    cells = make_cells(SEEDS, None, ["width=4,8", "gamma=0.1,1", "dropout=0.5"])
    assert varying_axes(cells) == ["width", "gamma"]
    assert varying_axes(cells[:1]) == []


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 1000])
def test_groups_hold_every_cell_once_and_none_is_beyond_a_workers_share(workers):
    cells = make_cells(SEEDS, None, ["gamma=0.1,1,10", "penalty=l2,exp", "latent_dim=3,4"])
    groups = group_cells(cells, workers)
    assert Counter(cell for group in groups for cell in group) == Counter(cells)
    assert max(map(len, groups)) <= ceil(len(cells) / workers)


def test_cells_that_differ_in_seed_and_gamma_are_grouped_and_no_others():
    cells = make_cells(SEEDS, None, ["gamma=0.1,1,10", "penalty=l2,exp", "latent_dim=3,4"])
    for workers, count in ((1, 4), (4, 12), (8, 24)):
        groups = group_cells(cells, workers)
        assert len(groups) == count
        for group in groups:
            assert len({replace(cell, gamma=0.0, seeds=(0,)) for cell in group}) == 1


@pytest.mark.parametrize(
    ("preset", "grid", "named"),
    [
        ("gama-phase", [], "'gama-phase': choose one of gamma-phase"),
        (None, [], "grid is empty"),
        (None, ["gama=1"], "'gama': did you mean 'gamma'?"),
        (None, ["seeds=1,2"], "seeds is no axis of a grid: name seed"),
        (None, ["evaluate-every=1,2"], "evaluate_every is no axis of a grid: it is the same for"),
        (None, ["xyzzy=1"], "'xyzzy': choose from seed, depth, width"),
        (None, ["hidden=8"], "hidden is no axis of a grid: name depth or width"),
        (None, ["gamma"], "'gamma' is no axis"),
        (None, ["gamma="], "'gamma' has no values"),
        (None, ["gamma= , "], "'gamma' has no values"),
        (None, ["gamma=1", "gamma=2"], "'gamma' is given twice"),
        ("backbone", ["latent-dim=1", "latent_dim=2"], "'latent_dim' is given twice"),
        (None, ["gamma=1,-1"], "gamma must be at least 0, not -1"),
        (None, ["gamma=much"], "gamma must be a finite number, not 'much'"),
        (None, ["gamma=1e999"], "gamma must be a finite number, not '1e999'"),
        (None, ["latent_dim=2.5"], "latent_dim must be a whole number, not '2.5'"),
        (None, ["penalty=exp,l3"], "unknown penalty 'l3'"),
        (None, ["depth=two"], "depth must be a whole number from 0 to 1000000, not 'two'"),
        (None, ["depth+gamma=:1"], "depth must be a whole number from 0 to 1000000, not None"),
        (None, ["width=8,-8"], "width must be a whole number from 0 to 1000000, not '-8'"),
        (
            None,
            [f"depth={10**20}"],
            f"depth must be a whole number from 0 to 1000000, not '{10**20}'",
        ),
        (None, ["width=0"], "hidden widths must be 1 to 1000000, not [0]"),
        (None, ["seed=0,-3"], "seed must be at least 0, not -3"),
        (None, ["seed=0.5"], "seed must be a whole number, not '0.5'"),
    ],
)
def test_bad_grid_is_one_sentence_that_names_the_value(preset, grid, named):
    with pytest.raises(ConfigError, match=re.escape(named)) as error:
        make_cells(BASE, preset, grid)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("backbone", "preset", "grid", "message"),
    [
        ("cnn", None, ["depth=1,2", "width=32,64"], "'depth' changes nothing with backbone cnn, "),
        ("cnn", "backbone", ["depth=1"], "whose own axes are blocks, batch_norm: name"),
        ("cnn", None, ["stem_stride+gamma=1:1,2:10"], "name one of those, or use backbone resnet"),
        ("resnet", None, ["width=8"], "whose own axes are blocks, batch_norm, stem_stride"),
        ("mlp", None, ["blocks=1,2,3"], "'blocks' changes nothing with backbone mlp, whose own"),
        ("mlp", None, ["batch_norm=true"], "are depth, width, dropout: name one of those, or use"),
        ("mlp", None, ["backbone=cnn,resnet", "depth=1,2"], "with backbone cnn or resnet, whose"),
    ],
)
def test_axis_that_no_backbone_of_the_grid_uses_is_refused(backbone, preset, grid, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        make_cells(replace(BASE, backbone=backbone), preset, grid)


def test_axis_that_one_backbone_of_the_grid_uses_is_taken():
    cells = make_cells(BASE, None, ["backbone=cnn,resnet", "stem_stride=1,2"])
    assert places(cells, "backbone", "stem_stride") == [
        (backbone, stride) for backbone in ("cnn", "resnet") for stride in (1, 2)
    ]


def test_gammas_of_the_base_are_refused():
    with pytest.raises(ConfigError, match="gammas are an axis"):
        make_cells(replace(BASE, gammas=(0.1,)), None, ["latent_dim=3,4"])
