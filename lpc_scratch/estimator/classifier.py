"""The network as a scikit-learn estimator: a classifier, and a transformer to its latent layer."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.extmath import softmax
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from data_utils import Dataset, DatasetDescription
from lpc_scratch.backend import Array, get_backend
from lpc_scratch.config import TrainConfig
from lpc_scratch.errors import ConfigError, DivergenceError
from lpc_scratch.estimator.convergence import guess_advice, scale_advice, settle, shrink_latent
from lpc_scratch.estimator.images import check_images, read_image_shape
from lpc_scratch.metrics.binarity import class_codes
from lpc_scratch.nn.inference import latent_and_logits
from lpc_scratch.nn.network import Network
from lpc_scratch.training.build import make_network, start_from_code
from lpc_scratch.training.trainer import Trainer

# What partial_fit goes on from is of no use under another value of these.
_KEPT = (
    *("architecture", "hidden", "latent_dim", "activation", "dtype"),
    *("backbone", "channels", "blocks", "batch_norm", "stem_stride"),
    *("optimizer", "classifier_optimizer", "classifier_learning_rate_schedule"),
)
_LEFT_TO_THE_DATA = ("epochs", "gamma")  # where they are "auto"


class LPCClassifier(
    ClassifierMixin, TransformerMixin, ClassNamePrefixFeaturesOutMixin, BaseEstimator
):
    """Latent point collapse as a scikit-learn classifier and transformer.

    `fit` trains exactly as `lpc_scratch.training.train` does, on the features as they are: scale
    them to order 1, as in ``make_pipeline(StandardScaler(), LPCClassifier())``. Where features are
    so large that the penalty, without gamma, begins above 1e6, and training would overflow, the
    initial weights of the latent layer are scaled to a mean z² of 1, with a warning. Predictions
    and latent coordinates are computed on the CPU in float64, wherever the network was trained.

    The parameters are described in `TrainConfig`, whose names, checks and, but for two, defaults
    they have; values are checked when the training begins. The two are "auto", which fits them to
    the data. `epochs` are then 100, or as many as make 1000 steps. `gamma`, where it is constant,
    the optimizer of the classifier is one of `nn.optim.SIGN_LIKE`, as adam is, and the penalty
    neither lp nor max, is a seventh of `metrics.largest_gamma`, what the learning rates of all
    steps bear, and at most 10; that grows as the square of `latent_dim` and of the number of steps.
    Otherwise it is 10. A number is taken as it is.

    Parameters
    ----------
    architecture, hidden, latent_dim, activation, dropout, backbone, channels, blocks, batch_norm, \
stem_stride, initialization
        The network.
    crop, flip
        How images are changed in training.
    image_shape : (H, W) or (H, W, C), optional
        What the features of a sample are as an image, row after row of pixels. The backbones cnn
        and resnet, crop and flip need it; X has a row for each sample all the same.
    loss, penalty, penalty_power, gamma, gamma_*
        What is minimised.
    optimizer, descent_power, learning_rate, learning_rate_*, warmup_epochs, momentum, beta1, \
