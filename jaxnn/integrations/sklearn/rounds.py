"""The rounds of a search: which networks it trains together.

One round trains all networks of a plain search, and of estimators such as `OneVsRestClassifier`. Estimators that
predict with one network before they fit the next, such as `CalibratedClassifierCV`, need a round for each of them.
"""

from collections.abc import Callable, Iterable
from typing import Any

from jaxnn.integrations.sklearn.book import Book
from jaxnn.integrations.sklearn.job import Job
from jaxnn.integrations.sklearn.ledger import Ledger

# Later fits are made one by one: a round repeats all that comes before its networks.
_MOST_ROUNDS = 10


def train_in_rounds(
    book: Book,
    ledger: Ledger,
    candidates: list[dict[str, Any]],
    list_folds: Callable[[], Iterable[tuple[Any, Any, Any]]],
    expect: Callable[[], Job | None],
) -> None:
    """Trains the networks of all candidates and folds; the book has their answers.

    Args:
        book: of the search.
        ledger: of the search.
        candidates: the parameters of each.
        list_folds: gives the training rows of each fold: X, y and the arguments of `fit`.
        expect: gives a job like one that will run alone later, see `Book.run`.
    """
    book.record()
    waiting = [ledger.record(candidates, *fold) for fold in list_folds()]
    book.run(expect())
    for _ in range(0 if ledger.has_others else _MOST_ROUNDS - 1):
        if not any(waiting):
            return
        book.record()
        folds = zip(waiting, list_folds(), strict=True)
        waiting = [ledger.record_more(those, *fold) if those else [] for those, fold in folds]
        book.run()
