"""What the classifier and the regressor share: from checked arrays to a training, and from params to outputs."""

import dataclasses
import math
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from jaxnn.integrations.sklearn.digests import freeze
from jaxnn.integrations.sklearn.examples import Examples, choose_output_dtype
from jaxnn.integrations.sklearn.fit_cache import CachedFit, FitKey, PlannedFit, current_cache, make_key
from jaxnn.integrations.sklearn.job import Job, Trained, run_job, use_precision
from jaxnn.integrations.sklearn.models import choose_network
from jaxnn.integrations.sklearn.options import check_options, check_same_network
from jaxnn.integrations.sklearn.parameters import Parameters
from jaxnn.integrations.sklearn.pickling import Stored
from jaxnn.integrations.sklearn.rows import choose_bucket
from jaxnn.integrations.sklearn.task import Mlp, Numbers, Task
from jaxnn.models.parts import make_hashable
from jaxnn.training.tiles import predict_in_tiles

# The batch size "auto" is that of scikit-learn's networks.
_AUTO_BATCH = 200
# The shortest curves, which a program has as an argument. Epoch limits up to it share a program.
_SHORTEST_CURVE = 256


class Encoded(NamedTuple):
    """Checked data in the arrays that a network trains on.

    Attributes:
        x: features, of the dtype of the network.
        targets: numbers of classes, or numbers of that dtype.
        weights: of the examples; None weighs all equally.
        validation: `(x, targets)`, or None.
        loss: of outputs and targets.
        outputs: of the network.
    """

    x: Any
    targets: Any
    weights: Any
    validation: Any
    loss: Callable[..., Any]
    outputs: int


