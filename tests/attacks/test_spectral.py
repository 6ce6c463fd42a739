import numpy as np
import pytest

from lpc_scratch.attacks import ddn, spectral_bound
from lpc_scratch.errors import ConfigError
from lpc_scratch.nn.backbones import cnn


def test_bound_is_the_distance_where_all_directions_stretch_alike(make_model, images):
    model = make_model(hidden=(), architecture="none")
    W = model.network.classifier.W
    W[...] = 3 * np.linalg.qr(W)[0]  # orthogonal columns of length 3
    logits = model.logits(images)
    labels = logits.argmax(axis=-1)
    second, first = np.sort(logits, axis=-1)[:, -2:].T
    bound = spectral_bound(model, images, labels)
    assert bound == pytest.approx((first - second) / (2 * 3 * np.sqrt(2)))
    assert ddn(model, images).norms() == pytest.approx(bound, rel=1e-3)


@pytest.mark.parametrize("seeds", [0, [0, 1]])
@pytest.mark.parametrize("architecture", ["linear", "nonlinear"])
def test_nothing_is_found_within_the_bound(make_model, images, seeds, architecture):
    model = make_model(seeds, architecture=architecture, dtype=np.float32)
    labels = np.array(model.logits(images).argmax(axis=-1))
    labels[..., 0] = (labels[..., 0] + 1) % 4  # misclassified
    bound = spectral_bound(model, images, labels)
    assert bound.shape == labels.shape
    assert (bound[..., 0] == 0).all()
    assert (bound[..., 1:] > 0).all()
    assert not (ddn(model, images).norms()[..., 1:] <= bound[..., 1:]).any()


def test_networks_that_are_no_perceptrons_are_refused(make_model, images):
    with pytest.raises(ConfigError, match=r"the spectral bound is that of perceptrons, .* layer "):
        spectral_bound(make_model(images=cnn), images, np.zeros(24, int))
