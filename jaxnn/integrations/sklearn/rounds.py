"""The rounds of a search: which networks it trains together.

One round trains all networks of a plain search, and of estimators such as `OneVsRestClassifier`. Estimators that
predict with one network before they fit the next, such as `CalibratedClassifierCV`, need a round for each of them.
"""

from collections.abc import Callable, Iterable
from typing import Any

from jaxnn.integrations.sklearn.candidate_fits import CandidateFits
from jaxnn.integrations.sklearn.fit_cache import FitCache
from jaxnn.integrations.sklearn.job import Job

# Later fits are made one by one: a round repeats all that comes before its networks.
_MOST_ROUNDS = 10


def train_in_rounds(
    cache: FitCache,
    candidate_fits: CandidateFits,
    candidates: list[dict[str, Any]],
    list_folds: Callable[[], Iterable[tuple[Any, Any, Any]]],
    expect: Callable[[], Job | None],
) -> None:
    """Trains the networks of all candidates and folds; the cache then has their results.

    Args:
        cache: of the search.
        candidate_fits: those of the search.
        candidates: the parameters of each.
        list_folds: gives the training rows of each fold: X, y and the arguments of `fit`.
        expect: gives a job like one that will run alone later, see `FitCache.run`.
    """
    cache.start_recording()
    waiting = [candidate_fits.record(candidates, *fold) for fold in list_folds()]
    cache.run(expect())
    for _ in range(0 if candidate_fits.has_others else _MOST_ROUNDS - 1):
        if not any(waiting):
            return
        cache.start_recording()
        folds = zip(waiting, list_folds(), strict=True)
        waiting = [candidate_fits.record_more(those, *fold) if those else [] for those, fold in folds]
        cache.run()
