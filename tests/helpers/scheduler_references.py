"""The papers' rules for stopping and copying trials, in plain Python.

Each sees the whole list of reports so far and works the answer out afresh; it shares no code with jaxnn.
"""

import math
import statistics
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from jaxnn.sweeps.schedulers.base import Continue, Decision, Stop, TrialScheduler
from jaxnn.sweeps.space.space import Setting

# Trial, epoch, score, answer.
Report = tuple[int, int, float, Decision]


def number(score: float) -> float:
    return -math.inf if score != score else score


def reference_rungs(rungs: list[int], epochs: int, reduction: int, past: list[Report], now: Report) -> Decision:
    """Li et al. (2020): on iff among the top floor(n / reduction) of the rung; on while there are too few to tell."""
    _, epoch, score, _ = now
    if epoch == epochs:
        return Stop()
    scores = sorted((number(other) for _, at, other, _ in [*past, now] if at == epoch), reverse=True)
    top = scores[: len(scores) // reduction]
    later = min([rung for rung in rungs if rung > epoch], default=epochs)
    return Continue(later) if not top or number(score) >= min(top) else Stop()


def reference_asha(first: int, reduction: int, epochs: int) -> Callable[[list[Report], Report], Decision]:
    rungs = [first * reduction**k for k in range(20) if first * reduction**k < epochs]
    return lambda past, now: reference_rungs(rungs, epochs, reduction, past, now)


def hyperband_brackets(reduction: int, first: int, epochs: int) -> list[tuple[int, list[int]]]:
    """Li et al. (2018), algorithm 1: of each bracket s, n_s and the epochs r_s η^i at which it halves."""
    s_max = max([s for s in range(20) if Fraction(epochs, reduction**s) >= first], default=0)
    return [
        (
            math.ceil(Fraction((s_max + 1) * reduction**s, s + 1)),
            [math.floor(Fraction(epochs, reduction**s) * reduction**i) for i in range(s)],
        )
        for s in range(s_max + 1)
    ]


def reference_hyperband(reduction: int, first: int, epochs: int, running: TrialScheduler) -> Callable:
    brackets = {(rungs or [epochs])[0]: rungs for _, rungs in hyperband_brackets(reduction, first, epochs)}

    def answer(past: list[Report], now: Report) -> Decision:
        mine = running.start(now[0])
        return reference_rungs(
            brackets[mine], epochs, reduction, [each for each in past if running.start(each[0]) == mine], now
        )

    return answer


def reference_median(every: int, grace: int, least: int, epochs: int) -> Callable[[list[Report], Report], Decision]:
    """Golovin et al. (2017): stop iff the best so far is strictly worse than the median of the running averages."""

    def answer(past: list[Report], now: Report) -> Decision:
        trial, epoch, _, _ = now
        curves: dict[int, dict[int, float]] = {}
        for each, at, score, _ in [*past, now]:
            curves.setdefault(each, {})[at] = number(score)
        mine = curves.pop(trial)
        averages = [
            statistics.fmean(score for at, score in curve.items() if at <= epoch)
            for curve in curves.values()
            if epoch in curve
        ]
        enough = epoch >= grace and len(averages) >= least
        if epoch == epochs or (enough and max(mine.values()) < statistics.median(averages)):
            return Stop()
        return Continue(min(epoch + every, epochs))

    return answer


def reference_candidates(fraction: float, settings: list[Setting], past: list[Report], now: Report) -> set[int]:
    """Jaderberg et al. (2017), truncation selection: whom the trial may copy; nobody, if it is not among the worst."""
    epochs, trial = 18, now[0]
    latest: dict[int, float] = {}
    for each, epoch, score, _ in [*past, now]:
        if settings[each].choices == settings[trial].choices:
            latest[each] = number(score)
            if epoch == epochs:
                del latest[each]
    ranking = sorted(latest, key=lambda each: (-latest[each], each))
    size = min(math.ceil(round(fraction * len(ranking), 9)), len(ranking) // 2)
    if trial not in ranking[len(ranking) - size :]:
        return set()
    return {each for each in ranking[:size] if latest[each] > latest[trial]}


def moved(value: float, up: bool, distribution: Any) -> float:
    """Times or divided by 1.2; whole numbers move by one at least, away from or towards zero."""
    target = value * 1.2 if up else value / 1.2
    if hasattr(distribution, "step"):
        target = max(target, value + 1) if up else min(target, value - 1)
        return float(min(max(round(target), distribution.low), distribution.high))
    return min(max(target, distribution.low), distribution.high)
