import numpy as np
import pytest
from sklearn.metrics import log_loss

from lpc_scratch.nn.gradcheck import assert_gradient
from lpc_scratch.nn.losses import LOSSES, double_softmax_cross_entropy, softmax_cross_entropy
from lpc_scratch.nn.penalties import PENALTIES, PENALTY_NAMES, penalty_of

STACKS = [(), (3,)]
ALL_PENALTIES = PENALTIES | {f"lp at {p}": penalty_of("lp", p) for p in (1.0, 1.5, 2.0, 4.0)}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("name", LOSSES)
def test_loss_gradient_matches_central_differences(backend, rng, name, stack):
    logits = backend.to_device(2 * rng.normal(size=(*stack, 6, 5)))
    labels = backend.to_device(rng.integers(5, size=(*stack, 6)))
    upstream = rng.normal(size=stack)  # one random weight for each member's loss
    _, dlogits = LOSSES[name](logits, labels)
    weights = backend.to_device(upstream)
    assert_gradient(
        lambda s: LOSSES[name](s, labels)[0], logits, weights[..., None, None] * dlogits, weights
    )


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("name", ALL_PENALTIES)
def test_penalty_gradient_matches_central_differences(backend, rng, name, stack):
    z = backend.to_device(rng.normal(size=(*stack, 5, 4)))
    gamma = backend.to_device(10.0 ** np.arange(3).reshape(3, 1, 1)) if stack else 10.0
    weights = backend.to_device(rng.normal(size=stack))
    _, dz = ALL_PENALTIES[name](z, gamma)
    assert_gradient(
        lambda z: ALL_PENALTIES[name](z, gamma)[0], z, weights[..., None, None] * dz, weights
    )


def test_cross_entropy_agrees_with_scikit_learn(rng):
    logits, labels = 3 * rng.normal(size=(50, 7)), rng.integers(7, size=50)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    loss, dlogits = softmax_cross_entropy(logits, labels)
    assert loss == pytest.approx(log_loss(labels, p, labels=range(7)), rel=1e-12)
    assert np.allclose(dlogits, (p - np.eye(7)[labels]) / 50, rtol=0, atol=1e-16)


def test_double_softmax_is_cross_entropy_of_the_probabilities(rng):
    logits, labels = 3 * rng.normal(size=(50, 7)), rng.integers(7, size=50)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    loss, _ = double_softmax_cross_entropy(logits, labels)
    assert loss == pytest.approx(float(softmax_cross_entropy(p, labels)[0]), rel=1e-12)


def test_huge_logits_give_a_finite_loss_and_gradient():
    logits = np.array([[1e4, -1e4, 0.0]], np.float32)
    flat = np.log(np.e + 2)  # of the probabilities (1, 0, 0)
    for name, label, expected, gradient in (
        ("softmax", 0, 0, [0, 0, 0]),
        ("softmax", 1, 2e4, [1, -1, 0]),
        ("double-softmax", 0, flat - 1, [0, 0, 0]),
        ("double-softmax", 1, flat, [0, 0, 0]),
    ):
        loss, dlogits = LOSSES[name](logits, np.array([label]))
        assert loss == pytest.approx(expected, rel=1e-6)
        assert dlogits.tolist() == [gradient]


def test_penalties_have_their_stated_values():
    z = np.array([[1.0, -2.0], [0.0, 1.0]])  # squares 1, 4, 0, 1
    e = np.exp
    expected = {
        "exp": e(6 / 4),
        "exp-coordinate": (e(1) + e(4) + e(0) + e(1)) / 4,
        "exp-sample": (e(5 / 2) + e(1 / 2)) / 2,
        "l2": 6 / 4,
        "max": (4 + 1) / 2,
        "lp at 1.0": 4 / 4,
        "lp at 1.5": (1 + 2**1.5 + 0 + 1) / 4,
        "lp at 2.0": 6 / 4,
        "lp at 4.0": (1 + 16 + 0 + 1) / 4,
    }
    assert expected.keys() == ALL_PENALTIES.keys()
    for name, value in expected.items():
        assert ALL_PENALTIES[name](z, 3.0)[0] == pytest.approx(3 * value, rel=1e-14)


