"""The papers' rules for stopping and copying trials, in plain Python.

Each reads the whole list of reports so far and computes its decision from scratch; it shares no code with jaxnn.
"""

import math
import statistics
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from jaxnn.sweeps.schedulers.base import Continue, Decision, Stop, TrialScheduler
from jaxnn.sweeps.space.space import Setting

# Trial, epoch, score, decision.
Report = tuple[int, int, float, Decision]


def rankable(score: float) -> float:
    """Replaces NaN by minus infinity."""
    return -math.inf if score != score else score


def reference_rungs(
    rungs: list[int], epochs: int, reduction_factor: int, earlier: list[Report], report: Report
) -> Decision:
    """Li et al. (2020): continue iff among the top floor(n / η) of the rung, or if the rung has fewer than η trials."""
    _, epoch, score, _ = report
    if epoch == epochs:
        return Stop()
    scores = sorted((rankable(other) for _, at, other, _ in [*earlier, report] if at == epoch), reverse=True)
    top = scores[: len(scores) // reduction_factor]
    later = min([rung for rung in rungs if rung > epoch], default=epochs)
    return Continue(later) if not top or rankable(score) >= min(top) else Stop()


def reference_asha(grace_period: int, reduction_factor: int, epochs: int) -> Callable[[list[Report], Report], Decision]:
    rungs = [grace_period * reduction_factor**k for k in range(20) if grace_period * reduction_factor**k < epochs]
    return lambda earlier, report: reference_rungs(rungs, epochs, reduction_factor, earlier, report)


def hyperband_brackets(reduction_factor: int, grace_period: int, epochs: int) -> list[tuple[int, list[int]]]:
    """Li et al. (2018), algorithm 1: of each bracket s, n_s and the epochs r_s η^i at which it halves."""
    s_max = max([s for s in range(20) if Fraction(epochs, reduction_factor**s) >= grace_period], default=0)
    return [
        (
            math.ceil(Fraction((s_max + 1) * reduction_factor**s, s + 1)),
            [math.floor(Fraction(epochs, reduction_factor**s) * reduction_factor**i) for i in range(s)],
        )
        for s in range(s_max + 1)
    ]


def reference_hyperband(
    reduction_factor: int, grace_period: int, epochs: int, trial_scheduler: TrialScheduler
) -> Callable[[list[Report], Report], Decision]:
    brackets = {
        (rungs or [epochs])[0]: rungs for _, rungs in hyperband_brackets(reduction_factor, grace_period, epochs)
    }

    def decide(earlier: list[Report], report: Report) -> Decision:
        start = trial_scheduler.start(report[0])
        of_bracket = [other for other in earlier if trial_scheduler.start(other[0]) == start]
        return reference_rungs(brackets[start], epochs, reduction_factor, of_bracket, report)

    return decide


def reference_median(
    interval: int, grace_period: int, min_trials: int, epochs: int
) -> Callable[[list[Report], Report], Decision]:
    """Golovin et al. (2017): stop iff the best so far is strictly worse than the median of the running averages."""

    def decide(earlier: list[Report], report: Report) -> Decision:
        trial, epoch, _, _ = report
        curves: dict[int, dict[int, float]] = {}
        for other, at, score, _ in [*earlier, report]:
            curves.setdefault(other, {})[at] = rankable(score)
        own = curves.pop(trial)
        averages = [
            statistics.fmean(score for at, score in curve.items() if at <= epoch)
            for curve in curves.values()
            if epoch in curve
        ]
        enough = epoch >= grace_period and len(averages) >= min_trials
        if epoch == epochs or (enough and max(own.values()) < statistics.median(averages)):
            return Stop()
        return Continue(min(epoch + interval, epochs))

    return decide


def reference_parents(
    quantile_fraction: float, settings: list[Setting], earlier: list[Report], report: Report
) -> set[int]:
    """Jaderberg et al. (2017), truncation selection: the parents that the trial may copy.

    The set is empty if the trial is not among the worst.
    """
    epochs, trial = 18, report[0]
    latest: dict[int, float] = {}
    for other, epoch, score, _ in [*earlier, report]:
        if settings[other].choices == settings[trial].choices:
            latest[other] = rankable(score)
            if epoch == epochs:
                del latest[other]
    ranking = sorted(latest, key=lambda other: (-latest[other], other))
    size = min(math.ceil(round(quantile_fraction * len(ranking), 9)), len(ranking) // 2)
    if trial not in ranking[len(ranking) - size :]:
        return set()
    return {other for other in ranking[:size] if latest[other] > latest[trial]}


def perturb(value: float, up: bool, distribution: Any) -> float:
    """Multiplies or divides by 1.2; whole numbers change by at least one, up or down."""
    target = value * 1.2 if up else value / 1.2
    if hasattr(distribution, "step"):
        target = max(target, value + 1) if up else min(target, value - 1)
        return float(min(max(round(target), distribution.low), distribution.high))
    return min(max(target, distribution.low), distribution.high)