class Network(Stored, Examples, Parameters):
    """The base of `NetworkClassifier` and `NetworkRegressor`, which have these parameters."""

    def _encode(self, x: Any, y: Any, weights: Any, validation: Any, *, first: bool, classes: Any = None) -> Encoded:
        """Checks the data, sets what a network has before it is trained, and returns what it trains on.

        Args:
            x, y, weights, validation: as the user gave them.
            first: whether nothing has been learned from other data before.
            classes: all labels, if the user gave them.
        """
        raise NotImplementedError

    def _kind(self) -> str:
        """Returns what the network predicts: "classes", "labels" (several of a row) or "numbers"."""
        raise NotImplementedError

    def _number_targets(self, y: Any) -> np.ndarray:
        """Returns targets as the outputs are compared with them."""
        raise NotImplementedError

    def _fit(self, x: Any, y: Any, weights: Any, validation: Any = None, *, more: bool = False, **options: Any) -> Any:
        """Trains the network; with `more`, for one epoch more.

        Args:
            x: features, as the user gave them; so are y, the weights of the examples, and `validation`, a pair.
            options: of `_encode`.
        """
        check_options(type(self).__name__, self.get_params(deep=False))
        cache, key = (None, None) if more else (current_cache(), make_key(self, x, y, weights, validation))
        cached = None if cache is None else cache.find(key)
        if cached is not None:
            return self._take(cached)
        encoded = self._encode(x, y, weights, validation, first=not (more and self._has_learned()), **options)
        job = self._make_job(encoded, more)
        if cache is not None:
            own = self.get_params(deep=False)
            attributes = {name: value for name, value in vars(self).items() if name not in own}
            cached = cache.record(key, PlannedFit(clone(self), job, attributes, self._describe_data(key, job)))
            if cached is not None:
                return self._take(cached)
        with use_precision(self.precision):
            trained = run_job(job, callbacks=self.callbacks or (), progress=bool(self.verbose))
        return self._set_fitted(job, trained, more)

    def _take(self, cached: CachedFit) -> Any:
        """Takes a cached fit of a search; one whose result is still to come leaves a network without params."""
        self.__dict__.update(cached.planned.attributes)
        if cached.trained is not None:
            self._set_fitted(cached.planned.job, cached.trained, more=False)
        self._cached_fit = cached
        return self

    def _describe_data(self, key: FitKey | None, job: Job) -> Hashable:
        """Returns what is equal for jobs on equal data; None for one that is made alone."""
        if key is None:
            return None
        split = (freeze(self.validation_fraction), int(job.seed)) if job.validation is not None else None
        return key.data, freeze(getattr(self, "class_weight", None)), split

    def _has_learned(self) -> bool:
        return getattr(self, "_learned", None) is not None

    def _make_job(self, encoded: Encoded, more: bool) -> Job:
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(2**31 - 1))
        x, targets = encoded.x, encoded.targets
        data, validation = (x, (targets, self._scale_weights(encoded.weights, len(x)))), encoded.validation
        if validation is not None:
            count = len(validation[0])
            validation = validation[0], (validation[1], np.ones(count, x.dtype))
        elif self.early_stopping and not more:
            data, validation = self._split(data, seed)
        network = choose_network(type(self).__name__, vars(self), x.shape[1:], encoded.outputs)
        if more and self._has_learned():
            self._check_same_origin()
        self._note_origin(x.shape[1:], encoded.outputs)
        job = self._describe_job(network, encoded.loss, data, validation, 1 if more else self.epochs)
        return self._go_on(job._replace(seed=np.uint32(seed)), more)

    def _describe_job(self, network: Any, loss: Any, data: Any, validation: Any, epochs: int) -> Job:
        count = len(data[0])
        batch_size = _AUTO_BATCH if self.batch_size == "auto" else self.batch_size
        # A model with buffers may not take a mask of rows.
        fills = network(0.0).train_apply is None
        batch_size = None if batch_size >= count else batch_size
        task = Task(
            network=network,
            loss=loss,
            optimizer=make_hashable(self.optimizer) if callable(self.optimizer) else self.optimizer,
            batch_size=batch_size,
            rows=choose_bucket(count, batch_size) if fills else None,
            epochs=_curve_length(epochs),
            validated=validation is not None,
        )
        return Job(task, self._numbers(data[0]), data, validation, np.uint32(0), epochs)

    def _numbers(self, x: np.ndarray) -> Numbers:
        dtype = x.dtype.type
        return Numbers(
            learning_rate=dtype(self.learning_rate),
            weight_decay=dtype(self.weight_decay),
            dropout=dtype(self.dropout),
            count=np.int32(len(x)),
            patience=np.int32(self.patience),
            tolerance=dtype(self.tolerance),
        )

    def _renumber(self, job: Job) -> Job:
        """Returns the job of a network that differs from this one in numbers alone."""
        network = job.task.network
        network = dataclasses.replace(network, drops=bool(self.dropout > 0)) if isinstance(network, Mlp) else network
        task = dataclasses.replace(job.task, network=network, epochs=_curve_length(self.epochs))
        return job._replace(task=task, numbers=self._numbers(job.data[0]), epochs=self.epochs)

    def _go_on(self, job: Job, more: bool) -> Job:
        """Returns the job with what an earlier training has learned, if it goes on."""
        if more and self._has_learned():
            return job._replace(learned=self._learned, seed=np.uint32(self._seed + self.n_iter_))
        if self.warm_start and not more and hasattr(self, "params_"):
            check_same_network(type(self).__name__, job.task.network(0.0), self.params_)
            return job._replace(params=self.params_)
        return job

    def _set_fitted(self, job: Job, trained: Trained, more: bool) -> Any:
        if not (more and self._has_learned()):
            self.loss_curve_, self.n_iter_, self._seed = np.zeros(0), 0, int(job.seed)
        self.params_, self._learned = trained.params, trained.learned
        self.n_iter_ += trained.epochs
        self.loss_curve_ = np.concatenate([self.loss_curve_, trained.curves["loss"]])
        if job.validation is not None:
            self.validation_loss_curve_ = trained.curves["validation_loss"]
        self._cached_fit = None
        # Without dropout, networks with other rates share the program that predicts.
        self.model_ = job.task.network(0.0)
        self._precision = self.precision
        return self

    def _outputs(self, x: Any) -> np.ndarray:
        """Returns the outputs of the network for x, which it checks; float64 unless x is float32."""
        dtype = choose_output_dtype(x)
        x = self._check_x(x)
        cache = current_cache()
        if cache is not None and self._cached_fit is not None:
            return cache.predict(self._cached_fit, x)[self._cached_fit.place].astype(dtype)
        with use_precision(self._precision):
            return np.asarray(predict_in_tiles(self.model_.apply, self.params_, x)).astype(dtype)

    def _predict_group(self, x: Any, cached: CachedFit) -> np.ndarray:
        """Returns the outputs of all networks of a search that were fitted to the same rows as this one."""
        dtype, cache = choose_output_dtype(x), current_cache()
        assert cache is not None
        return cache.predict(cached, self._check_x(x)).astype(dtype)


def _curve_length(epochs: int) -> int:
    return max(_SHORTEST_CURVE, 2 ** math.ceil(math.log2(epochs)))
