"""`SweepSearchCV`: a search of scikit-learn whose candidates and folds train as lanes of compiled programs."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid, ParameterSampler, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags, indexable

from jaxnn._checks.warn import warn_user
from jaxnn.integrations.sklearn.candidate import Candidate
from jaxnn.integrations.sklearn.candidate_fits import CandidateFits
from jaxnn.integrations.sklearn.fit_cache import FitCache, open_cache
from jaxnn.integrations.sklearn.halving import find_best_of_last, halve
from jaxnn.integrations.sklearn.private import MultimetricScorer, PassthroughScorer, select_params, select_rows
from jaxnn.integrations.sklearn.rounds import train_in_rounds
from jaxnn.integrations.sklearn.scoring import OneScorer, SeveralScorers
from jaxnn.sweeps.schedulers.successive_halving import Asha


class SweepSearchCV(RandomizedSearchCV):
    """`RandomizedSearchCV` and `GridSearchCV` of networks whose candidates and folds train side by side.

    Splits, scorers, routing, `error_score`, `refit` and `cv_results_` are scikit-learn's. In a first pass the search
    lists the fits of networks that it wants to make; all of them run as lanes of a few compiled programs; in a second
    pass it finds their results. Steps of a pipeline before the network are fitted once for each of their own settings
    and fold, also those that draw at random. Accuracy, log loss, R² and the common errors are computed for all
    candidates of a fold together; scikit-learn computes other scores one by one. With `random_state=None` in the
    network, candidates share their seed. `fit_time` and `score_time` leave out what is done together.

    Estimators of several networks, such as `OneVsRestClassifier`, `VotingClassifier` and a `BaggingClassifier` with a
    `random_state`, train all of them as lanes. Those that predict with one network before they fit the next, such as
    `CalibratedClassifierCV` and `StackingClassifier`, take a round of lanes for each: at most 10, and one if they hold
    other predictors, which a round would fit again. Leave their `n_jobs` at None. A fit that is not known ahead is made
    alone, and a warning counts them: a later one, one of rows that are drawn without a `random_state`, and that of a
    network with callbacks or `warm_start`.

    Args:
        estimator: `NetworkClassifier`, `NetworkRegressor`, or an estimator that holds one, such as a pipeline.
        param_distributions: as in `RandomizedSearchCV`: a dict from parameter names to lists or distributions, or a
            list of dicts.
        param_grid: in place of them, as in `GridSearchCV`: all combinations of lists are tried, and `n_iter` counts for
            nothing.
        n_iter: the number of candidates; None tries all combinations of lists in `param_distributions`.
        scheduler: `nn.asha(...)` searches by successive halving, as `HalvingRandomSearchCV` with the resource "epochs"
            does: all candidates train for `grace_period` epochs, and the best 1 / `reduction_factor` of them train
            again for `reduction_factor` times as many, up to the epochs of the network. `cv_results_` then has the
            columns "iter" and "n_resources", and the best is one of the last iteration. None trains all in full.
        scoring, refit, cv, verbose, random_state, error_score, return_train_score: as in `RandomizedSearchCV`.
        n_jobs, pre_dispatch: accepted and not used: the lanes use all cores.

    Attributes:
        cv_results_, best_estimator_, best_params_, best_score_, ...: as in `RandomizedSearchCV`.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> from jaxnn.integrations.sklearn import NetworkClassifier
        >>> network = make_pipeline(StandardScaler(), NetworkClassifier((8,), epochs=50, random_state=0))
        >>> space = {"networkclassifier__learning_rate": [0.001, 0.01, 0.1]}
        >>> search = SweepSearchCV(network, param_grid=space, cv=3).fit(*load_iris(return_X_y=True))
        >>> bool(search.best_score_ > 0.9), search.best_params_
        (True, {'networkclassifier__learning_rate': 0.1})
    """

    def __init__(
        self,
        estimator,
        param_distributions=None,
        *,
        param_grid=None,
        n_iter=10,
        scheduler=None,
        scoring=None,
        n_jobs=None,
        refit: Any = True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        random_state=None,
        error_score=np.nan,
        return_train_score=False,
    ):
        super().__init__(
            estimator=estimator, param_distributions=param_distributions, n_iter=n_iter, scoring=scoring, n_jobs=n_jobs,
            refit=refit, cv=cv, verbose=verbose, pre_dispatch=pre_dispatch, random_state=random_state,
            error_score=error_score, return_train_score=return_train_score,
        )  # fmt: skip
        self.param_grid = param_grid
        self.scheduler = scheduler

    _parameter_constraints: dict[str, Any] = RandomizedSearchCV._parameter_constraints | {
        "n_iter": [*RandomizedSearchCV._parameter_constraints["n_iter"], None],
        "param_distributions": [*RandomizedSearchCV._parameter_constraints["param_distributions"], None],
        "param_grid": [dict, list, None],
        "scheduler": [Asha, None],
    }

    def fit(self, X, y=None, **params):
        """Searches, and with `refit` fits the best candidate to all rows.

        Args:
            X: as the estimator takes it.
            y: as the estimator takes it.
            params: such as `groups` and `sample_weight`, as `RandomizedSearchCV.fit` takes them.

        Returns:
            The search.

        Raises:
            TypeError, ValueError: as `RandomizedSearchCV.fit`; both or none of `param_distributions` and `param_grid`.
        """
        if (self.param_grid is None) == (self.param_distributions is None):
            raise ValueError("SweepSearchCV: give either param_distributions, or param_grid to try all combinations")
        given = self.estimator, self.n_jobs
        with open_cache() as cache:
            estimator = clone(self.estimator)
            if isinstance(estimator, Pipeline) and estimator.memory is None:
                estimator.set_params(memory=cache.memory)
            self._search = _Search(cache, CandidateFits(estimator, cache), X, y, params)
            # The lanes use all cores, and the cache is in this process.
            self.estimator, self.n_jobs = Candidate(estimator, self._search.candidate_fits), 1
            try:
                super().fit(X, y, **params)
                self._put_back(given[0])
            finally:
                self.estimator, self.n_jobs = given
                del self._search
        return self

    def _put_back(self, estimator: Any) -> None:
        """Puts the estimator and the scorers of scikit-learn in the places of those of the search."""
        if isinstance(self.scorer_, OneScorer):
            self.scorer_ = self.scorer_.scorer
        if isinstance(self.scorer_, PassthroughScorer):
            # It holds the candidate, and with it the data and all networks of the search.
            self.scorer_ = PassthroughScorer(estimator)
        if not hasattr(self, "best_estimator_"):
            return
        self.best_estimator_ = self.best_estimator_.fitted()
        if isinstance(estimator, Pipeline):
            self.best_estimator_.set_params(memory=estimator.memory)

    def _get_scorers(self):
        scorers: Any
        scorers, refit_metric = super()._get_scorers()
        if not hasattr(self, "_search"):
            return scorers, refit_metric
        wrap = SeveralScorers if isinstance(scorers, MultimetricScorer) else OneScorer
        return wrap(scorers, self._search.candidate_fits.score), refit_metric

    def _check_scorers_accept_sample_weight(self):
        # It looks at the scorers of scikit-learn, which those of the search would hide.
        search = vars(self).pop("_search", None)
        try:
            return super()._check_scorers_accept_sample_weight()
        finally:
            vars(self).update({} if search is None else {"_search": search})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = get_tags(self.estimator).target_tags.multi_output
        return tags

    def _run_search(self, evaluate_candidates):  # pyright: ignore[reportIncompatibleMethodOverride]
        search, candidates = self._search, list(self._list_candidates())
        splits = list(self._split())

        def evaluate(candidates: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
            self._train(candidates, splits)
            return evaluate_candidates(candidates, cv=_Splits(splits), **more)

        if self.scheduler is None:
            evaluate(candidates)
        else:
            metric = self.refit if isinstance(self.refit, str) else "score"
            halve(evaluate, candidates, self.scheduler, search.candidate_fits.find_epochs(), f"mean_test_{metric}")
        search.cache.close()
        if search.cache.missed:
            warn_user(
                f"SweepSearchCV: {search.cache.missed} fits of networks were not known ahead, and were made one by one"
            )

    @staticmethod
    def _select_best_index(refit, refit_metric, results):
        if callable(refit) or "iter" not in results:
            return RandomizedSearchCV._select_best_index(refit, refit_metric, results)
        return find_best_of_last(results, f"mean_test_{refit_metric}")

    def _list_candidates(self):
        if self.param_grid is not None:
            return ParameterGrid(self.param_grid)
        if self.n_iter is None:
            return ParameterGrid(self.param_distributions)
        return ParameterSampler(self.param_distributions, self.n_iter, random_state=self.random_state)

    def _split(self) -> Any:
        x, y = indexable(self._search.x, self._search.y)
        splitter: Any = self._checked_cv_orig
        return splitter.split(x, y, **self._route().splitter.split)

    def _route(self) -> Any:
        return self._get_routed_params_for_fit(select_params(self._search.x, params=self._search.params))

    def _train(self, candidates: list[dict[str, Any]], splits: list[Any]) -> None:
        """Trains the networks of all candidates and folds."""
        x, y = indexable(self._search.x, self._search.y)
        fit_params, candidate_fits = self._route().estimator.fit, self._search.candidate_fits

        def list_folds() -> Iterator[tuple[Any, Any, Any]]:
            for train, _ in splits:
                options = select_params(x, params=fit_params, indices=train)
                yield *select_rows(self.estimator, x, y, train), options

        def expect() -> Any:
            return candidate_fits.expect(candidates, x, y, fit_params) if self.refit else None

        train_in_rounds(self._search.cache, candidate_fits, candidates, list_folds, expect)


class _Search(NamedTuple):
    """What a search needs while it runs: its cache, the fits of its candidates, and what `fit` was called with."""

    cache: FitCache
    candidate_fits: CandidateFits
    x: Any
    y: Any
    params: dict[str, Any]


class _Splits:
    """Folds that are known: a splitter that shuffles would give others when asked again."""

    def __init__(self, splits: list[Any]) -> None:
        self._splits = splits

    def split(self, *_: Any, **__: Any) -> Any:
        return iter(self._splits)

    def get_n_splits(self, *_: Any, **__: Any) -> int:
        return len(self._splits)
