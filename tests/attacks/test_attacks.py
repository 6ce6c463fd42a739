"""What holds for all attacks."""

import numpy as np
import pytest

from lpc_scratch.attacks import deepfool, margin_gradient_norm, pgd, square_attack
from lpc_scratch.errors import ConfigError
from lpc_scratch.nn.backbones import cnn, resnet


def own_labels(model, images):
    return model.logits(images).argmax(axis=-1)


def test_attack_flips_some_leaves_others_and_says_which(attack, make_model, images):
    model = make_model()
    labels = own_labels(model, images)
    labels[:4] = (labels[:4] + 1) % 4
    result = attack(model, images, labels)
    assert np.array_equal(result.correct, np.arange(24) >= 4)
    assert result.accuracy == 20 / 24
    after = own_labels(model, result.adversarials)
    right = labels if result.norms()[:4].max() == 0 else own_labels(model, images)
    assert np.array_equal(result.flipped, after != right)
    assert 0.1 < result.success_rate <= 1
    assert result.robust_accuracy == pytest.approx((1 - result.success_rate) * 20 / 24)


@pytest.mark.parametrize("seeds", [0, [0, 1]])
def test_perturbation_stays_within_epsilon_and_the_pixels(bounded_attack, make_model, rng, seeds):
    attack, norm = bounded_attack
    model, images = make_model(seeds, dtype=np.float32), rng.uniform(size=(24, 16))
    images[:, :8] = images[:, :8].round()  # half of the pixels black or white
    labels = own_labels(model, images)
    for epsilon in (0.01, 0.3, 3.0):
        result = attack(model, images, labels, epsilon)
        assert result.adversarials.dtype == np.float32
        assert result.adversarials.min() >= 0
        assert result.adversarials.max() <= 1
        assert result.norms(norm).max() <= epsilon + 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_epsilon_beyond_all_pixels_is_as_good_as_any_that_reaches_them(
    bounded_attack, make_model, images, dtype
):
    attack, _ = bounded_attack
    model = make_model(dtype=dtype)
    next(model.network.leaves()).W[0] = 0  # a pixel without a gradient
    labels = own_labels(model, images)
    results = [attack(model, images, labels, epsilon) for epsilon in (1e6, 1e30, 1e300, 1.7e308)]
    assert results[0].flipped.mean() > 0.5
    for result in results:
        assert np.isfinite(result.adversarials).all()
        assert np.array_equal(result.adversarials, results[0].adversarials)


def test_epsilon_of_zero_changes_nothing(bounded_attack, make_model, rng):
    attack, _ = bounded_attack
    model, images = make_model(), rng.uniform(size=(24, 16))
    labels = rng.integers(4, size=24)
    result = attack(model, images, labels, 0)
    assert np.array_equal(result.adversarials, images)
    assert np.array_equal(result.flipped, own_labels(model, images) != labels)
    assert result.robust_accuracy == result.accuracy


