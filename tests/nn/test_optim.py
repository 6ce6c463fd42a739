import inspect

import numpy as np
import pytest
from scipy.linalg import polar

from lpc_scratch.backend import get_backend
from lpc_scratch.backend.reference import Reference
from lpc_scratch.nn.backbones import mlp
from lpc_scratch.nn.layers import Linear
from lpc_scratch.nn.losses import softmax_cross_entropy
from lpc_scratch.nn.network import Network
from lpc_scratch.nn.optim import (
    LEARNING_RATES,
    OPTIMIZERS,
    SGD,
    Adam,
    AdamW,
    Lion,
    Muon,
    Normalized,
    PNorm,
    RMSProp,
    Signum,
)
from lpc_scratch.nn.penalties import penalty_of

CASES = [
    (SGD, "SGD", {"momentum": 0.9}, 0.1),
    (SGD, "SGD", {"momentum": 0.5, "weight_decay": 0.01}, 0.1),
    (Adam, "Adam", {}, 0.01),
    (Adam, "Adam", {"betas": (0.8, 0.99), "epsilon": 1e-3, "weight_decay": 0.1}, 0.01),
    (AdamW, "AdamW", {"weight_decay": 0.1}, 0.01),
    (RMSProp, "RMSprop", {"betas": (0.0, 0.9), "epsilon": 1e-3, "weight_decay": 0.1}, 0.01),
]
SHAPES = ((6, 5), (1, 5), (5, 9), (1, 9))
SIZE = sum(rows * columns for rows, columns in SHAPES)
BY_NUMBER = [cls for cls in OPTIMIZERS.values() if not cls.by_tensor]
BY_TENSOR = [cls for cls in OPTIMIZERS.values() if cls.by_tensor]


def make(cls, parameters, gradients, shapes=SHAPES, **settings):
    shapes = (shapes,) if cls.by_tensor else ()
    return cls(parameters, gradients, *shapes, **settings)


def everything(cls):
    """A setting of each kind that a class takes."""
    values = {"momentum": 0.8, "betas": (0.8, 0.9), "epsilon": 1e-3, "weight_decay": 0.1}
    return {name: (values | {"power": 1.5})[name] for name in cls.options}


def test_every_optimizer_has_a_rate_and_says_what_it_takes():
    assert OPTIMIZERS.keys() == LEARNING_RATES.keys()
    for cls in OPTIMIZERS.values():
        first = ["parameters", "gradients"] + ["shapes"] * cls.by_tensor
        taken = inspect.signature(cls).parameters
        assert list(taken)[: len(first)] == first
        assert taken.keys() == {*first, *cls.options}


@pytest.mark.parametrize("cls", OPTIMIZERS.values())
def test_step_is_made_of_the_primitives_that_the_class_names(cls, rng):
    class Recorder:
        def __getattr__(self, name):
            called.add(name)
            return getattr(get_backend().ops, name)

    called = set()
    optimizer = make(cls, *rng.normal(size=(2, SIZE)))
    optimizer.ops = Recorder()
    optimizer.step(0.1)
    assert called == set(cls.primitives)
    assert all(hasattr(Reference, name) for name in called)


def test_first_adam_step_agrees_with_numbers_worked_by_hand():
    parameters, gradients = np.array([1.0, 2.0]), np.array([0.5, -4.0])
    Adam(parameters, gradients, epsilon=0.5).step(0.1)
    # m̂ = g and sqrt(v̂) = |g| at the first step: p - 0.1 g / (|g| + 0.5)
    assert parameters == pytest.approx([1 - 0.05 / 1.0, 2 + 0.4 / 4.5], rel=1e-14)


def test_two_sgd_steps_agree_with_numbers_worked_by_hand():
    parameters, gradients = np.array([1.0]), np.array([2.0])
    optimizer = SGD(parameters, gradients, momentum=0.5, weight_decay=0.1)
    optimizer.step(0.1)  # v = 2.1, p = 0.79
    optimizer.step(0.1)  # v = 1.05 + 2 + 0.079 = 3.129, p = 0.4771
    assert parameters == pytest.approx([0.4771], rel=1e-14)


