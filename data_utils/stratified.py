"""Samples drawn in equal class shares."""

import numpy as np


def stratified(
    labels: np.ndarray, sizes: tuple[int, int], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of two disjoint parts of so many of the samples with labels (N,).

    Both parts have the class shares of the whole, as far as whole numbers can, and are in random
    order. They are those that scikit-learn's `train_test_split` draws with ``stratify``, whose
    import takes a second. Every class needs two samples, and every part room for every class.
    """
    # The old generator, whose numbers NumPy has promised to keep: scikit-learn draws from it.
    rng = np.random.RandomState(seed)
    counts = np.bincount(labels)
    counts = counts[counts > 0]
    of_class = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    first = _share_out(sizes[0], counts, rng)
    second = _share_out(sizes[1], counts - first, rng)
    shuffled = [rows[rng.permutation(len(rows))] for rows in of_class]
    parts = (
        [rows[:n] for rows, n in zip(shuffled, first, strict=True)],
        [rows[n : n + m] for rows, n, m in zip(shuffled, first, second, strict=True)],
    )
    kept, others = (rng.permutation(np.concatenate(part)) for part in parts)
    return kept, others


def _share_out(samples: int, counts: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Share so many samples out among classes with so many: rounded down, and the largest rests up.

    Of equal rests some are drawn.
    """
    exact = counts / counts.sum() * samples
    shares = np.floor(exact)
    rests = exact - shares
    missing = int(samples - shares.sum())
    for rest in np.unique(rests)[::-1]:
        if missing == 0:
            break
        (places,) = np.nonzero(rests == rest)
        drawn = rng.choice(places, size=min(len(places), missing), replace=False)
        shares[drawn] += 1
        missing -= len(drawn)
    return shares.astype(int)
