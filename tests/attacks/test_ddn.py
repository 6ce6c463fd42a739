import numpy as np
import pytest

from lpc_scratch.attacks import ddn, deepfool, pgd, worst_case
from lpc_scratch.errors import ConfigError


def test_ddn_with_targets_finds_shorter_ways_than_without_and_than_deepfool(digits_model, digits):
    images = digits_model.pixels(digits.x_test)
    images[:, :8] = images[:, :8].round()
    given = (digits_model, images, digits.y_test)
    found, targeted = ddn(*given, targets=0), ddn(*given)
    for result in (found, targeted):
        assert result.flipped.all()
        assert (result.adversarials.min(), result.adversarials.max()) == (0, 1)
        after = digits_model.logits(result.adversarials).argmax(axis=-1)
        assert (after != digits_model.logits(images).argmax(axis=-1)).all()
    longest = deepfool(*given).norms()
    assert (targeted.norms() < 1.01 * longest).mean() > 0.98
    assert targeted.norms().mean() < 0.97 * min(found.norms().mean(), longest.mean())


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_what_ddn_finds_within_a_bound_counts_as_an_attack_with_that_bound(
    digits_model, digits, norm
):
    images, labels = digits_model.pixels(digits.x_test), digits.y_test
    epsilon = {"linf": 0.07, "l2": 0.4}[norm]
    found = ddn(digits_model, images, labels, steps=50, norm=norm)
    bounded, other = found.within(epsilon, norm), pgd(digits_model, images, labels, epsilon, norm)
    assert bounded.norms(norm).max() <= epsilon
    assert np.array_equal(bounded.robust, found.correct & (found.norms(norm) > epsilon))
    flipped = digits_model.logits(bounded.adversarials).argmax(axis=-1) != labels
    assert np.array_equal(flipped, bounded.flipped)
    assert 0.1 < bounded.robust_accuracy.min() < bounded.robust_accuracy.max() < 0.9
    assert (bounded.robust_accuracy <= other.robust_accuracy + 0.01).all()
    both = worst_case([bounded, other])
    assert (both <= bounded.robust).all()
    assert (both <= other.robust).all()


def test_where_nothing_is_found_there_is_no_norm(make_model, images):
    model = make_model([0, 1])
    model.network.named_parameters()["hidden.0.W"][0] = 0  # of the first member
    found = ddn(model, images, steps=50)
    assert found.flipped.mean(axis=-1).tolist() == [0, 1]
    assert np.isnan(found.norms()[0]).all()
    assert np.isfinite(found.norms()[1]).all()
    assert np.array_equal(found.adversarials[0], images)
    assert np.isnan(found.summary().median_norm[0])


@pytest.mark.filterwarnings("default")
def test_ddn_finds_no_longer_ways_than_that_of_foolbox(make_model, torch_twin, rng):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    foolbox = pytest.importorskip(
        "foolbox", reason="foolbox is not installed", exc_type=ImportError
    )
    model, images = make_model(), rng.uniform(0.1, 0.9, size=(60, 16))
    model.network.classifier.W /= 20  # less sure: foolbox climbs the cross-entropy
    model.network.classifier.b /= 20

    network, x = torch_twin(model), torch.from_numpy(images)
    theirs = foolbox.attacks.DDNAttack(steps=500).run(
        foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu"),
        x,
        foolbox.criteria.Misclassification(network(x).argmax(dim=1)),
    )
    expected = (theirs - x).norm(dim=1).numpy()
    norms = ddn(model, images, steps=500, targets=0).norms()
    assert np.median(norms) <= 1.002 * np.median(expected)
    assert np.median(norms / expected) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"steps": 0}, "steps must be a whole number of at least 1, not 0"),
        ({"step": 0}, "step must be a finite number above 0, not 0"),
        ({"step": 1}, "step must be a share of the radius, below 1, not 1"),
        ({"norm": "l1"}, "norm must be linf or l2, not 'l1'"),
        ({"targets": -1}, "targets must be a whole number of at least 0, not -1"),
    ],
)
def test_settings_of_ddn_that_cannot_be_are_refused(make_model, images, setting, message):
    with pytest.raises(ConfigError, match=message):
        ddn(make_model(), images, **setting)
