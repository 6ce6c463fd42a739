import numpy as np
import pytest

from lpc_scratch.attacks import fgsm, pgd
from lpc_scratch.attacks.ball import in_ball
from lpc_scratch.errors import ConfigError


def test_no_sample_that_fgsm_flips_withstands_pgd(digits_model, digits):
    images, labels = digits_model.pixels(digits.x_test), digits.y_test
    for epsilon in (0.02, 0.05, 0.1, 0.2):
        weak = fgsm(digits_model, images, labels, epsilon)
        strong = pgd(digits_model, images, labels, epsilon, steps=3)
        assert (strong.flipped >= weak.flipped).all()
        assert (strong.robust_accuracy <= weak.robust_accuracy).all()
    assert weak.success_rate.min() > 0.5


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_larger_epsilon_and_further_restarts_leave_no_more_samples_robust(
    digits_model, digits, norm
):
    images, labels = digits_model.pixels(digits.x_test), digits.y_test
    epsilons = {"linf": (0.0, 0.02, 0.05, 0.1, 0.3), "l2": (0.0, 0.2, 0.5, 1.0, 3.0)}[norm]
    results = [
        pgd(digits_model, images, labels, epsilon, norm=norm, steps=20) for epsilon in epsilons
    ]
    robust = np.array([result.robust_accuracy for result in results])
    assert (np.diff(robust, axis=0) <= 0).all()
    assert np.array_equal(results[0].robust_accuracy, results[0].accuracy)
    assert robust[0].min() > 0.9
    assert robust[-1].max() == 0
    again = pgd(digits_model, images, labels, epsilons[2], norm=norm, steps=20, restarts=3)
    assert (again.flipped >= results[2].flipped).all()


def test_attack_is_as_strong_on_a_network_that_is_too_sure_for_cross_entropy(make_model, images):
    model = make_model(dtype=np.float32, hidden=(), classes=2)
    labels = model.logits(images).argmax(axis=-1)
    weights = model.network.classifier
    results = {}
    for factor in (1, 1000):
        weights.W *= factor
        weights.b *= factor
        _, gradient = model.loss_gradient(images, labels)
        results[factor] = fgsm(model, images, labels, 0.03).flipped
    assert (gradient == 0).all(axis=-1).any()  # nothing left to follow for some of them
    assert np.array_equal(results[1], results[1000])
    assert results[1].any()


def test_gradients_of_tiny_weights_are_followed(make_model, images):
    model = make_model(dtype=np.float32, hidden=(), classes=2)
    labels = model.logits(images).argmax(axis=-1)
    expected = pgd(model, images, labels, 0.1, norm="l2").flipped
    model.network.classifier.W *= np.float32(1e-30)  # whose squares are 0
    model.network.classifier.b *= np.float32(1e-30)
    assert 0.1 < expected.mean() < 0.9
    assert np.array_equal(pgd(model, images, labels, 0.1, norm="l2").flipped, expected)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("step_size", [1e30, 1e300])
def test_step_beyond_all_pixels_goes_to_the_edge_of_the_ball(make_model, images, norm, step_size):
    model = make_model(dtype=np.float32)
    labels = model.logits(images).argmax(axis=-1)
    results = [
        pgd(model, images, labels, 0.05, norm=norm, steps=3, step_size=size)
        for size in (1e3, step_size)
    ]
    assert results[0].norms(norm).max() == pytest.approx(0.05, abs=1e-6)
    assert results[1].adversarials == pytest.approx(results[0].adversarials, abs=1e-6)