@pytest.mark.parametrize(
    ("optimizer", "settings", "expected"),
    [
        # v = g, and p shrinks to 0.99 p before it moves by 0.1
        (Signum, {"momentum": 0.5, "weight_decay": 0.1}, [0.89, 2.08, -0.99]),
        (Lion, {"betas": (0.9, 0.5), "weight_decay": 0.1}, [0.89, 2.08, -0.99]),
        # v = g²/4: g / (|g|/2 + 1/2) = 3/2, -4/2.5, 0
        (RMSProp, {"betas": (0.9, 0.75), "epsilon": 0.5}, [0.85, 2.16, -1.0]),
        # rms = sqrt(25/3)
        (Normalized, {}, [1 - 0.3 / (25 / 3) ** 0.5, 2 + 0.4 / (25 / 3) ** 0.5, -1.0]),
        # u = sqrt(3), -sqrt(4), 0 and rms = sqrt(7/3)
        (PNorm, {"power": 3.0}, [1 - 0.1 * (9 / 7) ** 0.5, 2 + 0.2 / (7 / 3) ** 0.5, -1.0]),
        # u = 9, -16, 0 and rms = sqrt(337/3)
        (PNorm, {"power": 1.5}, [1 - 0.9 / (337 / 3) ** 0.5, 2 + 1.6 / (337 / 3) ** 0.5, -1.0]),
        # a bias: g / (|g| + 0.5), from p that has shrunk
        (Muon, {"epsilon": 0.5, "weight_decay": 0.1}, [0.99 - 0.3 / 3.5, 1.98 + 0.4 / 4.5, -0.99]),
    ],
)
def test_first_step_agrees_with_numbers_worked_by_hand(optimizer, settings, expected):
    parameters, gradients = np.array([1.0, 2.0, -1.0]), np.array([3.0, -4.0, 0.0])
    make(optimizer, parameters, gradients, [(1, 3)], **settings).step(0.1)
    assert parameters == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("optimizer", [Signum, Lion])
def test_sign_of_the_momentum_is_that_of_the_weighted_gradients(optimizer):
    parameters, gradients = np.zeros(2), np.array([1.0, 1.0])
    state = optimizer(parameters, gradients, **{"momentum": 0.5} if optimizer is Signum else {})
    state.step(1.0)
    gradients[...] = -0.4, -0.6  # signum: v = 0.5 g₀ + g₁ = 0.1, -0.1
    if optimizer is Lion:  # 0.9 m + 0.1 g₁ with m = 0.01 g₀: 0.001, -0.001
        gradients[...] = -0.08, -0.1
    state.step(1.0)
    assert parameters.tolist() == [-2.0, 0.0]


def test_steps_on_a_long_vector_do_not_depend_on_its_chunks(rng):
    parameters, gradients = rng.normal(size=(2, 200_001))
    for optimizer in BY_NUMBER:
        whole, parts = parameters.copy(), parameters.copy()
        optimizer(whole, gradients, weight_decay=0.1).step(0.1)
        for part in np.array_split(np.arange(parts.size), 5):
            p = parts[part]
            optimizer(p, gradients[part], weight_decay=0.1).step(0.1)
            parts[part] = p
        assert np.array_equal(whole, parts)


def test_gradients_are_left_alone(rng):
    gradients = rng.normal(size=SIZE)
    before = gradients.copy()
    for optimizer in OPTIMIZERS.values():
        make(optimizer, rng.normal(size=SIZE), gradients, weight_decay=0.1).step(0.1)
    assert np.array_equal(gradients, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values())
