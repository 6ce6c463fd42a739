import pytest

from lpc_scratch.attacks import apgd, ddn, worst_case

torch = pytest.importorskip("torch", reason="torch is not installed")
autoattack = pytest.importorskip(
    "autoattack", reason="autoattack, which is on public code hosting, is not installed"
)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.08), ("l2", 0.5)])
def test_worst_case_is_not_above_that_of_autoattack_by_more_than_a_point(
    digits_model, torch_twin, digits, norm, epsilon
):
    images, labels = digits_model.pixels(digits.x_test), digits.y_test
    found = ddn(digits_model, images, labels, norm=norm).within(epsilon, norm)
    worst = worst_case([found, apgd(digits_model, images, labels, epsilon, norm)])
    x, y = torch.from_numpy(images).reshape(-1, 1, 8, 8), torch.from_numpy(labels).long()
    for member in range(2):
        network = torch_twin(digits_model, member)
        attack = autoattack.AutoAttack(
            network, norm={"linf": "Linf", "l2": "L2"}[norm], eps=epsilon, device="cpu", seed=0
        )
        attack.verbose = False
        robust = network(attack.run_standard_evaluation(x, y)).argmax(dim=1) == y
        assert 0.05 < robust.double().mean() < 0.9
        assert worst[member].mean() <= robust.double().mean() + 0.01
