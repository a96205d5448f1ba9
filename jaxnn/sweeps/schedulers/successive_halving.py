"""Early stopping of trials: successive halving, Hyperband and the median rule.

A scheduler is a small frozen config; `begin` gives the running object of one sweep (see `decisions.py`). All these
judge a trial by the scores of the trials that came before it, and nobody waits for the others.
"""

import bisect
import math
from typing import Any, NamedTuple

from jaxtyping import Array

from jaxnn._checks.arrays import check_whole
from jaxnn.sweeps.schedulers.base import Continue, Decision, Judge, Stop, ranked
from jaxnn.sweeps.space.space import Setting


class Asha(NamedTuple):
    """See `asha`."""

    first: int
    reduction: int

    def begin(self, epochs: int, space: dict[str, Any], key: Array) -> Judge:
        del space, key
        return _Brackets([_Rungs(_powers(self.first, self.reduction, epochs - 1), epochs, self.reduction)], [0])


class Hyperband(NamedTuple):
    """See `hyperband`."""

    reduction: int
    first: int

    def begin(self, epochs: int, space: dict[str, Any], key: Array) -> Judge:
        del space, key
        most = max(len(_powers(self.first, self.reduction, epochs)) - 1, 0)
        rungs = [[epochs // self.reduction**k for k in range(s, 0, -1)] for s in range(most + 1)]
        # n_s = ceil((s_max + 1) η^s / (s + 1)), in whole numbers.
        weights = [-(-(most + 1) * self.reduction**s // (s + 1)) for s in range(most + 1)]
        return _Brackets([_Rungs(each, epochs, self.reduction) for each in rungs], _deal(weights))


class MedianStopping(NamedTuple):
    """See `median_stopping`."""

    every: int
    grace: int
    least: int

    def begin(self, epochs: int, space: dict[str, Any], key: Array) -> Judge:
        del space, key
        return _Medians(self, epochs)


def asha(*, first: int = 1, reduction: int = 3) -> Asha:
    """A trial goes on from a rung iff its score is among the best 1 / reduction of the scores recorded there so far.

    Asynchronous successive halving in its stopping form: nobody waits for the others, and who stops does not come back.
    The rungs are first · reduction^k, as far as they lie below the sweep's epochs. Of n scores at a rung, the trial's
    own included, floor(n / reduction) are the best; a tie with the last of them goes on, and so does everyone while n
    is below `reduction`.

    Args:
        first: the first rung, in epochs.
        reduction: η, at least 2: about one in η trials goes on from each rung.

    Raises:
        ValueError: a first rung below 1, or a reduction below 2.

    Example:
        >>> running = asha(first=2, reduction=2).begin(10, {}, jax.random.key(0))
        >>> running.start(0), running.report(0, 2, 0.5), running.report(1, 2, 0.9), running.report(2, 2, 0.7)
        (2, Continue(until=4), Continue(until=4), Stop())

    References:
        Li, Jamieson, Rostamizadeh, Gonina, Hardt, Recht and Talwalkar (2020), A system for massively parallel
        hyperparameter tuning.
    """
    return Asha(check_whole("asha", "first", first, least=1), check_whole("asha", "reduction", reduction, least=2))


def hyperband(*, reduction: int = 3, first: int = 1) -> Hyperband:
    """Brackets s = 0 … s_max of `asha`, whose first rungs are epochs / reduction^s: a hedge against late bloomers.

    s_max is the largest s for which epochs / reduction^s is at least `first`; bracket 0 never stops a trial. Bracket s
    is dealt n_s = ceil((s_max + 1) reduction^s / (s + 1)) of every Σ n_s trials, as evenly spread as can be and by the
    trial's number alone. A rung that is not a whole number of epochs is rounded down. Each bracket judges its own.

    Args:
        reduction: η, at least 2.
        first: the least number of epochs at which a trial may be stopped.

    Raises:
        ValueError: a first rung below 1, or a reduction below 2.

    Example:
        >>> running = hyperband(reduction=3).begin(9, {}, jax.random.key(0))
        >>> [running.start(trial) for trial in range(6)]
        [1, 3, 1, 9, 1, 3]

    References:
        Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar (2018), Hyperband.
    """
    return Hyperband(
        check_whole("hyperband", "reduction", reduction, least=2), check_whole("hyperband", "first", first, least=1)
    )


def median_stopping(*, every: int = 1, grace: int = 5, least: int = 5) -> MedianStopping:
    """Stop iff the best score so far lies below the median of the other trials' running averages at this epoch.

    The running average is the mean of a trial's scores up to and including this epoch; those of the trials that have
    come as far take part, also where they stopped later or have ended.

    Args:
        every: the epochs between two reports.
        grace: no trial stops before this epoch.
        least: nor before this many others have come as far.

    Raises:
        ValueError: a number below 1.

    Example:
        >>> running = median_stopping(grace=1, least=2).begin(10, {}, jax.random.key(0))
        >>> [running.report(trial, 1, score) for trial, score in enumerate([0.5, 0.9, 0.8, 0.6])]
        [Continue(until=2), Continue(until=2), Continue(until=2), Stop()]

    References:
        Golovin, Solnik, Moitra, Kochanski, Karro and Sculley (2017), Google Vizier, section 3.2.2.
    """
    numbers = {"every": every, "grace": grace, "least": least}
    return MedianStopping(*(check_whole("median_stopping", name, n, least=1) for name, n in numbers.items()))


class _Rungs:
    """The scores recorded at each rung of one bracket, in rising order."""

    def __init__(self, rungs: list[int], epochs: int, reduction: int) -> None:
        self.stops = [*rungs, epochs]
        self._reduction = reduction
        self._scores: list[list[float]] = [[] for _ in rungs]

    def report(self, trial: int, epoch: int, score: float) -> Decision:
        rung = bisect.bisect_left(self.stops, epoch)
        if epoch not in self.stops[rung : rung + 1]:
            raise ValueError(f"report: trial {trial} is judged at the epochs {self.stops}, not at {epoch}")
        if rung == len(self._scores):
            return Stop()
        score, scores = ranked(score), self._scores[rung]
        bisect.insort(scores, score)
        best = len(scores) // self._reduction
        goes_on = best == 0 or score >= scores[-best]
        return Continue(self.stops[rung + 1]) if goes_on else Stop()


class _Brackets:
    """Trials dealt over brackets by their number, in a pattern that repeats."""

    def __init__(self, brackets: list[_Rungs], pattern: list[int]) -> None:
        self._brackets = brackets
        self._pattern = pattern

    def add(self, trial: int, setting: Setting) -> None:
        del trial, setting

    def start(self, trial: int) -> int:
        return self._of(trial).stops[0]

    def observe(self, trial: int, score: float) -> None:
        del trial, score

    def report(self, trial: int, epoch: int, score: float) -> Decision:
        return self._of(trial).report(trial, epoch, score)

    def _of(self, trial: int) -> _Rungs:
        return self._brackets[self._pattern[trial % len(self._pattern)]]


class _Medians:
    """The running averages of all trials at each epoch, in rising order, and each trial's sum, count and best."""

    def __init__(self, rule: MedianStopping, epochs: int) -> None:
        self._rule = rule
        self._epochs = epochs
        self._averages: dict[int, list[float]] = {}
        self._curves: dict[int, tuple[float, int, float]] = {}

    def add(self, trial: int, setting: Setting) -> None:
        del trial, setting

    def start(self, trial: int) -> int:
        del trial
        return min(self._rule.every, self._epochs)

    def observe(self, trial: int, score: float) -> None:
        del trial, score

    def report(self, trial: int, epoch: int, score: float) -> Decision:
        score = ranked(score)
        total, count, best = self._curves.get(trial, (0.0, 0, -math.inf))
        total, count, best = total + score, count + 1, max(best, score)
        self._curves[trial] = total, count, best
        others = self._averages.setdefault(epoch, [])
        judged = epoch >= self._rule.grace and len(others) >= self._rule.least
        worse = judged and best < _median(others)
        bisect.insort(others, ranked(total / count))
        return Stop() if worse or epoch >= self._epochs else Continue(min(epoch + self._rule.every, self._epochs))


def _median(rising: list[float]) -> float:
    middle = len(rising) // 2
    return rising[middle] if len(rising) % 2 else (rising[middle - 1] + rising[middle]) / 2


def _powers(first: int, reduction: int, most: int) -> list[int]:
    """first · reduction^k for k = 0, 1, …, up to and including `most`."""
    found = []
    while first <= most:
        found.append(first)
        first *= reduction
    return found


def _deal(weights: list[int]) -> list[int]:
    """Σ weights numbers, i standing there weights[i] times, the occurrences of each spread evenly."""
    total, credit, dealt = sum(weights), [0] * len(weights), []
    for _ in range(total):
        credit = [have + weight for have, weight in zip(credit, weights, strict=True)]
        # Ties go to the bracket with the most trials, which has the earliest rung.
        chosen = max(range(len(weights)), key=lambda i: (credit[i], i))
        credit[chosen] -= total
        dealt.append(chosen)
    return dealt
