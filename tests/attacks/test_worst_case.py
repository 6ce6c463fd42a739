import numpy as np
import pytest

from lpc_scratch.attacks import apgd, fgsm, pgd, square_attack, worst_case


def test_worst_case_is_never_above_any_attack_and_takes_its_best_of_each(digits_model, digits):
    given = (digits_model, digits_model.pixels(digits.x_test), digits.y_test, 0.06)
    results = [attack(*given) for attack in (fgsm, pgd, apgd)] + [square_attack(*given, 300)]
    worst = worst_case(iter(results))
    assert worst.shape == (2, 150)
    for result in results:
        assert (worst <= result.robust).all()
    flipped = np.any([result.flipped for result in results], axis=0)
    assert np.array_equal(worst, results[0].correct & ~flipped)


def test_worst_case_of_nothing_or_of_other_images_is_refused(make_model, images):
    labels = np.zeros(24, int)
    some, all_of_them = (fgsm(make_model(), images[:n], labels[:n], 0.1) for n in (5, 24))
    with pytest.raises(ValueError, match=r"attacks on the same images, not \[\(5,\), \(24,\)\]"):
        worst_case([some, all_of_them])
    with pytest.raises(ValueError, match=r"the worst case is that of attacks"):
        worst_case([])
