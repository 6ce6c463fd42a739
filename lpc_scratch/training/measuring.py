"""The measurements of a training run: one row of `metrics.csv` for each network."""

import warnings

import numpy as np

from lpc_scratch.backend import Array
from lpc_scratch.errors import TrivialCollapseWarning
from lpc_scratch.metrics import balance, margin, measure
from lpc_scratch.theory.free_features import centred, optimum
from lpc_scratch.theory.phases import excess, is_trivial, only_guesses
from lpc_scratch.training.result import COLUMNS, Row, TrainingResult
from lpc_scratch.training.trainer import Trainer


def classifier_weights(trainer: Trainer) -> Array:
    """Return the weight of the output layer of every member, (E, D, K), on the host."""
    W = trainer.backend.to_host(trainer.network.classifier.weight)
    return W.reshape(len(trainer.config.seeds), *W.shape[-2:])


def measure_networks(
    trainer: Trainer, epoch: int, classifier_initial: Array | None = None
) -> tuple[list[Row], Array]:
    """Measure the networks in training as they stand after so many completed epochs.

    Losses, training accuracy and the metrics of the latent layer are those of the whole
    training set, without dropout, in float64 from the network's outputs. `classifier_initial`
    (E, D, K) are the weights of the output layers before training, as far as they are known.

    Returns
    -------
    rows : list of dict
        One row for each member that has not diverged, by the names of `result.COLUMNS`.
    latents : float64 array (E, N, D)
        Latent activations of the training set, on the host.

    Raises
    ------
    DivergenceError
        If a network's loss is no longer finite, unless the others are to keep going.
    """
    dataset, config = trainer.dataset, trainer.config
    last = max(epoch - 1, 0)  # the epoch whose settings led here
    gammas, members = config.gammas_at(last), len(config.seeds)

    def per_member(array: Array, axes: int) -> Array:
        host = trainer.backend.to_host(array)
        return host.reshape(members, *host.shape[host.ndim - axes :])

    def share_right(x: Array | None, labels: Array | None) -> Array:
        """Accuracy of every member; nan without samples."""
        if x is None:
            return np.full(members, np.nan)
        predictions = per_member(trainer.latent_and_logits(x)[1].argmax(-1), 1)
        return np.mean(predictions == labels, axis=-1)

    with np.errstate(over="ignore", invalid="ignore"):  # divergence is reported below
        latent, logits = trainer.latent_and_logits(trainer.x_train)
        test_accuracy = share_right(trainer.x_test, dataset.y_test)
        validation_accuracy = share_right(trainer.x_validation, dataset.y_validation)
    # Once for all that follows; in float32 the equal squares of a collapsed latent add up with a
    # systematic rounding.
    latents = per_member(latent, 2).astype(np.float64)
    all_logits = per_member(logits, 2)
    weights = classifier_weights(trainer)

    rows: list[Row] = []
    for member, seed in trainer.in_training():
        z, s, labels = latents[member], all_logits[member].astype(np.float64), dataset.y_train
        with np.errstate(over="ignore", invalid="ignore"):
            cross_entropy, dlogits = trainer.loss(s, labels)
            penalty: float | Array = 0.0
            dpenalty = np.zeros_like(z)
            if trainer.penalty:
                penalty, dpenalty = trainer.penalty(z, gammas[member])
        loss = cross_entropy + penalty
        if not np.isfinite(loss):
            what = f"the loss of seed {seed} is {loss} after epoch {epoch}"
            trainer.report_divergence(member, what, last)
            continue
        predictions = s.argmax(-1)
        row: Row = {
            "epoch": epoch,
            "member": member,
            "seed": seed,
            "gamma": gammas[member],
            "learning_rate": config.learning_rate_at(last),
            "loss": float(loss),
            "cross_entropy": float(cross_entropy),
            "penalty": float(penalty),
            "train_accuracy": float(np.mean(predictions == labels)),
            "test_accuracy": float(test_accuracy[member]),
            "validation_accuracy": float(validation_accuracy[member]),
        }
        W = weights[member]
        W_0 = None if classifier_initial is None else classifier_initial[member]
        row |= measure(
            z, labels, predictions=predictions, classifier_weight=W, initial_classifier=W_0
        )
        with np.errstate(over="ignore"):  # a gamma of 1e300 still has a finite loss
            row |= _measure_forces(z, labels, s, W, dlogits, dpenalty)
            row["predicted_norm"] = _predicted_norm(trainer, W, gammas[member])
        row["seconds"] = trainer.seconds
        rows.append({name: row[name] for name in COLUMNS})
    return rows, latents


def _measure_forces(
    latent: Array, labels: Array, logits: Array, W: Array, dlogits: Array, dpenalty: Array
) -> dict[str, float]:
    """Return how far apart classes are held, and how pull and push on the latent layer balance."""
    forces = balance(latent, labels, logits, W, dlogits, dpenalty)
    return {
        "margin": margin(logits, labels),
        "classifier_norm": float(np.linalg.norm(W)),
        "norm_bound": forces.norm_bound,
    }


def _predicted_norm(trainer: Trainer, W: Array, gamma: float) -> float:
    """Return ||z|| of free points at rest under a classifier (D, K); nan without a penalty.

    And nan for another loss than the plain softmax, for which there is no theory.
    """
    config = trainer.config
    if trainer.penalty is None or not gamma or config.loss != "softmax":
        return np.nan
    return optimum(centred(W), gamma, config.penalty, config.penalty_power).norm


class CollapseWatch:
    """Warns, once for each network, of classes that have collapsed to one point and stay there.

    In training this may pass: it takes two measurements in a row of a network that `is_trivial`.
    When training ends it takes less: the penalty has come more than half way from the untrained
    network to its minimum, and the network only guesses.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._labels = trainer.dataset.y_train
        self._largest_share = float(np.bincount(self._labels).max() / len(self._labels))
        self._minimum = trainer.penalty.minimum if trainer.penalty else None
        self._last_epoch = trainer.config.epochs
        self._collapsed: set[int] = set()
        self._warned: set[int] = set()

    def look(self, result: TrainingResult, rows: list[Row]) -> None:
        """Look at the measurements of an epoch, the last ones of the result.

        Warns
        -----
        TrivialCollapseWarning
            Naming the seed of the network, with what to do.
        """
        if rows[0]["epoch"] == 0:
            return
        first = {row["member"]: row for row in result.rows if row["epoch"] == 0}
        before, self._collapsed = self._collapsed, set()
        for row in rows:
            member, untrained = row["member"], first[row["member"]]
            if is_trivial(row, untrained, self._minimum, self._largest_share):
                self._collapsed.add(member)
            stays = member in before & self._collapsed or self._ends_in_a_guess(row, untrained)
            if stays and member not in self._warned:
                self._warned.add(member)
                warnings.warn(
                    f"the network of seed {row['seed']} has collapsed to one point for all classes "
                    f"(epoch {row['epoch']}, training accuracy {row['train_accuracy']:.3f}): lower "
                    f"gamma ({row['gamma']:g}), raise it more slowly, or train for longer",
                    TrivialCollapseWarning,
                    stacklevel=2,
                )

    def _ends_in_a_guess(self, row: Row, untrained: Row) -> bool:
        if row["epoch"] < self._last_epoch or self._minimum is None or not row["gamma"]:
            return False
        drawn_in = excess(row, self._minimum) < 0.5 * excess(untrained, self._minimum)
        return drawn_in and only_guesses(row["cross_entropy"], row["train_accuracy"], self._labels)
