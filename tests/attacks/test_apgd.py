from types import SimpleNamespace

import numpy as np
import pytest

from lpc_scratch.attacks import apgd, fgsm, pgd
from lpc_scratch.attacks.apgd import _AutoStep, checkpoints
from lpc_scratch.errors import ConfigError


def test_checkpoints_are_those_of_the_paper():
    assert [*checkpoints(100)] == [22, 41, 57, 70, 80, 87, 93, 99]
    assert [*checkpoints(100).values()] == [22, 19, 16, 13, 10, 7, 6, 6]
    assert checkpoints(10) == {3: 3, 5: 2, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1}


def test_steps_are_those_of_a_trace_worked_by_hand():
    """Climb -|x - 0.6| from 0.5 within 0.4: steps of 0.8, halved where too few of them rise."""
    model = SimpleNamespace(xp=np, gradient=lambda slope: slope)
    image = np.array([[0.5]])
    state = SimpleNamespace(images=image, adversarials=image.copy(), active=np.array([True]))

    def climb(x, *_):
        return -np.abs(x[:, 0] - 0.6), np.sign(0.6 - x)

    step = _AutoStep(model, state, climb, "linf", 0.4, 10)
    trace, rows = [image], np.array([0])
    for _ in range(4):
        trace.append(step(trace[-1], trace[-1], None, rows))
    # 0.5 + 0.8, clipped; 0.9 + 3/4 (0.1 - 0.9) + 1/4 (0.9 - 0.5); 0.4 + 3/4 0.5 - 1/4 0.5; then
    # two of three have risen, which is too few: 0.65 - 3/4 0.4 + 1/4 (0.65 - 0.4).
    assert np.ravel(trace) == pytest.approx([0.5, 0.9, 0.4, 0.65, 0.4125])
    assert step.best == pytest.approx(0.65)


def test_length_is_halved_where_the_best_point_stays_the_same_though_values_rise():
    model = SimpleNamespace(xp=np, gradient=lambda slope: slope)
    image = np.array([[0.5]])
    state = SimpleNamespace(images=image, adversarials=image.copy(), active=np.array([True]))
    rising = iter([0.0, *range(1, 42), *range(-60, 0)])
    step = _AutoStep(model, state, lambda *_: (np.array([next(rising)]), image), "l2", 0.1, 100)
    lengths = []
    for _ in range(90):
        step(image, image, None, np.array([0]))
        lengths.append(step._length.item())
    # It rises throughout but once, and its best is that of step 41, the second checkpoint.
    assert np.flatnonzero(np.diff(lengths)).tolist() == [56, 79]
    assert lengths[-1] == pytest.approx(0.05)


def test_apgd_flips_what_fgsm_flips_and_about_what_pgd_flips(digits_model, digits):
    images, labels = digits_model.pixels(digits.x_test), digits.y_test
    for epsilon in (0.05, 0.1):
        found = apgd(digits_model, images, labels, epsilon)
        assert (found.flipped >= fgsm(digits_model, images, labels, epsilon).flipped).all()
        others = pgd(digits_model, images, labels, epsilon)
        assert (found.robust_accuracy <= others.robust_accuracy + 0.02).all()
        targeted = apgd(digits_model, images, labels, epsilon, targets=9)
        assert (targeted.robust_accuracy <= found.robust_accuracy + 0.01).all()


def test_samples_that_are_not_flipped_are_at_the_best_point_of_the_last_climb(make_model, images):
    model = make_model()
    labels = model.logits(images).argmax(axis=-1)
    found = apgd(model, images, labels, 0.01, loss="margin", steps=30)
    left = ~found.flipped
    assert 0.1 < left.mean() < 0.9
    assert (found.iterations[left] == 30).all()
    margins = [model.margin_gradient(x, labels)[0][left] for x in (images, found.adversarials)]
    assert (margins[1] < margins[0]).all()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"steps": 0}, "steps must be a whole number of at least 1, not 0"),
        ({"restarts": 0}, "restarts must be a whole number of at least 1, not 0"),
        ({"loss": "dlr"}, "loss must be log-odds, margin, both or cross-entropy, not 'dlr'"),
        ({"targets": 1.5}, "targets must be a whole number of at least 0, not 1.5"),
        ({"norm": "l1"}, "norm must be linf or l2, not 'l1'"),
        ({"seed": -1}, "seed must be a whole number of at least 0, not -1"),
    ],
)
def test_settings_of_apgd_that_cannot_be_are_refused(make_model, images, setting, message):
    with pytest.raises(ConfigError, match=message):
        apgd(make_model(), images, np.zeros(24, int), 0.1, **setting)
