"""Scores of all candidates of a fold at once, for the metrics that are known here; scikit-learn computes the others.

Each has the definition of scikit-learn's metric. It sums in another order, so that a score may differ in its last bits.
The scores of `jaxnn.scores` would be float32, and compiled for each number of rows.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import softmax, xlogy
from sklearn import metrics

from jaxnn.integrations.sklearn.private import MultimetricScorer, PassthroughScorer


class Scored(NamedTuple):
    """What a metric is computed from.

    Attributes:
        outputs: of all candidates, shape (candidates, rows, outputs).
        targets: as the networks learn them.
        kind: "classes", "labels" (several of a row) or "numbers".
    """

    outputs: np.ndarray
    targets: np.ndarray
    kind: str


def accuracy(scored: Scored) -> np.ndarray | None:
    """Returns the share of rows with the right class, or with all labels right."""
    if scored.kind == "classes":
        return (scored.outputs.argmax(axis=-1) == scored.targets).mean(axis=-1)
    return ((scored.outputs > 0) == (scored.targets > 0)).all(axis=-1).mean(axis=-1)


def log_loss(scored: Scored) -> np.ndarray | None:
    """Returns minus the mean log loss; None where scikit-learn refuses the labels."""
    classes = scored.outputs.shape[-1]
    if scored.kind != "classes" or len(np.unique(scored.targets)) != classes or classes < 2:
        return None
    shares = softmax(scored.outputs, axis=-1)
    least = np.finfo(shares.dtype).eps
    own = np.take_along_axis(shares, scored.targets[None, :, None], axis=-1)[..., 0]
    return xlogy(1.0, np.clip(own, least, 1 - least)).mean(axis=-1)


def r_squared(scored: Scored) -> np.ndarray | None:
    """Returns R², the mean over the outputs; None where it is not defined."""
    spread = np.square(scored.targets - scored.targets.mean(axis=0)).sum(axis=0)
    if len(scored.targets) < 2 or not (spread > 0).all():
        return None
    return (1 - np.square(scored.outputs - scored.targets).sum(axis=1) / spread).mean(axis=-1)


def squared_error(scored: Scored) -> np.ndarray | None:
    """Returns minus the mean squared error."""
    return -np.square(scored.outputs - scored.targets).mean(axis=1).mean(axis=-1)


def root_squared_error(scored: Scored) -> np.ndarray | None:
    """Returns minus the root of the mean squared error, the mean over the outputs."""
    return -np.sqrt(np.square(scored.outputs - scored.targets).mean(axis=1)).mean(axis=-1)


def absolute_error(scored: Scored) -> np.ndarray | None:
    """Returns minus the mean absolute error."""
    return -np.abs(scored.outputs - scored.targets).mean(axis=1).mean(axis=-1)


# By scikit-learn's function and the sign of the scorer.
_OF_CLASSES: dict[Any, Callable[[Scored], Any]] = {
    (metrics.accuracy_score, 1): accuracy,
    (metrics.log_loss, -1): log_loss,
}
_OF_NUMBERS: dict[Any, Callable[[Scored], Any]] = {
    (metrics.r2_score, 1): r_squared,
    (metrics.mean_squared_error, -1): squared_error,
    (metrics.root_mean_squared_error, -1): root_squared_error,
    (metrics.mean_absolute_error, -1): absolute_error,
}


def find_metric(scorer: Any, kind: str) -> Callable[[Scored], Any] | None:
    """Returns the function that computes a scorer's scores for all candidates, or None."""
    if isinstance(scorer, PassthroughScorer):
        return r_squared if kind == "numbers" else accuracy
    known = getattr(scorer, "_score_func", None), getattr(scorer, "_sign", 0)
    if getattr(scorer, "_kwargs", None) != {}:
        return None
    return (_OF_NUMBERS if kind == "numbers" else _OF_CLASSES).get(known)


class OneScorer:
    """A scorer that looks for the score of a candidate among those of its fold first."""

    def __init__(self, scorer: Any, find: Callable[..., Any]) -> None:
        self.scorer, self._find = scorer, find

    def __call__(self, candidate: Any, *data: Any, **options: Any) -> Any:
        found = None if options else self._find(candidate, {"score": self.scorer}, *data)
        return self.scorer(candidate.fitted(), *data, **options) if found is None else found["score"]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.scorer, name)


class SeveralScorers(MultimetricScorer):
    """Several scorers that look for the scores of a candidate among those of its fold first."""

    def __init__(self, scorers: MultimetricScorer, find: Callable[..., Any]) -> None:
        super().__init__(scorers=scorers._scorers, raise_exc=scorers._raise_exc)
        self._find = find

    def __call__(self, candidate: Any, *data: Any, **options: Any) -> dict[str, Any]:
        found = None if options else self._find(candidate, self._scorers, *data)
        return super().__call__(candidate.fitted(), *data, **options) if found is None else found