def test_state_keeps_the_dtype_of_the_parameters(optimizer, dtype):
    state = make(optimizer, np.ones(SIZE, dtype), np.ones(SIZE, dtype), weight_decay=0.1)
    state.step(0.1)
    assert {m.dtype for m in (state.parameters, *state.moments.values())} == {np.dtype(dtype)}


def tensors(vector, shapes=SHAPES):
    """Views of the tensors (E, I, O) of a vector."""
    sizes = [vector.size // sum(a * b for a, b in shapes) * a * b for a, b in shapes]
    parts = np.split(vector, np.cumsum(sizes)[:-1])
    return [part.reshape(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]


DIRECTIONS = {
    Normalized: lambda v: v / np.sqrt(np.mean(v**2)),
    PNorm: lambda v: (u := np.sign(v) * np.abs(v) ** 2) / np.sqrt(np.mean(u**2)),  # p = 1.5
    Muon: lambda v: max(v.shape) ** 0.5 * polar(v)[0],
}


@pytest.mark.parametrize("optimizer", DIRECTIONS)
def test_steps_of_a_stack_are_steepest_descent_for_each_tensor_of_each_member(rng, optimizer):
    parameters, expected = np.tile(rng.normal(size=3 * SIZE), (2, 1))
    gradients, velocity = np.zeros((2, 3 * SIZE))
    state = make(optimizer, parameters, gradients, **everything(optimizer))
    for _ in range(4):
        gradients[...] = rng.normal(size=gradients.size)
        velocity *= 0.8
        velocity += gradients
        state.step(0.1)
        for p, v in zip(tensors(expected), tensors(velocity), strict=True):
            for member in range(3):
                p[member] *= 1 - 0.1 * 0.1
                p[member] -= 0.1 * DIRECTIONS[optimizer](v[member])
    for number, pair in enumerate(zip(tensors(parameters), tensors(expected), strict=True)):
        if optimizer is not Muon or SHAPES[number][0] > 1:
            assert np.allclose(*pair, rtol=0, atol=2e-3 if optimizer is Muon else 1e-13)


def test_biases_of_muon_take_the_steps_of_adamw(rng):
    parameters, gradients = rng.normal(size=(2, 3 * SIZE))
    ours, theirs = parameters.copy(), parameters.copy()
    settings = {"betas": (0.8, 0.9), "epsilon": 1e-3, "weight_decay": 0.1}
    for state in (Muon(ours, gradients, SHAPES, **settings), AdamW(theirs, gradients, **settings)):
        state.step(0.1)
        state.step(0.1)
    for bias in (1, 3):
        assert np.array_equal(tensors(ours)[bias], tensors(theirs)[bias])


def test_descent_in_the_p_norm_is_normalized_at_two_and_signum_at_infinity(rng):
    start, gradients = rng.normal(size=(2, 3 * SIZE))

    def after(cls, **settings):
        parameters = start.copy()
        state = make(cls, parameters, gradients, weight_decay=0.1, **settings)
        state.step(0.1)
        state.step(0.1)
        return parameters

    assert np.array_equal(after(PNorm, power=2.0), after(Normalized))
    assert np.array_equal(after(PNorm, power=np.inf), after(Signum))
    with pytest.raises(ValueError, match="p above 1, and this is 1"):
        after(PNorm, power=1)


@pytest.mark.parametrize("power", [1.01, 1.1, 8.0])
@pytest.mark.parametrize("scale", [1e-38, 1.0, 1e37])
def test_descent_in_the_p_norm_neither_overflows_nor_vanishes(rng, power, scale):
    parameters, gradients = np.zeros(30, np.float32), rng.normal(size=30).astype("f")
    PNorm(parameters, gradients * np.float32(scale), [(6, 5)], power=power).step(1.0)
    assert np.mean(parameters**2) == pytest.approx(1, rel=1e-5)
    assert np.abs(parameters).argmax() == np.abs(gradients).argmax()
    if power == 1.01:  # the largest alone: |v_i / v_max|^100
        assert np.abs(parameters).max() == pytest.approx(30**0.5, rel=1e-2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(64, 10), (10, 64), (40, 40), (300, 200)], ids=str)
def test_polar_factor_is_that_of_the_singular_value_decomposition(rng, shape, dtype):
    u, _, vt = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
    s = np.geomspace(1, 1e-4, min(shape))
    s = np.maximum(s, 5.1e-4 * np.linalg.norm(s))  # just above the smallest that is promised
    found = get_backend().ops.polar_factor(((u * s) @ vt).astype(dtype))
    assert np.abs(np.linalg.svd(found, compute_uv=False) - 1).max() < 1e-3
    assert np.linalg.norm(found - u @ vt, 2) < (1e-3 if dtype == np.float64 else 5e-3)


@pytest.mark.parametrize(("dtype", "most"), [(np.float32, 1e-3), (np.float64, 1e-11)])
@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_what_a_classifier_s_gradient_lacks_is_not_filled_by_rounding(rng, dtype, most, scale):
    z, logits = rng.normal(size=(64, 16)).astype(dtype), rng.normal(size=(64, 10)).astype(dtype)
    _, dlogits = softmax_cross_entropy(logits, rng.integers(10, size=64))
    gradient = z.T @ dlogits * dtype(scale)  # its rows sum to zero: the rank is 9
    found = get_backend().ops.polar_factor(gradient)
    along = found @ np.full(10, 0.1**0.5, dtype)
    assert np.linalg.norm(along) < most
    values = np.linalg.svd(found, compute_uv=False)
    assert values[:9] == pytest.approx(np.ones(9), abs=1e-3)
    assert values[9] < most


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values())
def test_gradient_of_zero_moves_nothing(rng, optimizer, dtype):
    parameters = rng.normal(size=SIZE).astype(dtype)
    before = parameters.copy()
    state = make(optimizer, parameters, np.zeros_like(parameters))
    state.step(0.1)
    state.step(0.1)
    assert np.array_equal(parameters, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values())
