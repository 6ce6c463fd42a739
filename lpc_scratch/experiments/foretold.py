"""What theory foretells of a cell from its settings alone, before anything is trained."""

from lpc_scratch.config import TrainConfig
from lpc_scratch.theory.free_features import optimum_of_norm
from lpc_scratch.theory.onset import code_norm, largest_gamma
from lpc_scratch.training.growth import grows_by_signs, rate_sums

FORETOLD = ("settings_classifier_norm", "settings_norm", "settings_cross_entropy", "largest_gamma")
"""Columns in the table of cells: ||W_y||, ||z|| and cross-entropy at the end of training, and the
gamma under which cross-entropy would just come to (log K)/2."""


def foretell(config: TrainConfig, samples: int, classes: int) -> dict[str, float | None]:
    """Return the FORETOLD columns of a cell; None for what theory cannot say of it.

    It can where `training.growth.grows_by_signs`, and the size of the training set is known.

    Parameters
    ----------
    config : TrainConfig
        The settings of the cell.
    samples, classes : int
        Size of the training set, 0 where it is not known, and number of classes K.

    Notes
    -----
    The classifier is taken to use up its learning rates, which is nearly so from where gamma asks
    for all of them: from about a tenth of `largest_gamma` on. Under a smaller gamma its gradients
    fade before, it stays smaller, and latent norm and cross-entropy are larger than foretold.

    The code is one of equal coordinates, for which ``exp-coordinate`` is the same as ``exp``.
    """
    nothing: dict[str, float | None] = dict.fromkeys(FORETOLD)
    if not samples or not config.epochs or not grows_by_signs(config):
        return nothing
    D, w = config.latent_dim, float(rate_sums(config, samples)[-1])
    norm, (gamma,) = code_norm(D, classes, w), config.gammas_at(config.epochs - 1)
    found = nothing | {
        "settings_classifier_norm": norm,
        "largest_gamma": largest_gamma(D, classes, w),
    }
    if gamma:
        penalty = "exp" if config.penalty == "exp-coordinate" else config.penalty
        free = optimum_of_norm(norm, gamma, classes, D, penalty)
        found |= {"settings_norm": free.norm, "settings_cross_entropy": free.cross_entropy}
    return found
