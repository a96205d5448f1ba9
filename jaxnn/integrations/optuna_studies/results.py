"""The result of a trial as a trial of Optuna."""

import datetime
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from jaxnn.sweeps.engine.trial import TrialResult


def freeze(
    result: TrialResult,
    objectives: Sequence[str],
    params: dict[str, Any],
    distributions: dict[str, BaseDistribution],
    system_attrs: dict[str, Any],
) -> FrozenTrial:
    """Returns a trial of Optuna that has ended as a trial of a sweep has.

    A trial that finished is complete, and so is one that its stopping rule ended. One that a scheduler stopped is
    pruned. One that failed or diverged, or whose objectives are not finite, has failed. Intermediate values are the
    scores of all epochs that were evaluated, and only of a study with one objective.
    """
    values = [_read(result, name) for name in objectives]
    is_finite = all(map(math.isfinite, values))
    attrs = result.metrics | {"trial": result.trial, "status": result.status, "epochs": result.epochs}
    reason = result.reason or ("" if is_finite else f"{', '.join(objectives)} is {values}")
    ended = create_trial(
        state=TrialState.FAIL,
        params=params,
        distributions=distributions,
        system_attrs=system_attrs,
        user_attrs=_drop_nan(attrs) | ({"reason": reason} if reason else {}),
        intermediate_values=_curve(result) if len(values) == 1 else {},
    )
    if result.has_params and is_finite:
        ended.state = TrialState.PRUNED if result.stopped_by_scheduler else TrialState.COMPLETE
        ended.values = values
    assert ended.datetime_complete is not None
    ended.datetime_start = ended.datetime_complete - datetime.timedelta(seconds=result.seconds)
    return ended


def _read(result: TrialResult, objective: str) -> float:
    if objective == "score":
        return float(result.score)
    if objective not in result.metrics:
        raise ValueError(f"optuna: the sweep has no metric {objective!r}, but {list(result.metrics)}")
    return result.metrics[objective]


def _curve(result: TrialResult) -> dict[int, float]:
    scores = result.curves.scores.mean(axis=0)
    return {int(epoch) + 1: float(scores[epoch]) for epoch in np.flatnonzero(np.isfinite(scores))}


def _drop_nan(attrs: dict[str, Any]) -> dict[str, Any]:
    """Returns attributes without numbers that JSON does not have."""
    return {name: value for name, value in attrs.items() if not isinstance(value, float) or math.isfinite(value)}
