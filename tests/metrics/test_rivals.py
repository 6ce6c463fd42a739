import numpy as np
import pytest
from sklearn.decomposition import PCA

from lpc_scratch.metrics.detection import auroc
from lpc_scratch.metrics.rivals import Neco, Neighbours, nci

LATENT = np.array([[3.0, 0], [-3, 0], [0, 1], [0, -1]])  # about 0, widest along the first axis


@pytest.fixture
def layer(rng):
    """A latent (200, 6), other points (30, 6), and the weights and bias of an output layer."""
    latent = rng.normal(size=(200, 6)) * [5, 4, 3, 2, 1, 0.5] + 1
    return latent, 3 * rng.normal(size=(30, 6)), rng.normal(size=(6, 4)), rng.normal(size=4)


def test_hand_worked_share_of_the_length_along_the_widest_axis():
    fitted = Neco.fit(LATENT + 10, 1)
    found = fitted.score([[13.0, 14], [10, 11], [10.5, 10], [10, 10]])
    np.testing.assert_allclose(found, [3 / 5, 0, 1, 0], atol=1e-12)


@pytest.mark.parametrize("dimensions", [1, 3, 6])
def test_share_of_the_length_is_that_of_scikit_learns_principal_axes(dimensions, layer):
    latent, points, *_ = layer
    projected = PCA(dimensions).fit(latent).transform(points)
    lengths = np.linalg.norm(points - latent.mean(axis=0), axis=1)
    found = Neco.fit(latent, dimensions).score(points)
    np.testing.assert_allclose(found, np.linalg.norm(projected, axis=1) / lengths)


def test_hand_worked_nearness_to_the_predicted_class():
    weights = np.array([[2.0, 0], [0, 5]])  # class 0 along the first axis, class 1 the second
    latent, logits = [[4.0, 5], [4, 5], [1, 1]], [[1.0, 0], [0, 1], [1, 0]]
    found = nci(latent, logits, weights, centre=[1, 1])  # (3, 4) from the centre, and 0
    np.testing.assert_allclose(found, [2 * 3 / 5, 5 * 4 / 5, 0])
    found = nci(latent, logits, weights, centre=[1, 1], alpha=0.1)
    np.testing.assert_allclose(found, [1.2 + 0.9, 4 + 0.9, 0.2])


def test_hand_worked_distance_to_the_second_neighbour_of_length_one():
    fitted = Neighbours.fit([[2.0, 0], [0, 3], [0, -1]], neighbours=2)
    found = fitted.score([[0.0, 7], [5, 0], [0, 0]])
    np.testing.assert_allclose(found, [-np.sqrt(2), -np.sqrt(2), -1])
    np.testing.assert_allclose(Neighbours.fit(LATENT, 9).score([[1.0, 0]]), -2)  # there are 4


def test_distance_to_a_neighbour_is_that_of_a_full_search(layer):
    latent, points, *_ = layer
    a, b = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (points, latent))
    expected = -np.sort(np.linalg.norm(a[:, None] - b, axis=2), axis=1)[:, 49]
    np.testing.assert_allclose(Neighbours.fit(latent).score(points), expected)


def test_pytorch_ood_gives_the_same_with_the_other_sign(layer):
    torch = pytest.importorskip("torch")
    detectors = pytest.importorskip("pytorch_ood.detector")
    metrics = pytest.importorskip("pytorch_ood.metrics")
    latent, points, weights, bias = layer
    z, x = (torch.tensor(array, dtype=torch.float32) for array in (latent, points))
    head = torch.nn.Linear(6, 4)
    with torch.no_grad():
        head.weight.copy_(torch.tensor(weights.T))
        head.bias.copy_(torch.tensor(bias))
    for alpha in (0.0, 0.3):
        theirs = detectors.NCI(None, head, alpha).fit_features(z).predict_features(x)
        ours = nci(points, points @ weights + bias, weights, latent.mean(axis=0), alpha)
        np.testing.assert_allclose(ours, -theirs.numpy(), rtol=1e-4, atol=1e-5)
    fitted = detectors.KNN(None, k=7).fit_features(z, torch.zeros(200, dtype=torch.int64))
    ours = Neighbours.fit(latent, 7)
    np.testing.assert_allclose(ours.score(points), -fitted.predict_features(x), rtol=1e-5)
    # to them what is foreign is the positive class, of a negative label
    area = metrics.AUROC()
    area.update(fitted.predict_features(torch.cat([z, x])), torch.tensor([0] * 200 + [-1] * 30))
    expected = auroc(ours.score(latent), ours.score(points))
    assert area.compute()["AUROC"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Neco.fit(LATENT, 3), "dimensions must be from 1 to 2, not 3"),
        (lambda: Neco.fit(LATENT, 1).score([[1.0]]), "latent must have 2 columns, not 1"),
        (lambda: nci(LATENT, LATENT, np.eye(2), [0.0]), r"centre \(1,\) do not fit"),
        (lambda: nci(LATENT, LATENT[:3], np.eye(2), [0, 0]), r"logits \(3, 2\)"),
        (lambda: nci(LATENT, LATENT, np.eye(2), [0, 0], -1), "alpha must be at least 0"),
        (lambda: Neighbours.fit(LATENT, 0), "neighbours must be at least 1, not 0"),
        (lambda: Neighbours.fit([[np.nan]]), "latent must be finite"),
    ],
)
def test_malformed_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
