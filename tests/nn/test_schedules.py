import pytest

from lpc_scratch.nn.schedules import (
    cosine_rate,
    geometric_gamma,
    step_rate,
    warmup_factor,
)


def test_step_rate_is_multiplied_after_every_so_many_epochs():
    assert [step_rate(e, 8.0, 2, 0.5) for e in range(6)] == [8, 8, 4, 4, 2, 2]


def test_cosine_rate_falls_from_base_to_zero_and_stays():
    assert cosine_rate(0, 2.0, 10) == 2.0
    assert cosine_rate(5, 2.0, 10) == pytest.approx(1.0)
    assert cosine_rate(10, 2.0, 10) == cosine_rate(99, 2.0, 10) == pytest.approx(0.0)


def test_warm_up_rises_linearly_to_one_and_stays():
    assert [warmup_factor(e, 4) for e in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert warmup_factor(0, 0) == 1


def test_gamma_grows_in_two_regimes_up_to_its_cap():
    gammas = [geometric_gamma(e, 1e-4) for e in range(0, 5 * 60, 5)]
    assert gammas[0] == 1e-4
    assert gammas[23] == pytest.approx(1e-4 * 2**23)  # 838.9, the last one below 1000
    assert gammas[24] == 1e3
    assert gammas[25] == pytest.approx(1250)
    assert gammas[54] == pytest.approx(1e3 * 1.25**30)
    assert gammas[55] == gammas[59] == 1e6


def test_gamma_changes_only_every_so_many_epochs():
    assert geometric_gamma(4, 1.0, every=5) == 1.0
    assert geometric_gamma(5, 1.0, every=5) == 2.0


def test_gamma_reaches_a_switch_that_is_a_power_of_its_factor_exactly():
    rises = [geometric_gamma(e, 1.0, 1, 10.0, 1e3, 2.0) for e in range(5)]
    assert rises == [1, 10, 100, 1000, 2000]


def test_gamma_that_starts_above_the_switch_grows_slowly_at_once():
    assert geometric_gamma(1, 4e3, every=1) == 5e3


def test_gamma_never_overflows():
    assert geometric_gamma(10**6, 1e-4) == 1e6
    assert geometric_gamma(10**6, 1.0, 1, 2.0, 8.0, late_factor=1.0) == 8.0
