"""The cache of a search: the fits that scikit-learn wants to make, and then their results.

In the first pass every fit of a network is recorded, and returns a network that is not trained: an estimator of several
goes on to the next of them, and the pass ends where it predicts. All of them run as lanes. In the second pass a fit
finds its result, and predictions of all networks of the same rows are made by one call.
"""

import contextlib
import contextvars
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn.integrations.sklearn.digests import NotComparableError, TransformerMemory, digest_array, freeze
from jaxnn.integrations.sklearn.job import Job, Trained, use_precision
from jaxnn.integrations.sklearn.lanes import run_jobs
from jaxnn.integrations.sklearn.rows import choose_bucket, fill_rows
from jaxnn.integrations.sklearn.task import compile_task

_CURRENT: contextvars.ContextVar["FitCache | None"] = contextvars.ContextVar("fit_cache", default=None)
# Parameters that do not change what is learned.
_SILENT = ("verbose",)


class NotTrainedYet(BaseException):
    """Ends a first pass that needs a trained network; not an `Exception`, which estimators of estimators may catch."""


class FitKey(NamedTuple):
    """What tells fits apart: the estimator, its parameters, and the data."""

    kind: type
    options: tuple[tuple[str, Hashable], ...]
    data: Hashable


class PlannedFit(NamedTuple):
    """A fit of a network.

    Attributes:
        network: the estimator.
        job: its training.
        attributes: what the estimator has learned from the data alone, such as its classes.
        data: equal for fits on equal rows with equal weights.
    """

    network: Any
    job: Job
    attributes: dict[str, Any]
    data: Hashable


class CachedFit(NamedTuple):
    """A planned fit, its result, None while it is not trained, and its place among networks that predict together."""

    planned: PlannedFit
    trained: Trained | None
    group: int = 0
    place: int = 0


class FitCache:
    """The fits of a search, by what tells them apart.

    Attributes:
        memory: of the transformers before the networks.
        missed: how many fits of the second pass were not recorded in the first.
        fits: those that the first pass of a candidate has wanted so far.
    """

    def __init__(self) -> None:
        self.memory = TransformerMemory()
        self.missed = 0
        self.fits: list[tuple[FitKey, PlannedFit]] = []
        self._stage = "recording"
        self._planned: dict[FitKey, PlannedFit] = {}
        self._cached: dict[FitKey, CachedFit] = {}
        self._groups: list[Any] = []
        self._outputs: dict[Hashable, np.ndarray] = {}

    def find(self, key: "FitKey | None") -> CachedFit | None:
        """Returns a cached fit, or None if it must go on; key is None for one that must be made alone."""
        if key is None:
            if self._stage == "recording":
                raise NotTrainedYet
            return None
        if self._stage == "recording":
            cached = self._cached.get(key)
            if cached is None and key in self._planned:
                cached = self._wait_for(self._planned[key])
            self.fits += [] if cached is None else [(key, cached.planned)]
            return cached
        return None if self._stage == "closed" else self._cached.get(key)

    def record(self, key: "FitKey | None", planned: PlannedFit) -> CachedFit | None:
        """Records a fit of the first pass, whose result is to come; counts one that the second makes alone."""
        self.missed += self._stage == "reading"
        if self._stage != "recording" or key is None:
            return None
        self._planned[key] = planned
        self.fits.append((key, planned))
        return self._wait_for(planned)

    def _wait_for(self, planned: PlannedFit) -> CachedFit:
        self.memory.untrained += 1
        return CachedFit(planned, None)

    def add(self, key: FitKey, planned: PlannedFit) -> None:
        """Records a fit that is known without making it."""
        if key not in self._cached:
            self._planned.setdefault(key, planned)

    def get(self, key: FitKey) -> CachedFit | None:
        """Returns a cached fit, if there is one."""
        return self._cached.get(key)

    def start_recording(self) -> None:
        """Begins a first pass."""
        self._stage, self._planned = "recording", {}

    def remove(self, key: FitKey) -> None:
        """Removes a planned fit."""
        self._planned.pop(key, None)

    def run(self, expected: Job | None = None) -> None:
        """Runs all fits that have been recorded; later ones find their results.

        Args:
            expected: a job like one that will run alone later, whose programs are compiled meanwhile.
        """
        self._stage = "reading"
        groups: dict[Hashable, dict[FitKey, PlannedFit]] = {}
        for key, planned in self._planned.items():
            groups.setdefault((planned.job.task, planned.data), {})[key] = planned
        for precision in ("float32", "float64"):
            of_precision = [group for group in groups.values() if _precision(group) == precision]
            with use_precision(precision):
                soon = expected if expected is not None and str(expected.data[0].dtype) == precision else None
                jobs = [[planned.job for planned in group.values()] for group in of_precision]
                results = run_jobs(jobs, expected=soon)
            for group, trained in zip(of_precision, results, strict=True):
                self._store(group, trained)

    def _store(self, group: dict[FitKey, PlannedFit], trained: list[Trained]) -> None:
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *(each.params for each in trained))
        for place, (key, planned) in enumerate(group.items()):
            self._cached[key] = CachedFit(planned, trained[place], len(self._groups), place)
        self._groups.append(stacked)

    def close(self) -> None:
        """Ends the second pass; later fits, such as that of the best candidate, are made alone."""
        self._stage = "closed"

    def predict(self, cached: CachedFit, x: Any) -> np.ndarray:
        """Returns the outputs of all networks of a group for checked rows, shape (networks, rows, outputs)."""
        if cached.trained is None:
            raise NotTrainedYet
        key = cached.group, digest_array(x)
        if key not in self._outputs:
            task, params = cached.planned.job.task, self._groups[cached.group]
            with use_precision(str(x.dtype)):
                filled = fill_rows(x, choose_bucket(len(x)))
                program = compile_task(apply_all, task.without_rows(), params, filled)
                self._outputs[key] = np.asarray(program(params, filled))[:, : len(x)]
        return self._outputs[key]


def apply_all(task: Any, params: Any, x: Any) -> Any:
    """Returns the outputs of many networks for the same rows."""
    model = task.network(0.0)
    return jax.vmap(lambda params: model.apply(params, x, key=None))(params)


def current_cache() -> FitCache | None:
    """Returns the cache of the search that is under way."""
    return _CURRENT.get()


@contextlib.contextmanager
def open_cache() -> Iterator[FitCache]:
    """Opens a cache: fits of networks inside look into it."""
    cache = FitCache()
    token = _CURRENT.set(cache)
    try:
        yield cache
    finally:
        _CURRENT.reset(token)


def compare_options(options: dict[str, Any]) -> dict[str, Hashable]:
    """Returns what is equal for equal parameters of networks, by name.

    Raises:
        NotComparableError: a parameter of which a copy cannot be told to be equal.
    """
    return {name: freeze(value) for name, value in options.items() if name not in _SILENT}


def make_key(network: Any, x: Any, y: Any, weights: Any, validation: Any) -> FitKey | None:
    """Returns what tells a fit from others; None if it must be made alone, or if no search is under way."""
    cache = current_cache()
    if cache is None or network.callbacks or network.warm_start:
        return None
    try:
        options = tuple(compare_options(network.get_params(deep=False)).items())
    except NotComparableError:
        return None
    judged = None if validation is None else tuple(map(digest_array, validation))
    return FitKey(type(network), options, (cache.memory.digest(x), digest_array(y), digest_array(weights), judged))


def _precision(group: dict[FitKey, PlannedFit]) -> str:
    return str(next(iter(group.values())).job.data[0].dtype)
