import numpy as np
import pytest

from lpc_scratch.attacks import pgd, square_attack
from lpc_scratch.attacks.square import _side
from lpc_scratch.errors import ConfigError


def test_square_attack_finds_adversarials_without_gradients_but_no_more_than_pgd(
    digits_model, digits, monkeypatch
):
    images, labels = digits_model.pixels(digits.x_test), digits.y_test
    with monkeypatch.context() as patch:
        patch.setattr(digits_model.network, "input_gradient", None)
        square = square_attack(digits_model, images, labels, 0.1, iterations=200)
    gradient = pgd(digits_model, images, labels, 0.1)
    assert square.success_rate.min() > 0.3
    assert (square.robust_accuracy >= gradient.robust_accuracy - 0.02).all()


def test_squares_lower_the_margin_further_than_the_stripes(digits_model, digits):
    images, labels = digits_model.pixels(digits.x_test), digits.y_test
    margins = [
        digits_model.margin_gradient(
            square_attack(digits_model, images, labels, 0.05, iterations).adversarials, labels
        )[0]
        for iterations in (1, 50)
    ]
    assert margins[1].mean() < margins[0].mean() - 0.1


def test_unclipped_pixels_end_at_plus_or_minus_epsilon(make_model, images):
    model = make_model()
    labels = model.logits(images).argmax(axis=-1)
    result = square_attack(model, images, labels, 0.02, iterations=30)
    assert result.iterations.max() == 31
    assert (result.iterations >= 1).all()
    assert np.abs(result.perturbations) == pytest.approx(0.02 * np.ones((24, 16)))


def test_stripes_are_one_pixel_wide_and_squares_have_one_sign_a_channel(make_model, rng):
    model = make_model(image_shape=(5, 4, 3))
    images = rng.uniform(0.3, 0.7, size=(24, 60))
    labels = model.logits(images).argmax(axis=-1)
    seen, forward = [], model.forward
    model.forward = lambda x: seen.append(x - images) or forward(x) if len(x) == 24 else forward(x)
    square_attack(model, images, labels, 1e-9, iterations=3, area=0.2)  # flips none
    _, stripes, *squares = (np.sign(change).reshape(24, 5, 4, 3) for change in seen)
    assert (stripes == stripes[:, :1]).all()
    assert {*np.unique(stripes)} == {-1, 1}
    assert len(np.unique(stripes[:, 0], axis=0)) > 20
    for change in squares:
        assert (change != 0).all()


@pytest.mark.parametrize(
    ("area", "progress", "side"),
    [(0.8, 0.0001, 25), (0.8, 0.01, 13), (0.8, 0.9, 1), (1.0, 0.001, 28), (1e-9, 0.001, 1)],
)
def test_squares_shrink_with_the_schedule_of_the_paper(area, progress, side):
    assert _side((1, 28, 28, 1), area, progress) == side


def test_square_fits_into_a_narrow_image():
    assert _side((1, 2, 30, 1), 0.8, 0.0) == 2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"iterations": 0}, "iterations must be a whole number of at least 1, not 0"),
        ({"area": 0}, "area must be a finite number above 0, not 0"),
        ({"area": 1.5}, "area must be a share of the image, at most 1, not 1.5"),
        ({"seed": 0.5}, "seed must be a whole number of at least 0, not 0.5"),
    ],
)
def test_settings_of_square_that_cannot_be_are_refused(make_model, images, setting, message):
    with pytest.raises(ConfigError, match=message):
        square_attack(make_model(), images, np.zeros(24, int), 0.1, **setting)
