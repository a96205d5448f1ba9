"""How much each hyper decides the score: permutation importance in a forest that predicts the scores' ranks."""

from typing import Any

import numpy as np
from jaxtyping import Float

from jaxnn.sweeps.results.columns import Column

_TREES, _SHUFFLES, _FEWEST = 100, 10, 8


def importance(columns: tuple[Column, ...], scores: Float[np.ndarray, "trials"]) -> dict[str, float]:
    """The share of each hyper in what decides the score, largest first; the shares add up to 1.

    A random forest learns to predict the rank of a trial's score from its hypers; a hyper is as important as the
    prediction suffers when its values are shuffled among the trials. Ranks, because one diverged trial would outweigh
    all others; NaN ranks last.

    Args:
        columns: the hypers of the trials.
        scores: of the trials.

    Raises:
        ImportError: without scikit-learn.
        ValueError: fewer than 8 trials.

    References:
        Breiman (2001), Random forests; Hutter, Hoos and Leyton-Brown (2014), for hyperparameters.
    """
    if len(scores) < _FEWEST:
        raise ValueError(f"importance: at least {_FEWEST} trials are needed to tell hypers apart, not {len(scores)}")
    try:
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.inspection import permutation_importance
    except ImportError as error:
        raise ImportError("importance grows a forest with scikit-learn: pip install 'jaxnn[datasets]'") from error
    table = np.stack([column.values for column in columns], axis=1)
    ranks = _ranks(scores)
    forest = RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=0).fit(table, ranks)
    shuffled: Any = permutation_importance(forest, table, ranks, n_repeats=_SHUFFLES, random_state=0)
    drops = shuffled.importances_mean.clip(min=0)
    shares = drops / max(drops.sum(), np.finfo(float).tiny)
    order = np.argsort(-shares, kind="stable")
    return {columns[i].path: float(shares[i]) for i in order}


def _ranks(scores: np.ndarray) -> np.ndarray:
    """0 for the worst; equal scores share the mean of their places."""
    comparable = np.where(np.isnan(scores), -np.inf, scores)
    _, group, counts = np.unique(comparable, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    return ((2 * ends - counts - 1) / 2)[group]