def reference_attack(torch, model, images, labels, epsilon, norm, steps):
    """Start with one step of length epsilon, as FGSM; then climb the cross-entropy by autograd."""
    modules = []
    for layer in model.network.leaves():
        if hasattr(layer, "W"):
            modules.append(torch.nn.Linear(*layer.W.shape, dtype=torch.float64))
            modules[-1].weight.data = torch.from_numpy(layer.W.T.copy())
            modules[-1].bias.data = torch.from_numpy(layer.b[0].copy())
        else:
            modules.append(torch.nn.ReLU())
    network = torch.nn.Sequential(*modules)
    x0, y = torch.from_numpy(images), torch.from_numpy(labels)
    x = x0.clone()
    for length in [epsilon] + steps * [2.5 * epsilon / max(steps, 1)]:
        x.requires_grad_(True)
        logits = network(2 * x - 1)
        torch.nn.functional.cross_entropy(logits, y, reduction="sum").backward()
        with torch.no_grad():
            g = x.grad.sign() if norm == "linf" else x.grad / x.grad.norm(dim=1, keepdim=True)
            change = x + length * g - x0
            if norm == "linf":
                change = change.clamp(-epsilon, epsilon)
            else:
                change *= (epsilon / change.norm(dim=1, keepdim=True)).clamp(max=1)
            going = (logits.argmax(dim=1) == y)[:, None]
            x = torch.where(going, (x0 + change).clamp(0, 1), x).detach()
    return x.numpy()


@pytest.mark.parametrize("norm", ["fgsm", "linf", "l2"])
def test_attacks_equal_those_by_autograd(make_model, rng, norm):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    model, images = make_model(), rng.uniform(size=(60, 16))
    model.network.classifier.W /= 20  # less sure, so that autograd keeps the digits
    model.network.classifier.b /= 20
    labels = model.logits(images).argmax(axis=-1)
    if norm == "fgsm":
        result = fgsm(model, images, labels, 0.03)
        expected = reference_attack(torch, model, images, labels, 0.03, "linf", 0)
    else:
        epsilon = {"linf": 0.03, "l2": 0.1}[norm]
        result = pgd(model, images, labels, epsilon, norm=norm, steps=10, loss="cross-entropy")
        expected = reference_attack(torch, model, images, labels, epsilon, norm, 10)
    assert 0.2 < result.flipped.mean() < 0.9
    assert result.adversarials == pytest.approx(expected, abs=1e-9)


def test_random_starts_are_uniform_in_the_ball(rng):
    points = in_ball("l2", 2.0, (20_000, 3), rng)
    radii = np.linalg.norm(points, axis=-1)
    assert radii.max() <= 2
    # in three dimensions, the share within a radius grows with its cube
    assert np.mean(radii < 1) == pytest.approx(1 / 8, abs=0.01)
    assert points.mean(axis=0) == pytest.approx(np.zeros(3), abs=0.03)
    points = in_ball("linf", 2.0, (20_000, 3), rng)
    assert np.abs(points).max() <= 2
    assert np.mean(np.abs(points) < 1) == pytest.approx(0.5, abs=0.01)


def test_pgd_stops_at_a_flip_and_counts_its_steps(digits_model, digits):
    images, labels = digits_model.pixels(digits.x_test), digits.y_test
    result = pgd(digits_model, images, labels, 0.1, steps=20)
    wrong = digits_model.logits(result.adversarials).argmax(axis=-1) != labels
    assert np.array_equal(wrong, result.flipped)
    assert (result.iterations[~result.correct] == 0).all()
    assert (result.iterations[~result.flipped] == 2 * 21).all()
    early = result.flipped & (result.iterations == 1)
    assert np.array_equal(early, result.correct & fgsm(digits_model, images, labels, 0.1).flipped)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"steps": 0}, "steps must be a whole number of at least 1, not 0"),
        ({"steps": 2.5}, "steps must be a whole number of at least 1, not 2.5"),
        ({"restarts": 0}, "restarts must be a whole number of at least 1, not 0"),
        ({"loss": "dlr"}, "loss must be log-odds, margin, both or cross-entropy, not 'dlr'"),
        ({"targets": -1}, "targets must be a whole number of at least 0, not -1"),
        ({"norm": "l1"}, "norm must be linf or l2, not 'l1'"),
        ({"step_size": 0}, "step_size must be a finite number above 0, not 0"),
        ({"step_size": np.inf}, "step_size must be a finite number above 0, not inf"),
        ({"seed": -1}, "seed must be a whole number of at least 0, not -1"),
        ({"seed": None}, "seed must be a whole number of at least 0, not None"),
    ],
)
def test_settings_of_pgd_that_cannot_be_are_refused(make_model, images, setting, message):
    with pytest.raises(ConfigError, match=message):
        pgd(make_model(), images, np.zeros(24, int), 0.1, **setting)
