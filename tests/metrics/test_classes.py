import tracemalloc

import numpy as np
import pytest

from lpc_scratch import metrics
from lpc_scratch.metrics import cdnv, group_by_class


def test_averages_are_those_of_every_class_by_itself(rng):
    labels = rng.permutation(np.repeat([2, 3, 5, 7], [30, 40, 50, 60]))
    latent, lengths = rng.normal(size=(180, 6)), rng.random(180)
    groups = group_by_class(latent.astype(np.float32), labels)
    np.testing.assert_array_equal(groups.classes, [2, 3, 5, 7])
    for values in (lengths, latent, latent > 0):
        means = [values[labels == c].mean(axis=0) for c in (2, 3, 5, 7)]
        np.testing.assert_allclose(groups.average(values), means, rtol=1e-12)


def test_a_grouped_latent_needs_no_labels_and_takes_none(rng):
    latent, labels = rng.normal(size=(30, 2)), np.arange(30) % 3
    groups = group_by_class(latent, labels)
    assert group_by_class(groups) is groups
    assert cdnv(groups) == cdnv(latent, labels)
    with pytest.raises(ValueError, match="labels must be left out"):
        cdnv(groups, labels)
    with pytest.raises(
        ValueError, match=r"labels must have shape \(30,\), one per sample, not \(\)"
    ):
        cdnv(latent)


def test_many_classes_take_no_more_than_their_pairs_or_the_latent(rng):
    N, D, C = 8000, 60, 800  # N x C numbers take 51 MB and C x C x D bytes 38 MB
    labels, means = np.arange(N) % C, rng.normal(size=(C, D))
    latent = means[labels] + 0.1 * rng.normal(size=(N, D))
    shared = {"latent": latent, "labels": labels}
    requests = [
        (metrics.within_class_variability, shared),
        (metrics.cdnv, shared),
        (metrics.nearest_class_mean_disagreement, shared | {"predictions": labels}),
        (metrics.sign_purity, shared),
        (metrics.same_code_share, shared),
        (metrics.mean_class_distance, {"means": means}),
        (metrics.max_angle, {"M": means}),
        (metrics.hamming_distances, {"codes": means > 0}),
    ]
    cdnv(latent, labels)  # imports what it needs
    for metric, arguments in requests:
        tracemalloc.start()
        metric(**arguments)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 30e6, f"{metric.__name__} takes {peak / 1e6:.0f} MB"
