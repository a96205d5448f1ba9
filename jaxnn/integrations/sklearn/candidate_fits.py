"""Which fits of networks the fit of a candidate on a fold consists of.

Candidates that differ only in numbers of the network want the same fit of the steps before it. One of them is fitted up
to its network, and the fits of the others are made of its own.
"""

import contextlib
import copy
from collections.abc import Hashable
from typing import Any, NamedTuple

from sklearn.utils import get_tags

from jaxnn.integrations.sklearn.candidate import make
from jaxnn.integrations.sklearn.digests import freeze
from jaxnn.integrations.sklearn.fit_cache import CachedFit, FitCache, FitKey, NotTrainedYet, PlannedFit, compare_options
from jaxnn.integrations.sklearn.holding import find_prefix, has_others, split_steps
from jaxnn.integrations.sklearn.job import Job
from jaxnn.integrations.sklearn.network import Network
from jaxnn.integrations.sklearn.options import check_options
from jaxnn.integrations.sklearn.scoring import Scored, find_metric

# Parameters of a network that are arguments of its program.
_NUMBERS = ("learning_rate", "weight_decay", "dropout", "epochs", "patience", "tolerance")


class FoldFits(NamedTuple):
    """The fits of networks that a candidate makes on a fold, as far as they are known.

    Attributes:
        fits: the key of each, and what was planned.
        params: of the network of each, by name.
        ended: whether there may be more of them, which depend on predictions of these.
        is_alone: whether the one network is what the candidate predicts with.
    """

    fits: list[tuple[FitKey, PlannedFit]]
    params: list[dict[str, Any]]
    ended: bool
    is_alone: bool


class Waiting(NamedTuple):
    """A candidate of which not all fits on a fold are known, and the number of those that are."""

    candidate: dict[str, Any]
    known: int


class FoldFit(NamedTuple):
    """The fit of a candidate on a fold.

    Attributes:
        key: of the network that is fitted.
        others: what all candidates share that differ in numbers alone.
    """

    key: FitKey
    others: Hashable


