import numpy as np
import pytest

from lpc_scratch.nn.backbones import mlp
from lpc_scratch.nn.layers import Linear
from lpc_scratch.nn.losses import softmax_cross_entropy
from lpc_scratch.nn.network import Network
from lpc_scratch.nn.optim import SGD, Adam, AdamW
from lpc_scratch.nn.penalties import PENALTIES

CASES = [
    (SGD, "SGD", {"momentum": 0.9}, 0.1),
    (SGD, "SGD", {"momentum": 0.5, "weight_decay": 0.01}, 0.1),
    (Adam, "Adam", {}, 0.01),
    (Adam, "Adam", {"betas": (0.8, 0.99), "epsilon": 1e-3, "weight_decay": 0.1}, 0.01),
    (AdamW, "AdamW", {"weight_decay": 0.1}, 0.01),
]


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


def test_steps_on_a_long_vector_do_not_depend_on_its_chunks(rng):
    parameters, gradients = rng.normal(size=(2, 200_001))
    for optimizer in (SGD, Adam, AdamW):
        whole, parts = parameters.copy(), parameters.copy()
        optimizer(whole, gradients, weight_decay=0.1).step(0.1)
        for part in np.array_split(np.arange(parts.size), 5):
            p = parts[part]
            optimizer(p, gradients[part], weight_decay=0.1).step(0.1)
            parts[part] = p
        assert np.array_equal(whole, parts)


def test_gradients_are_left_alone(rng):
    gradients = rng.normal(size=100)
    before = gradients.copy()
    for optimizer in (SGD, Adam, AdamW):
        optimizer(rng.normal(size=100), gradients, weight_decay=0.1).step(0.1)
    assert np.array_equal(gradients, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", [SGD, Adam, AdamW])
def test_state_keeps_the_dtype_of_the_parameters(optimizer, dtype):
    state = optimizer(np.ones(5, dtype), np.ones(5, dtype), weight_decay=0.1)
    state.step(0.1)
    assert {m.dtype for m in (state.parameters, *state.moments.values())} == {np.dtype(dtype)}


AUTOGRAD_PENALTIES = {
    "exp": lambda z: (z * z).mean().exp(),
    "exp-coordinate": lambda z: (z * z).exp().mean(),
    "exp-sample": lambda z: (z * z).mean(-1).exp().mean(),
    "l2": lambda z: (z * z).mean(),
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
    oracle = getattr(torch.optim, theirs)(leaves.values(), lr=learning_rate, **renamed)
    optimizer = ours(network.parameters, network.gradients, **settings)
    for _ in range(50):
        _, dlogits = softmax_cross_entropy(network.forward(x, training=True), labels)
        _, dpenalty = PENALTIES[penalty](network.latent, gamma)
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