def test_members_of_a_stack_take_the_steps_that_they_take_alone_to_the_bit(rng, optimizer, dtype):
    shapes = ((130, 70), (1, 70), (70, 10), (1, 10))
    size = sum(rows * columns for rows, columns in shapes)
    start, *gradients = rng.normal(size=(4, 3 * size)).astype(dtype)

    def train(parameters, member=None):
        flat = np.empty_like(parameters)
        state = make(optimizer, parameters, flat, shapes, **everything(optimizer))
        groups = [state]
        if member is None:  # members 0 and 1 in one group, and 2 in another, as threads take them
            bounds = np.cumsum([0, *(3 * rows * columns for rows, columns in shapes)])[:-1]
            groups = [
                state.restricted_to(
                    [
                        slice(b + rows * columns * first, b + rows * columns * end)
                        for b, (rows, columns) in zip(bounds, shapes, strict=True)
                    ]
                )
                for first, end in ((0, 2), (2, 3))
            ]
        for gradient in gradients:
            flat[...] = gradient if member is None else pick(gradient, member)
            for group in groups:
                group.step(0.1)
        return parameters

    def pick(vector, member):
        return np.concatenate([t[member].ravel() for t in tensors(vector, shapes)])

    stack = train(start.copy())
    for member in range(3):
        assert np.array_equal(pick(stack, member), train(pick(start, member), member))


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values())
def test_training_resumes_to_the_bit_from_moments_and_steps(rng, optimizer):
    start, *gradients = rng.normal(size=(7, SIZE)).astype("f")
    whole, parts, flat = start.copy(), start.copy(), np.empty(SIZE, "f")
    settings = everything(optimizer)
    state, saved = make(optimizer, whole, flat, **settings), None
    for number, gradient in enumerate(gradients):
        if number == 3:
            parts[...] = whole
            saved = {name: moment.copy() for name, moment in state.moments.items()}
        flat[...] = gradient
        state.step(0.1)
    resumed = make(optimizer, parts, flat, **settings)
    resumed.steps = 3
    for name, moment in saved.items():
        resumed.moments[name][...] = moment
    for gradient in gradients[3:]:
        flat[...] = gradient
        resumed.step(0.1)
    assert np.array_equal(whole, parts)
    assert not np.array_equal(whole, start)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values())
