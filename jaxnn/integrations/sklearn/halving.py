"""Successive halving: all candidates train for a few epochs, and the best of them for more."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxnn.sweeps.schedulers.successive_halving import Asha


def halve(
    evaluate: Callable[..., dict[str, Any]],
    candidates: list[dict[str, Any]],
    scheduler: Asha,
    limit: tuple[str, int],
    metric: str,
) -> None:
    """Evaluates candidates, and then the best of them with more epochs, up to the limit.

    Args:
        evaluate: `evaluate(candidates, more_results=…) -> cv_results_` of all candidates so far.
        candidates: the parameters of each.
        scheduler: the first number of epochs, and by how much it grows.
        limit: the name of the parameter that limits the epochs, and its largest value.
        metric: the column of the results to compare by, higher is better.

    Raises:
        ValueError: several scores, of which `refit` names none, or candidates that differ in the limit.
    """
    name, most = limit
    if any(name in candidate for candidate in candidates):
        raise ValueError(f"SweepSearchCV: a scheduler sets {name}, so that it cannot be searched")
    for rung in itertools.count():
        epochs = min(scheduler.first_rung(most) * scheduler.reduction_factor**rung, most)
        count = len(candidates)
        columns = {"iter": [rung] * count, "n_resources": [epochs] * count}
        results = evaluate([candidate | {name: epochs} for candidate in candidates], more_results=columns)
        if metric not in results:
            raise ValueError("SweepSearchCV: a scheduler compares by one score, which refit= must name")
        if epochs == most:
            return
        scores = np.nan_to_num(results[metric][-count:], nan=-np.inf)
        kept = np.argsort(-scores, kind="stable")[: max(count // scheduler.reduction_factor, 1)]
        candidates = [candidates[i] for i in sorted(kept)]


def find_best_of_last(results: dict[str, Any], metric: str) -> int:
    """Returns the best candidate of the last iteration; the first of them if no score is finite."""
    last = np.flatnonzero(results["iter"] == np.max(results["iter"]))
    return int(last[np.argmax(np.nan_to_num(results[metric][last], nan=-np.inf))])