class CandidateFits:
    """The fits of a search.

    Args:
        estimator: of the search.
        cache: of the fits of networks.

    Attributes:
        tags: of the estimator.
        has_others: whether the estimator also holds predictors that are no networks, which each further round would
            fit again.
    """

    def __init__(self, estimator: Any, cache: FitCache) -> None:
        self._estimator = estimator
        self._cache = cache
        self._fold_fits: dict[Hashable, FoldFit] = {}
        self._scores: dict[Hashable, Any] = {}
        self._prefix = find_prefix(estimator)
        self.tags = get_tags(estimator)
        self.has_others = has_others(estimator)

    def find_epochs(self) -> tuple[str, int]:
        """Returns the name of the parameter that limits the epochs of the network, and its value."""
        if self._prefix is None:
            raise ValueError("SweepSearchCV: a scheduler needs an estimator that holds one network")
        name = f"{self._prefix}epochs"
        return name, self._estimator.get_params(deep=True)[name]

    def record(self, candidates: list[dict[str, Any]], x: Any, y: Any, options: dict[str, Any]) -> list[Waiting]:
        """Records the fits of all candidates on the rows of a fold; returns those that `record_more` must look at."""
        data = self._describe(x, y, options)
        by_others: dict[Hashable, FoldFits] = {}
        waiting = []
        for candidate in candidates:
            numbers, rest = self._divide(candidate)
            try:
                # With other names, other numbers are those of the estimator.
                others, all_of_it = freeze([rest, list(numbers)]), freeze(candidate)
                hash((others, all_of_it))
            except TypeError:
                self._fit(candidate, x, y, options)
                continue
            if others not in by_others:
                by_others[others] = self._fit_twice(candidate, x, y, options)
            fold_fits = by_others[others]
            keys = [
                self._vary(*fit, params, numbers) for fit, params in zip(fold_fits.fits, fold_fits.params, strict=True)
            ]
            if fold_fits.is_alone and keys[0] is not None:
                self._fold_fits[(all_of_it, data)] = FoldFit(keys[0], (others, data))
            waiting += [Waiting(candidate, len(keys))] if fold_fits.ended and keys else []
        return waiting

    def record_more(self, waiting: list[Waiting], x: Any, y: Any, options: dict[str, Any]) -> list[Waiting]:
        """Records the fits that depend on predictions of networks which are trained now; returns what still waits."""
        left = []
        for candidate, known in waiting:
            fold_fits = self._fit(candidate, x, y, options)
            # One that has found none of its earlier fits draws others each time.
            if fold_fits.ended and len(fold_fits.fits) > known:
                left.append(Waiting(candidate, len(fold_fits.fits)))
        return left

    def expect(self, candidates: list[dict[str, Any]], x: Any, y: Any, options: dict[str, Any]) -> Job | None:
        """Returns a job like that of the best candidate on all rows; None if candidates differ in more than numbers."""
        try:
            kinds = {freeze([rest, list(numbers)]) for numbers, rest in map(self._divide, candidates)}
        except TypeError:
            return None
        fits = self._fit(candidates[0], x, y, options).fits if len(kinds) == 1 else []
        for key, _ in fits:
            self._cache.remove(key)
        return fits[0][1].job if fits else None

    def _describe(self, x: Any, y: Any, options: dict[str, Any]) -> Hashable:
        digest = self._cache.memory.digest
        return digest(x), digest(y), tuple((name, digest(value)) for name, value in options.items())

    def _divide(self, candidate: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Divides the parameters of a candidate: numbers of the one network of the estimator, and all others."""
        if self._prefix is None:
            return {}, candidate
        own = {f"{self._prefix}{name}": name for name in _NUMBERS}
        if any(isinstance(value, Network) for value in candidate.values()):
            own = {}
        numbers = {own[name]: value for name, value in candidate.items() if name in own}
        return numbers, {name: value for name, value in candidate.items() if name not in own}

    def _fit_twice(self, candidate: dict[str, Any], x: Any, y: Any, options: dict[str, Any]) -> FoldFits:
        """Fits a candidate; of an estimator that draws others fits each time, none are recorded."""
        fold_fits = self._fit(candidate, x, y, options)
        if fold_fits.is_alone or not fold_fits.fits:
            return fold_fits
        keys, again = ([key for key, _ in each.fits] for each in (fold_fits, self._fit(candidate, x, y, options)))
        if keys == again:
            return fold_fits
        for key in (*keys, *again):
            self._cache.remove(key)
        return FoldFits([], [], ended=False, is_alone=False)

    def _fit(self, candidate: dict[str, Any], x: Any, y: Any, options: dict[str, Any]) -> FoldFits:
        """Fits a candidate, as far as it needs no trained network; its fits of networks are recorded."""
        # Unknown names end the search here, as scikit-learn's.
        self._cache.fits, estimator, ended = [], make(self._estimator, candidate), True
        # An error comes again in the second pass, where scikit-learn handles it.
        with contextlib.suppress(NotTrainedYet, Exception):
            estimator.fit(x, **options) if y is None else estimator.fit(x, y, **options)
            ended = False
        fits = self._cache.fits
        params = [planned.network.get_params(deep=False) for _, planned in fits]
        return FoldFits(fits, params, ended, not ended and len(fits) == 1 and split_steps(estimator)[1] is not None)

    def _vary(self, key: FitKey, planned: PlannedFit, params: dict[str, Any], numbers: dict[str, Any]) -> FitKey | None:
        """Records the fit of a network with other numbers; returns its key, or None if scikit-learn must report it."""
        kind, options, data = key
        try:
            check_options(kind.__name__, params | numbers)
            key = FitKey(kind, tuple((dict(options) | compare_options(numbers)).items()), data)
        except (TypeError, ValueError):
            return None
        network = copy.copy(planned.network)
        network.__dict__.update(numbers)
        self._cache.add(key, planned._replace(job=network._renumber(planned.job)))
        return key

    def find(self, params: dict[str, Any], x: Any, y: Any, options: dict[str, Any]) -> "Found | None":
        """Returns the cached fit of a candidate, or None if it must be made."""
        try:
            fold_fit = self._fold_fits.get((freeze(params), self._describe(x, y, options)))
        except TypeError:
            return None
        cached = None if fold_fit is None else self._cache.get(fold_fit.key)
        return None if fold_fit is None or cached is None else Found(cached, fold_fit.others)

    def score(self, candidate: Any, scorers: dict[str, Any], x: Any, y: Any = None) -> dict[str, float] | None:
        """Returns the scores of a candidate; None where scikit-learn must compute them."""
        found = candidate.cached
        if found is None:
            return None
        rows = found.others, found.cached.group, self._cache.memory.digest(x), self._cache.memory.digest(y)
        if rows not in self._scores:
            self._scores[rows] = self._score_all(candidate, found, scorers, x, y)
        scores = self._scores[rows]
        return None if scores is None else {name: each[found.cached.place] for name, each in scores.items()}

    def _score_all(self, candidate: Any, found: "Found", scorers: Any, x: Any, y: Any) -> dict[str, Any] | None:
        """Returns the scores of all candidates of a fold by scorer."""
        steps, network = split_steps(candidate.fitted())
        if network is None:
            return None
        metrics = {name: find_metric(scorer, network._kind()) for name, scorer in scorers.items()}
        try:
            targets = network._number_targets(y)
            outputs = network._predict_group(x if steps is None else steps.transform(x), found.cached)
        except Exception:
            return None
        scored = Scored(outputs, targets, network._kind())
        scores = {name: None if metric is None else metric(scored) for name, metric in metrics.items()}
        return None if any(each is None for each in scores.values()) else scores


class Found(NamedTuple):
    """The cached fit of a candidate, and what it shares with others."""

    cached: CachedFit
    others: Hashable