def test_rate_and_count_may_lie_on_the_device(cupy_stand_in, rng, optimizer):
    to_device, to_host = cupy_stand_in.to_device, cupy_stand_in.to_host
    start, gradients = rng.normal(size=(2, SIZE))
    results = []
    for rate, steps in ((0.1, 0), (to_device(np.array(0.1)), to_device(np.array(0)))):
        parameters = to_device(start.copy())
        state = make(optimizer, parameters, to_device(gradients), **everything(optimizer))
        state.steps = steps
        state.step(rate)
        state.step(rate)
        results.append(to_host(parameters))
    assert np.allclose(*results, rtol=1e-13, atol=0)


def test_shapes_that_do_not_fill_the_parameters_are_refused():
    with pytest.raises(ValueError, match="do not fill 7 parameters"):
        Normalized(np.ones(7), np.ones(7), [(1, 3)])


AUTOGRAD_PENALTIES = {
    "exp": lambda z: (z * z).mean().exp(),
    "exp-coordinate": lambda z: (z * z).exp().mean(),
    "exp-sample": lambda z: (z * z).mean(-1).exp().mean(),
    "l2": lambda z: (z * z).mean(),
    "lp": lambda z: (z**4).mean(),
    "max": lambda z: z.abs().amax(-1).square().mean(),
}


@pytest.mark.parametrize("penalty", AUTOGRAD_PENALTIES)
@pytest.mark.parametrize(("ours", "theirs", "settings", "learning_rate"), CASES)
def test_fifty_steps_of_a_network_equal_autograd(
    rng, ours, theirs, settings, learning_rate, penalty
):
    torch = pytest.importorskip("torch", reason="PyTorch, the outside oracle, is not installed")
    x, labels, gamma = rng.normal(size=(40, 6)), rng.integers(5, size=40), 2.0
    parts = Linear(9, 4, dtype=np.float64), Linear(4, 5, dtype=np.float64)
    network = Network(mlp(6, (12, 9), "silu", dtype=np.float64), *parts, 6)
    names = ("hidden.0", "hidden.1", "latent", "classifier")
    start = network.named_parameters()
    leaves = {n: torch.tensor(p.copy(), requires_grad=True) for n, p in start.items()}
    renamed = {{"epsilon": "eps"}.get(name, name): value for name, value in settings.items()}
    if ours is RMSProp:
        renamed["alpha"] = renamed.pop("betas")[1]
    oracle = getattr(torch.optim, theirs)(leaves.values(), lr=learning_rate, **renamed)
    optimizer = ours(network.parameters, network.gradients, **settings)
    for _ in range(50):
        _, dlogits = softmax_cross_entropy(network.forward(x, training=True), labels)
        _, dpenalty = penalty_of(penalty)(network.latent, gamma)
        network.backward(dlogits, dpenalty)
        optimizer.step(learning_rate)

        h = torch.tensor(x)
        for name in names:
            if name == "classifier":
                z = h
            h = h @ leaves[f"{name}.W"] + leaves[f"{name}.b"]
            if name.startswith("hidden"):
                h = torch.nn.functional.silu(h)
        loss = torch.nn.functional.cross_entropy(h, torch.tensor(labels))
        oracle.zero_grad()
        (loss + gamma * AUTOGRAD_PENALTIES[penalty](z)).backward()
        oracle.step()
    for name, parameter in network.named_parameters().items():
        assert np.abs(parameter - leaves[name].detach().numpy()).max() < 1e-9