@pytest.mark.parametrize("name", ALL_PENALTIES)
def test_penalty_is_least_at_the_origin_and_flat_there(name):
    value, dz = ALL_PENALTIES[name](np.zeros((3, 2)), 2.0)
    assert value == 2.0 * ALL_PENALTIES[name].minimum
    assert np.array_equal(dz, np.zeros((3, 2)))


def test_largest_coordinates_of_a_sample_share_the_gradient_equally():
    z = np.array([[[3.0, -3.0, 1.0], [0.5, 2.0, -1.0]]])
    value, dz = penalty_of("max")(z, np.array([[[4.0]]]))
    assert value == 4 * (9 + 4) / 2
    # 4 * 2 z / B at the largest, half of that for each of two
    assert dz.tolist() == [[[6.0, -6.0, 0.0], [0.0, 8.0, 0.0]]]


def test_lp_at_one_has_the_sign_for_gradient():
    _, dz = penalty_of("lp", 1.0)(np.array([[2.0, -0.5], [0.0, 1e-9]]), 4.0)
    assert dz.tolist() == [[1.0, -1.0], [0.0, 1.0]]


@pytest.mark.parametrize("name", PENALTY_NAMES)
def test_every_name_has_a_penalty(name):
    assert penalty_of(name) == PENALTIES.get(name, penalty_of("lp", 4.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("l3",), "unknown penalty 'l3': choose from exp, .*, max, lp"),
        (("lp", 0.5), "at least 1, and this is 0.5"),
        (("lp", np.inf), "finite power of at least 1, and this is inf"),
        (("lp", np.nan), "this is nan"),
    ],
)
def test_penalty_that_does_not_exist_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        penalty_of(*arguments)


@pytest.mark.parametrize("name", ALL_PENALTIES)
def test_penalty_does_not_depend_on_the_batch_or_latent_size(name, rng):
    z = rng.normal(size=(4, 3))
    value = ALL_PENALTIES[name](z)[0]
    assert ALL_PENALTIES[name](np.tile(z, (5, 1)))[0] == pytest.approx(value, rel=1e-12)
    assert ALL_PENALTIES[name](np.tile(z, (1, 2)))[0] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("function", [*LOSSES.values(), *ALL_PENALTIES.values()])
def test_values_and_gradients_keep_float32_and_the_buffer_given(function, rng):
    z = rng.normal(size=(2, 6, 4)).astype(np.float32)
    out = np.empty_like(z)
    labels = rng.integers(4, size=(2, 6))
    second = labels if function in LOSSES.values() else np.full((2, 1, 1), 10, np.float32)
    before = z.copy()
    value, gradient = function(z, second, out=out)
    assert gradient is out
    assert value.dtype == gradient.dtype == np.float32
    assert value.shape == (2,)
    assert np.array_equal(z, before)


@pytest.mark.parametrize("name", LOSSES)
def test_labels_may_be_common_to_all_members(name, rng):
    logits, labels = rng.normal(size=(3, 6, 4)), rng.integers(4, size=6)
    loss, dlogits = LOSSES[name](logits, labels)
    for member in range(3):
        alone = LOSSES[name](logits[member], labels)
        assert loss[member] == alone[0]
        assert np.array_equal(dlogits[member], alone[1])


def test_gradient_is_not_written_to_an_array_that_cannot_hold_it_flat(rng):
    logits, labels = rng.normal(size=(6, 4)), rng.integers(4, size=6)
    with pytest.raises(ValueError, match="out must be C-contiguous"):
        softmax_cross_entropy(logits, labels, out=np.empty((4, 6)).T)
