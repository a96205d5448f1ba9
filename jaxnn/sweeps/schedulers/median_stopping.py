"""The median stopping rule."""

import bisect
import math
from typing import Any, NamedTuple

from jaxtyping import Array

from jaxnn._checks.arrays import check_whole
from jaxnn.sweeps.schedulers.base import Continue, Decision, Stop, TrialScheduler, to_rankable


class MedianStopping(NamedTuple):
    """See `median_stopping`."""

    interval: int
    grace_period: int
    min_trials: int

    def init(self, epochs: int, space: dict[str, Any], key: Array) -> TrialScheduler:
        del space, key
        return _Medians(self, epochs)


def median_stopping(*, interval: int = 1, grace_period: int = 5, min_trials: int = 5) -> MedianStopping:
    """A trial stops iff its best score so far is below the median of the other trials' running averages.

    The running average at an epoch is the mean of a trial's scores up to and including that epoch. The median is over
    all other trials that have reached the epoch, also those that have ended.

    Args:
        interval: epochs between two reports.
        grace_period: no trial stops before this epoch.
        min_trials: the least number of other trials that have reached the epoch before a trial may stop.

    Raises:
        ValueError: a number below 1.

    Example:
        >>> running = median_stopping(grace_period=1, min_trials=2).init(10, {}, jax.random.key(0))
        >>> [running.report(trial, 1, score) for trial, score in enumerate([0.5, 0.9, 0.8, 0.6])]
        [Continue(until=2), Continue(until=2), Continue(until=2), Stop()]

    References:
        Golovin, Solnik, Moitra, Kochanski, Karro and Sculley (2017), Google Vizier, section 3.2.2.
    """
    options = {"interval": interval, "grace_period": grace_period, "min_trials": min_trials}
    return MedianStopping(*(check_whole("median_stopping", name, value, least=1) for name, value in options.items()))


class _Medians(TrialScheduler):
    """The running averages at each epoch, in increasing order, and each trial's sum, count and best score."""

    def __init__(self, rule: MedianStopping, epochs: int) -> None:
        self._rule = rule
        self._epochs = epochs
        self._averages: dict[int, list[float]] = {}
        self._totals: dict[int, tuple[float, int, float]] = {}

    def start(self, trial: int) -> int:
        del trial
        return min(self._rule.interval, self._epochs)

    def report(self, trial: int, epoch: int, score: float) -> Decision:
        score = to_rankable(score)
        total, count, best = self._totals.get(trial, (0.0, 0, -math.inf))
        total, count, best = total + score, count + 1, max(best, score)
        self._totals[trial] = total, count, best
        others = self._averages.setdefault(epoch, [])
        comparable = epoch >= self._rule.grace_period and len(others) >= self._rule.min_trials
        worse = comparable and best < _median(others)
        bisect.insort(others, to_rankable(total / count))
        return Stop() if worse or epoch >= self._epochs else Continue(min(epoch + self._rule.interval, self._epochs))


def _median(increasing: list[float]) -> float:
    middle = len(increasing) // 2
    return increasing[middle] if len(increasing) % 2 else (increasing[middle - 1] + increasing[middle]) / 2
