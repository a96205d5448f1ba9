"""The estimator that stands in a search for each candidate: its fit is looked up, and made only where it must be."""

from typing import Any

from sklearn.base import BaseEstimator, clone


class Candidate(BaseEstimator):
    """An estimator with some of its parameters set, whose fit on a fold a search may have in its cache.

    What scikit-learn asks of it beyond a fit and a score, it asks of the estimator itself, fitted when first needed.

    Args:
        estimator: of the search.
        candidate_fits: those of the search.
    """

    def __init__(self, estimator: Any, candidate_fits: Any) -> None:
        self.estimator = estimator
        self.candidate_fits = candidate_fits
        self._params: dict[str, Any] = {}
        self._fit_arguments: Any = None
        self._fitted: Any = None

    def __sklearn_clone__(self) -> "Candidate":
        copy = Candidate(self.estimator, self.candidate_fits)
        copy._params = dict(self._params)
        return copy

    def __sklearn_tags__(self) -> Any:
        return self.candidate_fits.tags

    def get_metadata_routing(self) -> Any:
        return self.estimator.get_metadata_routing()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return self.estimator.get_params(deep=deep)

    def set_params(self, **params: Any) -> "Candidate":
        self._params |= params
        return self

    def fit(self, x: Any, y: Any = None, **options: Any) -> "Candidate":
        """Looks the fit up; without a cached fit, the estimator is fitted."""
        self._fit_arguments, self._fitted = (x, y, options), None
        self.cached = self.candidate_fits.find(self._params, x, y, options)
        if self.cached is None:
            self.fitted()
        return self

    def fitted(self) -> Any:
        """Returns the fitted estimator."""
        if self._fitted is None:
            x, y, options = self._fit_arguments
            self._fitted = make(self.estimator, self._params)
            self._fitted.fit(x, **options) if y is None else self._fitted.fit(x, y, **options)
        return self._fitted

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "cached":
            raise AttributeError(name)
        return getattr(self.estimator if self._fitted is None else self._fitted, name)


def make(estimator: Any, params: Any) -> Any:
    """Returns a clone of an estimator with parameters set, as scikit-learn's searches make it."""
    copy: Any = clone(estimator)
    own: Any = clone(params, safe=False)
    return copy.set_params(**own)
