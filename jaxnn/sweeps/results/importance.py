"""The importance of each hyper: permutation importance in a random forest that predicts the ranks of the scores."""

import functools
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxnn.sweeps.results.tables import Column

# Trees of the forest.
_TREES = 100
# Permutations of each hyper.
_PERMUTATIONS = 10
# With fewer trials the importances are mostly noise.
_MIN_TRIALS = 8


def importance(columns: tuple[Column, ...], scores: Float[np.ndarray, "trials"]) -> dict[str, float]:
    """Returns the importance of each hyper for the score, largest first; they add up to 1, or are all 0.

    A random forest predicts the rank of a trial's score from its hypers. The importance of a hyper is the loss of
    accuracy when its values are permuted among the trials. Without ranks, a single very bad score would outweigh all
    others. Scores that are not finite rank last.

    Args:
        columns: the hypers of the trials.
        scores: the scores of the trials.

    Raises:
        ImportError: scikit-learn is not installed.
        ValueError: fewer than 8 trials.

    References:
        Breiman (2001), Random forests; Hutter, Hoos and Leyton-Brown (2014), for hyperparameters.
    """
    if len(scores) < _MIN_TRIALS:
        raise ValueError(f"importance: at least {_MIN_TRIALS} trials are needed to compare hypers, not {len(scores)}")
    table = np.stack([column.values for column in columns], axis=1)
    drops = _measure_drops(table.tobytes(), _ranks(scores).tobytes(), len(columns)).clip(min=0)
    shares = drops / max(drops.sum(), np.finfo(float).tiny)
    order = np.argsort(-shares, kind="stable")
    return {columns[i].path: float(shares[i]) for i in order}


# A picture and a report of the same sweep ask one after the other.
@functools.lru_cache(maxsize=4)
def _measure_drops(table: bytes, ranks: bytes, columns: int) -> np.ndarray:
    """Returns the loss of accuracy of a forest for each column, when its values are permuted."""
    try:
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.inspection import permutation_importance
    except ImportError as error:
        raise ImportError("importance fits a random forest with scikit-learn: pip install 'jaxnn[datasets]'") from error
    x, y = np.frombuffer(table).reshape(-1, columns), np.frombuffer(ranks)
    forest = RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=0).fit(x, y)
    permuted: Any = permutation_importance(forest, x, y, n_repeats=_PERMUTATIONS, random_state=0)
    return permuted.importances_mean


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Returns the rank of each score, 0 for the worst; equal scores share their mean rank."""
    comparable = np.where(np.isfinite(scores), scores, -np.inf)
    _, group, counts = np.unique(comparable, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    return ((2 * ends - counts - 1) / 2)[group]