beta2, epsilon, classifier_*, weight_decay
        How it is minimised.
    batch_size, epochs, seed, device, dtype
        How the run goes. `seed`, in place of `TrainConfig.seeds`, is the seed of the one network:
        a whole number.

    Attributes
    ----------
    classes_ : array (K,)
        The class labels, sorted.
    codes_ : int8 array (K, D)
        Binary code of every class: the signs, +1 above 0 and otherwise -1, of the mean latent
        point of its training samples. `partial_fit` renews those of the classes that it is given;
        0 for a class that it has not been given yet.
    sample_codes_ : int8 array (N, D)
        Binary code of every sample of the last `fit` or `partial_fit`: the signs of its latent
        point.
    loss_curve_ : list of float
        Mean loss of the minibatches of every epoch.
    n_iter_ : int
        Number of epochs trained.
    gamma_ : float
        gamma of the last training, at the start of its schedule.
    parameters_ : dict of str to array
        Weights and biases by name (`hidden.0.W`, …, `latent.b`, `classifier.W`, `classifier.b`),
        W as (in, out) and b as (1, out), and the running statistics of batch normalisation, in the
        dtype of training; predictions keep a copy.
    n_features_in_ : int
        I, the number of features.
    feature_names_in_ : array (I,) of str
        Their names, where X is a data frame.

    Notes
    -----
    The penalty holds the logits of the classes close to one another: the larger gamma, the flatter
    the probabilities, however right the predictions are. A temperature fitted to held-out samples,
    some of which the network misses, mends that and keeps the predictions: that of scikit-learn
    1.8, ``CalibratedClassifierCV(model, method="temperature", ensemble=False)``, takes the negative
    log-likelihood of the digits from 0.51 to 0.14.
    """

    def __init__(
        self,
        architecture: str = TrainConfig.architecture,
        hidden: Sequence[int] = TrainConfig.hidden,
        latent_dim: int = TrainConfig.latent_dim,
        activation: str = TrainConfig.activation,
        dropout: float = TrainConfig.dropout,
        backbone: str = TrainConfig.backbone,
        channels: Sequence[int] = TrainConfig.channels,
        blocks: int = TrainConfig.blocks,
        batch_norm: bool = TrainConfig.batch_norm,
        stem_stride: int = TrainConfig.stem_stride,
        crop: int = TrainConfig.crop,
        flip: bool = TrainConfig.flip,
        image_shape: Sequence[int] | None = None,
        initialization: str = TrainConfig.initialization,
        loss: str = TrainConfig.loss,
        penalty: str = TrainConfig.penalty,
        penalty_power: float = TrainConfig.penalty_power,
        gamma: float | str = "auto",
        gamma_schedule: str = TrainConfig.gamma_schedule,
        gamma_every: int = TrainConfig.gamma_every,
        gamma_factor: float = TrainConfig.gamma_factor,
        gamma_switch: float = TrainConfig.gamma_switch,
        gamma_late_factor: float = TrainConfig.gamma_late_factor,
        gamma_max: float = TrainConfig.gamma_max,
        optimizer: str = TrainConfig.optimizer,
        descent_power: float = TrainConfig.descent_power,
        learning_rate: float | None = TrainConfig.learning_rate,
        learning_rate_schedule: str = TrainConfig.learning_rate_schedule,
        learning_rate_every: int = TrainConfig.learning_rate_every,
        learning_rate_factor: float = TrainConfig.learning_rate_factor,
        warmup_epochs: int = TrainConfig.warmup_epochs,
        momentum: float = TrainConfig.momentum,
        beta1: float = TrainConfig.beta1,
        beta2: float = TrainConfig.beta2,
        epsilon: float = TrainConfig.epsilon,
        classifier_optimizer: str = TrainConfig.classifier_optimizer,
        classifier_learning_rate: float | None = TrainConfig.classifier_learning_rate,
        classifier_learning_rate_schedule: str = TrainConfig.classifier_learning_rate_schedule,
        classifier_initialization: str = TrainConfig.classifier_initialization,
        classifier_code: str | Path | None = TrainConfig.classifier_code,
        classifier_code_scale: float = TrainConfig.classifier_code_scale,
        weight_decay: float = TrainConfig.weight_decay,
        batch_size: int = TrainConfig.batch_size,
        epochs: int | str = "auto",
        seed: int = TrainConfig.seeds[0],
        device: str = TrainConfig.device,
        dtype: str = TrainConfig.dtype,
    ) -> None:
        # Unchecked: scikit-learn wants every argument back as it was passed.
        settings = dict(locals())
        del settings["self"]
        self.__dict__.update(settings)

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Train a new network for `epochs` epochs.

        An estimator that could not be trained to the end keeps what it had before.

        Parameters
        ----------
        X : array or data frame (N, I)
            Features: finite numbers, within the range of `dtype`.
        y : array (N,)
            Labels, of any type that sorts; at least two classes.

        Returns
        -------
        LPCClassifier
            This estimator.

        Raises
        ------
        ValueError
            For a setting that is unknown, of the wrong type or out of range, and for data that
            cannot be used.
        TypeError
            If X is sparse.
        DivergenceError
            If the loss becomes infinite or NaN.
        DeviceError
            If the device cannot be used.

        Warns
        -----
        ConvergenceWarning
            If the network only guesses when training ends: its cross-entropy is above 0.85 of that
            of the classes' shares, and its accuracy less than a quarter of the way from the largest
            share to 1. Also if the initial weights had to be scaled.
        """
        with self._unchanged_on_error():
            config, auto = self._make_config()
            features, labels = self._check_data(config, X, y, reset=True)
            check_classification_targets(labels)
            self._set_classes(labels)
            config = settle(config, auto, len(features), len(self.classes_))
            problem = self._train(config, features, labels, config.epochs, resume=False)
        if problem:
            warnings.warn(problem, ConvergenceWarning, stacklevel=2)
        return self

    def partial_fit(
        self, X: npt.ArrayLike, y: npt.ArrayLike, classes: npt.ArrayLike | None = None
    ) -> Self:
        """Train one more epoch, on the minibatches of these samples.

        It goes on from the weights, the optimiser's moments and the place in the schedules where
        the last `fit` or `partial_fit` ended: n calls with all the data are `fit` with n epochs and
        the same gamma, to the bit. As in `fit`, more samples than `batch_size` make whole
        minibatches, and the rest of them, others in every epoch, are left out.

        `epochs` is how many calls are planned: what is "auto" is settled by the first call as `fit`
        would with its samples, and stays. A network that only guesses is warned of by the call that
        completes `epochs`, judged on its samples.

        Parameters
        ----------
        X, y
            As in `fit`, though not all classes need be among y.
        classes : array (K,), optional
            All labels that will ever occur; needed by the first call, and later the same.

        Returns
        -------
        LPCClassifier
            This estimator.

        Raises
        ------
        ValueError
            Also for a label that is not among the classes, and for a setting that has changed and
            makes another network. All else is raised, and warned of, as by `fit`.
        """
        first = not hasattr(self, "classes_")
        with self._unchanged_on_error():
            config, auto = self._make_config()
            if not first:
                self._check_same(config, classes)
            elif classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit")
            features, labels = self._check_data(config, X, y, reset=first)
            if first:
                self._set_classes(classes)
                config = settle(config, auto, len(features), len(self.classes_))
            else:
                config = replace(config, **{name: getattr(self._config, name) for name in auto})
            problem = self._train(config, features, labels, epochs=1, resume=not first)
        if problem:
            warnings.warn(problem, ConvergenceWarning, stacklevel=2)
        return self

    def predict(self, X: npt.ArrayLike) -> Array:
        """Return the label (N,) of every sample of X (N, I)."""
        logits = self._latent_and_logits(X)[1]
        return self.classes_[logits.argmax(axis=1)]

    def predict_proba(self, X: npt.ArrayLike) -> Array:
        """Return the softmax of the logits, (N, K) float64 in the order of `classes_`."""
        return softmax(self._latent_and_logits(X)[1])

    def decision_function(self, X: npt.ArrayLike) -> Array:
        """Return the logits, (N, K) float64; of two classes that of the second minus the first.

        Those are (N,), and above 0 where the second class is predicted.
        """
        logits = self._latent_and_logits(X)[1]
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def transform(self, X: npt.ArrayLike) -> Array:
        """Return the latent coordinates (N, D) of X (N, I), in float64."""
        return self._latent_and_logits(X)[0]

    @property
    def _n_features_out(self) -> int:
        """D; scikit-learn names the columns of `transform` by it."""
        return self.codes_.shape[1]

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        """Put back all attributes if the block raises; none of them is changed in place.

        What is wrong with a setting is raised as ValueError.
        """
        before = self.__dict__.copy()
        try:
            yield
        except BaseException as error:
            self.__dict__.clear()
            self.__dict__.update(before)
            if isinstance(error, ConfigError):
                raise ValueError(str(error)) from error
            raise

    def _make_config(self) -> tuple[TrainConfig, list[str]]:
        """Return the settings, and the names of those that still have to be fitted to the data."""
        settings = self.get_params()
        seed, shape = settings.pop("seed"), settings.pop("image_shape")
        auto = [name for name in _LEFT_TO_THE_DATA if str(settings[name]) == "auto"]
        for name in auto:
            del settings[name]
        config = TrainConfig(**settings, seeds=(seed,))
        check_images(config, shape)
        return config, auto

    def _check_data(self, config: TrainConfig, *data: Any, reset: bool) -> Any:
        """Return X, or X and y, as arrays; X in the dtype of training, for prediction too."""
        with np.errstate(over="ignore", invalid="ignore"):  # beyond the dtype is infinite: refused
            return validate_data(self, *data, reset=reset, dtype=np.dtype(config.dtype), order="C")

    def _check_same(self, config: TrainConfig, classes: npt.ArrayLike | None) -> None:
        """Raise ValueError unless training can go on with a configuration and classes."""
        for name in _KEPT:
            old, new = getattr(self._config, name), getattr(config, name)
            if old != new:
                raise ValueError(
                    f"partial_fit cannot go on with {name} {new!r} in place of {old!r}: start "
                    "again with fit"
                )
        if classes is not None and np.unique(classes).tolist() != self.classes_.tolist():
            raise ValueError(
                f"classes are {np.unique(classes).tolist()}, but were {self.classes_.tolist()} "
                "before: partial_fit cannot change them"
            )

    def _set_classes(self, labels: Any) -> None:
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            found = f"only one class, {self.classes_[0]!s}" if self.classes_.size else "no class"
            raise ValueError(f"there is {found}: a classifier needs samples of at least two")

    def _train(self, config: TrainConfig, X: Array, y: Array, epochs: int, resume: bool) -> str:
        """Train epochs, from the start or from where the last ended, and keep what came of it.

        Return what is wrong with it; nothing where nothing is.
        """
        labels = self._positions(y)
        names = tuple(map(str, self.classes_))
        shape = read_image_shape(self.image_shape, X.shape[1])
        if resume and shape != self._shape:
            raise ConfigError(
                f"partial_fit cannot go on with image_shape {shape} in place of {self._shape}: "
                "start again with fit"
            )
        self._shape: tuple[int, ...] = shape
        data = Dataset(
            **vars(self._description()),
            name="samples",
            x_train=X,
            y_train=labels,
            x_test=X[:0],
            y_test=labels[:0],
        )
        trainer = Trainer(config, data)
        network, optimizer, backend = trainer.network, trainer.optimizer, trainer.backend
        problem = ""
        if resume:
            start, losses = self.n_iter_, self.loss_curve_
            for name, parameter in _all_of(network).items():
                parameter[...] = backend.to_device(self.parameters_[name])
            for name, moment in optimizer.moments.items():
                moment[...] = backend.to_device(self._moments[name])
            optimizer.steps = self._steps
        else:
            start, losses = 0, []
            start_from_code(config, network)
            problem = shrink_latent(trainer)
        self.n_iter_: int = start + epochs
        try:
            trained = [trainer.run_epoch(epoch) for epoch in range(start, self.n_iter_)]
        except DivergenceError as error:
            if scale := scale_advice(X, smallest=0):
                raise DivergenceError(f"training diverged because {scale}") from error
            raise
        self.loss_curve_: list[float] = [*losses, *trained]

        # Plain arrays on the host, which pickle; the trainer with its buffers is let go.
        parameters, moments = _all_of(network).items(), optimizer.moments.items()
        self.parameters_: dict[str, Array] = {n: backend.to_host(array) for n, array in parameters}
        self._moments: dict[str, Array] = {n: backend.to_host(array) for n, array in moments}
        self._steps: int = int(optimizer.steps)
        self._config = config
        self.gamma_: float = config.gamma

        self._network: Network = self._make_network()
        latent, logits = latent_and_logits(self._network, X)
        self.sample_codes_ = _signs(latent > 0)
        codes = self.codes_.copy() if resume else np.zeros((len(names), latent.shape[1]), np.int8)
        codes[np.unique(labels)] = _signs(class_codes(latent, labels))
        self.codes_: Array = codes

        if self.n_iter_ == config.epochs:
            problem = guess_advice(trainer, logits) or problem
        return problem

    def _positions(self, y: Array) -> Array:
        """Return the position in `classes_` of every label, (N,) int64."""
        labels, index = np.unique(y, return_inverse=True)
        # As Python's objects: NumPy would compare 1 and "1" as text, and find them equal.
        positions = {label: position for position, label in enumerate(self.classes_.tolist())}
        unknown = [label for label in labels.tolist() if label not in positions]
        if unknown:
            raise ValueError(
                f"y holds the label {unknown[0]!r}, which is not among the classes "
                f"{self.classes_.tolist()}"
            )
        return np.array([positions[label] for label in labels.tolist()])[index]

    def _latent_and_logits(self, X: Any) -> tuple[Array, Array]:
        check_is_fitted(self)
        X = self._check_data(self._config, X, reset=False)
        if not hasattr(self, "_network"):  # after unpickling; threads may make two, which are equal
            self._network = self._make_network()
        return latent_and_logits(self._network, X)

    def _description(self) -> DatasetDescription:
        names = tuple(map(str, self.classes_))
        return DatasetDescription(class_names=names, image_shape=self._shape, scale=1.0, shift=0.0)

    def _make_network(self) -> Network:
        """Return the trained network for prediction, which leaves it as it is.

        In float64, so that the output of a sample does not depend on the others: BLAS adds in an
        order that changes with the number of rows, which shows in the last digits of float32.
        """
        network = make_network(
            replace(self._config, dtype="float64"), self._description(), get_backend("cpu")
        )
        for name, parameter in _all_of(network).items():
            parameter[...] = self.parameters_[name]
        return network

    def __getstate__(self) -> dict[str, Any]:
        # Pickles and copies make the network again: it is four times as large as `parameters_`.
        return {name: it for name, it in super().__getstate__().items() if name != "_network"}


def _signs(positive: Array) -> Array:
    """Return +1 for True and -1 for False, as int8."""
    return np.where(positive, 1, -1).astype(np.int8)


def _all_of(network: Network) -> dict[str, Array]:
    """Return the parameters and the state of a network by name."""
    return network.named_parameters() | network.named_state()
