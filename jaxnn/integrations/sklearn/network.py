"""What the classifier and the regressor share: from checked arrays to a training, and from params to outputs."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_regressor
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from jaxnn.integrations.sklearn.job import Job, Trained, run_job, use_precision
from jaxnn.integrations.sklearn.models import choose_network
from jaxnn.integrations.sklearn.rows import choose_bucket
from jaxnn.integrations.sklearn.task import Numbers, Task
from jaxnn.training.tiles import predict_in_tiles

# The batch size "auto" is that of scikit-learn's networks.
_AUTO_BATCH = 200
# The shortest curves, which a program has as an argument. Epoch limits up to it share a program.
_SHORTEST_CURVE = 256


class Network(BaseEstimator):
    """The base of `NetworkClassifier` and `NetworkRegressor`, which have these parameters."""

    model: Any
    dropout: Any
    optimizer: Any
    learning_rate: Any
    weight_decay: Any
    batch_size: Any
    epochs: int
    early_stopping: Any
    validation_fraction: Any
    patience: Any
    tolerance: Any
    warm_start: Any
    precision: Any
    random_state: Any
    verbose: Any
    callbacks: Any

    def _train(
        self, x: Any, targets: Any, weights: Any, validation: Any, *, loss: Callable[..., Any], outputs: int, more: bool
    ) -> Any:
        """Trains on checked arrays, and sets what a fitted network has.

        Args:
            x: of the dtype of the network.
            targets: encoded.
            weights: of the examples; None weighs all equally.
            validation: `(x, targets)`, checked and encoded, or None.
            loss: of outputs and targets.
            outputs: of the network.
            more: whether this is `partial_fit`, which trains for one epoch more.
        """
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(2**31 - 1))
        data = x, (targets, self._scale_weights(weights, len(x)))
        if validation is not None:
            count = len(validation[0])
            validation = validation[0], (validation[1], np.ones(count, x.dtype))
        elif self.early_stopping and not more:
            data, validation = self._split(data, seed)
        network = choose_network(self, x.shape[1:], outputs)
        job = self._make_job(network, loss, data, validation, 1 if more else self.epochs)
        job = self._go_on(job._replace(seed=np.uint32(seed)), more)
        with use_precision(self.precision):
            trained = run_job(job, callbacks=self.callbacks or (), progress=bool(self.verbose))
        return self._set_fitted(job, trained, more)

    def _make_job(self, network: Any, loss: Any, data: Any, validation: Any, epochs: int) -> Job:
        dtype, count = data[0].dtype.type, len(data[0])
        batch_size = _AUTO_BATCH if self.batch_size == "auto" else self.batch_size
        # A model with buffers may not take a mask of rows.
        fills = network(0.0).train_apply is None
        task = Task(
            network=network,
            loss=loss,
            optimizer=self.optimizer,
            batch_size=None if batch_size >= count else batch_size,
            rows=choose_bucket(count) if fills else None,
            epochs=max(_SHORTEST_CURVE, 2 ** math.ceil(math.log2(epochs))),
            validated=validation is not None,
        )
        numbers = Numbers(
            learning_rate=dtype(self.learning_rate),
            weight_decay=dtype(self.weight_decay),
            dropout=dtype(self.dropout),
            count=np.int32(count),
            patience=np.int32(self.patience),
            tolerance=dtype(self.tolerance),
        )
        return Job(task, numbers, data, validation, np.uint32(0), epochs)

    def _go_on(self, job: Job, more: bool) -> Job:
        """Returns the job with what an earlier training has learned, if it goes on."""
        if more and hasattr(self, "_learned"):
            return job._replace(learned=self._learned, seed=np.uint32(self._seed + self.n_iter_))
        if self.warm_start and not more and hasattr(self, "params_"):
            return job._replace(params=self.params_)
        return job

    def _set_fitted(self, job: Job, trained: Trained, more: bool) -> Any:
        before = more and hasattr(self, "_learned")
        if not before:
            self.loss_curve_, self.n_iter_, self._seed = np.zeros(0), 0, int(job.seed)
        self.params_, self._learned = trained.params, trained.learned
        self.n_iter_ += trained.epochs
        self.loss_curve_ = np.concatenate([self.loss_curve_, trained.curves["loss"]])
        if job.validation is not None:
            self.validation_loss_curve_ = trained.curves["validation_loss"]
        # Without dropout, networks with other rates share the program that predicts.
        self.model_ = job.task.network(0.0)
        self._precision = self.precision
        return self

    def _scale_weights(self, weights: Any, count: int) -> np.ndarray:
        """Returns weights with the mean 1."""
        dtype = np.dtype(self.precision)
        if weights is None:
            return np.ones(count, dtype)
        total = weights.sum()
        if not total > 0:
            raise ValueError(
                f"{type(self).__name__}: the weights of the examples must have a positive sum, not {total}"
            )
        return (weights * (count / total)).astype(dtype)

    def _split(self, data: Any, seed: int) -> tuple[Any, Any]:
        """Returns a training part and a validation part of `validation_fraction`, each with weights of mean 1."""
        x, (targets, weights) = data
        train, test = train_test_split(
            np.arange(len(x)), test_size=self.validation_fraction, random_state=seed, stratify=self._strata(targets)
        )
        first, second = (
            (x[rows], (targets[rows], self._scale_weights(weights[rows], len(rows)))) for rows in (train, test)
        )
        return first, second

    def _strata(self, targets: Any) -> Any:
        """Returns the labels of which a validation part has equal shares, or None."""
        return None

    def _check_data(self, x: Any, y: Any, *, reset: bool = False) -> tuple[Any, Any]:
        """Returns features of the dtype of the network, and targets; with `reset` this is a first fit."""
        options = {"dtype": np.dtype(self.precision), "multi_output": True, "allow_nd": self.model is not None}
        return validate_data(self, x, y, reset=reset, y_numeric=is_regressor(self), **options)  # pyright: ignore

    def _check_x(self, x: Any) -> Any:
        check_is_fitted(self)
        dtype = np.dtype(getattr(self, "_precision", self.precision))
        return validate_data(self, x, reset=False, dtype=dtype, allow_nd=self.model is not None)

    def _outputs(self, x: Any) -> np.ndarray:
        """Returns the outputs of the network for x, which it checks; float64 unless x is float32."""
        dtype = np.float32 if getattr(x, "dtype", None) == np.float32 else np.float64
        x = self._check_x(x)
        with use_precision(self._precision):
            outputs = predict_in_tiles(self.model_.apply, self.params_, x)
            return np.asarray(outputs).astype(dtype)

    def _check_weights(self, weights: Any, x: Any) -> Any:
        if weights is None:
            return None
        return _check_sample_weight(weights, x, dtype=np.float64, ensure_non_negative=True)
