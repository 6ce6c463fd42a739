import numpy as np
import pytest

from lpc_scratch.attacks import MinimalResult, deepfool
from lpc_scratch.errors import ConfigError


@pytest.mark.parametrize("overshoot", [0.0, 0.02, 0.5])
@pytest.mark.parametrize("seeds", [0, [0, 1]])
def test_deepfool_finds_the_distance_of_a_linear_classifier(make_model, images, seeds, overshoot):
    model = make_model(seeds, hidden=())
    logits = model.logits(images)
    W = 2 * (next(model.network.leaves()).W @ model.network.classifier.W).swapaxes(-1, -2)
    result = deepfool(model, images, overshoot=overshoot)
    own = logits.argmax(axis=-1)
    difference = np.take_along_axis(W, own[..., None], axis=-2)[..., None, :] - W[..., None, :, :]
    lengths = np.linalg.norm(difference, axis=-1)
    gaps = logits.max(axis=-1, keepdims=True) - logits
    with np.errstate(invalid="ignore"):
        expected = np.nanmin(gaps / lengths, axis=-1)
    assert result.flipped.all()
    assert result.norms() == pytest.approx((1 + overshoot) * expected, rel=1e-4)
    if overshoot:
        assert (result.iterations == 1).all()


@pytest.mark.parametrize("factor", [1e-25, 1e25])  # whose squares are 0 and infinite
def test_distances_do_not_depend_on_the_unit_of_the_logits(make_model, images, factor):
    model = make_model(dtype=np.float32)
    expected = deepfool(model, images)
    model.network.classifier.W *= np.float32(factor)
    model.network.classifier.b *= np.float32(factor)
    result = deepfool(model, images)
    assert result.flipped.all()
    assert result.norms() == pytest.approx(expected.norms(), rel=1e-4)


@pytest.mark.parametrize("overshoot", [1e30, 1e300])
def test_overshoot_beyond_all_pixels_gives_images(make_model, images, overshoot):
    model = make_model(dtype=np.float32)
    next(model.network.leaves()).W[0] = 0  # a pixel without a gradient
    result = deepfool(model, images, overshoot=overshoot)
    assert result.norms().min() > 0
    assert np.isfinite(result.adversarials).all()
    assert np.array_equal(result.adversarials, deepfool(model, images, overshoot=1e6).adversarials)


def test_deepfool_flips_every_prediction_and_stops_there(digits_model, digits):
    images = digits_model.pixels(digits.x_test)
    result = deepfool(digits_model, images, digits.y_test)
    before, after = (digits_model.logits(x).argmax(axis=-1) for x in (images, result.adversarials))
    assert result.flipped.all()
    assert (before != after).all()
    assert np.array_equal(result.correct, before == digits.y_test)
    assert (result.adversarials.min(), result.adversarials.max()) == (0, 1)
    assert 1 <= result.iterations.min() < result.iterations.max() < 50
    # also of those that were wrong: it is their own class that they get away from
    assert (result.norms()[~result.correct] > 0).all()


def test_deepfool_stays_within_the_pixels_only_if_told_to(digits_model, digits):
    images = digits_model.pixels(digits.x_test[:50])
    free = deepfool(digits_model, images, clip=False)
    assert free.flipped.all()
    assert free.adversarials.min() < 0
    assert free.norms().mean() < deepfool(digits_model, images).norms().mean()


def test_deepfool_gives_up_after_its_iterations(digits_model, digits):
    images = digits_model.pixels(digits.x_test)
    result = deepfool(digits_model, images, max_iterations=1)
    assert set(np.unique(result.iterations)) == {1}
    assert 0 < result.flipped.mean() < 1


def test_labels_decide_what_is_correct_and_nothing_else(digits_model, digits):
    images = digits_model.pixels(digits.x_test)
    result, without = deepfool(digits_model, images, digits.y_test), deepfool(digits_model, images)
    assert np.array_equal(result.adversarials, without.adversarials)
    assert without.correct.all()
    assert not result.correct.all()


def test_summary_averages_relative_norms_over_flipped_samples():
    images = np.array([[3.0, 4], [0, 0], [1, 0], [0, 2]]) / 10
    r = np.array([[0.1, 0], [0, 0.3], [0, 0.2], [0, 0.5]])
    flags = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], bool)  # flipped, for two networks
    correct = np.array([[1, 1, 0, 1], [0, 0, 0, 0]], bool)
    after = np.broadcast_to(images + r, (2, 4, 2))
    result = MinimalResult(images, after, correct, flags, np.ones((2, 4), int))
    summary = result.summary()
    assert summary.samples.tolist() == [4, 4]
    assert summary.flipped_share.tolist() == [0.75, 1]
    # relative norms 0.2, -, 2 and 2.5: a black image has none
    assert summary.rho == pytest.approx([1.1, 4.7 / 3])
    assert summary.median_rho == pytest.approx([1.1, 2])
    assert summary.mean_norm == pytest.approx([0.2, 1.1 / 4])
    assert summary.median_norm == pytest.approx([0.2, 0.25])
    summary = result.summary(correct_only=True)
    assert summary.samples.tolist() == [3, 0]
    assert summary.flipped_share == pytest.approx([2 / 3, np.nan], nan_ok=True)
    assert summary.rho == pytest.approx([0.2, np.nan], nan_ok=True)
    assert summary.mean_norm == pytest.approx([0.2, np.nan], nan_ok=True)


def test_summary_of_one_network_is_numbers(digits_model, make_model, images):
    summary = deepfool(make_model(), images).summary()
    assert [np.shape(value) for value in vars(summary).values()] == 6 * [()]
    assert 0 < summary.median_rho < 1


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("clip", [False, True])
def test_deepfool_agrees_with_foolbox(make_model, torch_twin, rng, clip):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    foolbox = pytest.importorskip(
        "foolbox", reason="foolbox is not installed", exc_type=ImportError
    )
    model, images = make_model(), rng.uniform(0.1, 0.9, size=(60, 16))

    x = torch.from_numpy(images)
    network = torch_twin(model)
    own = network(x).argmax(dim=1)
    bounds = (0.0, 1.0) if clip else (-1e3, 1e3)
    other = foolbox.attacks.L2DeepFoolAttack(steps=50, candidates=4, overshoot=0.02, loss="logits")
    found = other.run(
        foolbox.PyTorchModel(network, bounds=bounds, device="cpu"),
        x,
        foolbox.criteria.Misclassification(own),
    )
    expected = (found - x).norm(dim=1).numpy()
    result = deepfool(model, images, clip=clip)
    assert result.flipped.all()
    # foolbox adds 1e-4 to the length of every step
    differences = np.abs(result.norms() - expected) / expected
    assert np.median(differences) < 0.005
    assert result.norms().mean() == pytest.approx(expected.mean(), rel=0.01)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"overshoot": -0.1}, "overshoot must be a finite number of at least 0, not -0.1"),
        ({"overshoot": np.nan}, "overshoot must be a finite number of at least 0, not nan"),
        ({"max_iterations": 0}, "max_iterations must be a whole number of at least 1, not 0"),
    ],
)
def test_settings_of_deepfool_that_cannot_be_are_refused(make_model, images, setting, message):
    with pytest.raises(ConfigError, match=message):
        deepfool(make_model(), images, **setting)