@pytest.mark.parametrize(
    "kind",
    [
        *({"architecture": architecture} for architecture in ("linear", "nonlinear", "none")),
        *(pytest.param({"images": net}, marks=pytest.mark.slow) for net in (cnn, resnet)),
    ],
    ids=("linear", "nonlinear", "none", "cnn", "resnet"),
)
def test_members_of_a_stack_get_what_single_networks_get(
    attack, make_model, images, monkeypatch, kind
):
    images = images[:8] if "images" in kind else images  # convolutions take their time
    monkeypatch.setattr("lpc_scratch.attacks.model.CHUNK", 1 + len(images) // 3)
    stack = make_model([0, 1, 2], **kind)
    labels = own_labels(stack, images)
    together = attack(stack, images, labels)
    assert len({row.tobytes() for row in together.adversarials}) == 3
    for member in range(3):
        model = make_model(member, **kind)
        alone = attack(model, images, labels[member])
        assert together.adversarials[member] == pytest.approx(alone.adversarials, abs=1e-10)
        for name in ("correct", "flipped", "iterations"):
            assert np.array_equal(getattr(together, name)[member], getattr(alone, name))


def test_members_may_have_images_of_their_own(attack, make_model, images):
    model = make_model([0, 1])
    both = np.stack([images, images[::-1]])
    labels = own_labels(model, both)
    result = attack(model, both, labels)
    for member in range(2):
        alone = attack(make_model(member), both[member], labels[member])
        assert result.adversarials[member] == pytest.approx(alone.adversarials, abs=1e-10)
        assert np.array_equal(result.flipped[member], alone.flipped)
    assert result.flipped.any(axis=-1).all()


def test_same_seed_gives_the_same_result_and_another_does_not(make_model, images):
    model = make_model()
    labels = own_labels(model, images)
    random_attacks = [
        lambda seed: pgd(model, images, labels, 0.01, restarts=2, steps=5, seed=seed),
        lambda seed: square_attack(model, images, labels, 0.01, iterations=9, seed=seed),
    ]
    for attack in random_attacks:
        first, *others = (
            attack(seed).adversarials
            for seed in (3, 3, np.random.default_rng(3), 4, np.random.default_rng(4))
        )
        assert [np.array_equal(first, other) for other in others] == [True, True, False, False]


def test_network_without_gradients_is_not_flipped_and_gives_no_nan(attack, make_model, rng):
    model, images = make_model([0, 1], dtype=np.float32), rng.uniform(size=(24, 16))
    for name, parameter in model.network.named_parameters().items():
        if not name.startswith("classifier."):
            parameter[...] = 0
    labels = own_labels(model, images)
    result = attack(model, images, labels)
    assert np.isfinite(result.adversarials).all()
    assert not result.flipped.any()
    assert (result.success_rate == 0).all()
    margins = margin_gradient_norm(model, images, labels)
    assert (margins.gradient_norm == 0).all()
    assert (margins.distance == np.inf).all()
    assert np.isnan(deepfool(model, images).summary().rho).all()


@pytest.mark.parametrize("stand_in", ["cupy_stand_in", "cuda_stand_in"])
@pytest.mark.parametrize("seeds", [0, [0, 1]])
def test_device_gets_the_same_random_numbers_and_results_as_the_host(
    request, attack, make_model, images, stand_in, seeds
):
    backend = request.getfixturevalue(stand_in)
    host, device = make_model(seeds), make_model(seeds, backend=backend)
    labels = own_labels(host, images)
    expected = attack(host, images, labels)
    for given in (images, backend.to_device(images)):
        result = attack(device, given, labels)
        assert type(result.adversarials) is np.ndarray
        assert result.adversarials == pytest.approx(expected.adversarials, abs=1e-9)
        assert np.array_equal(result.flipped, expected.flipped)
    margins = margin_gradient_norm(device, images, backend.to_device(labels))
    assert margins.distance == pytest.approx(margin_gradient_norm(host, images, labels).distance)


def test_attack_leaves_images_and_gradients_of_parameters_alone(attack, make_model, images):
    model = make_model()
    labels, before = own_labels(model, images), images.copy()
    model.network.gradients[...] = 3
    attack(model, images, labels)
    assert np.array_equal(images, before)
    assert (model.network.gradients == 3).all()


@pytest.mark.parametrize("epsilon", [-0.1, np.nan, np.inf, "0.1", None, True])
def test_epsilon_that_cannot_be_is_refused(bounded_attack, make_model, images, epsilon):
    attack, _ = bounded_attack
    with pytest.raises(ConfigError, match=f"epsilon must be a finite number .* not {epsilon!r}"):
        attack(make_model(), images, np.zeros(24, int), epsilon)


def test_unknown_norm_of_a_result_is_refused(make_model, images):
    result = deepfool(make_model(), images)
    with pytest.raises(ValueError, match="norm must be l2 or linf, not 'l1'"):
        result.norms("l1")
