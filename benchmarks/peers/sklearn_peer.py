"""The nearest network that scikit-learn has."""

from sklearn.neural_network import MLPClassifier

from benchmarks.configurations import CLASSES, LEARNING_RATE, Configuration, make_order
from benchmarks.errors import LeftOutError
from data_utils import Dataset


class SklearnPeer:
    """`MLPClassifier.partial_fit` on one minibatch a call.

    It has no penalty, no dropout, and a ReLU on every hidden layer, the latent one too: the same
    matrix products and Adam, but another loss.

    Parameters
    ----------
    configuration : Configuration
        The network.
    dataset : Dataset
        What it is trained on; standardised once, in float32.

    Raises
    ------
    LeftOutError
        If the configuration has dropout.
    """

    def __init__(self, configuration: Configuration, dataset: Dataset) -> None:
        if configuration.dropout:
            raise LeftOutError("it has no dropout")
        self.x = dataset.x_train.astype("float32") * dataset.scale + dataset.shift
        self.y = dataset.y_train
        order = make_order(dataset, configuration.batch)
        self.batches = order.reshape(-1, configuration.batch)
        self.model = MLPClassifier(
            (*configuration.hidden, configuration.latent),
            solver="adam",
            alpha=0.0,
            batch_size=configuration.batch,
            learning_rate_init=LEARNING_RATE,
            random_state=0,
        )
        self.taken = 0

    def run(self, steps: int) -> None:
        """Take that many steps."""
        for _ in range(steps):
            rows = self.batches[self.taken % len(self.batches)]
            self.model.partial_fit(self.x[rows], self.y[rows], classes=range(CLASSES))
            self.taken += 1
