"""Schedulers, decision by decision, against references written from the papers' rules in plain Python.

A reference sees the whole list of reports so far and works the answer out afresh; it shares no code with jaxnn.
"""

import math
import statistics
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxnn.sweeps.decisions import Continue, Copy, Decision, Judge, Scheduler, Stop
from jaxnn.sweeps.distributions import integers, log_uniform, normal, quantized, uniform
from jaxnn.sweeps.population import population_based
from jaxnn.sweeps.samplers import make_sampler
from jaxnn.sweeps.schedulers import asha, hyperband, median_stopping
from jaxnn.sweeps.space import Setting, active, choice

SPACE = {"rate": log_uniform(1e-3, 1.0), "warmup": integers(0, 9), "width": choice(8, 16)}
Report = tuple[int, int, float, Decision]


def begin(scheduler: Scheduler, epochs: int, *, trials: int = 0, space: dict | None = None, seed: int = 0) -> Judge:
    """The running object, with the trials added in order."""
    space = space or SPACE
    running = scheduler.begin(epochs, space, jax.random.key(seed))
    for trial, setting in enumerate(make_sampler("random", space, jax.random.key(1), trials or 1).ask(trials)):
        running.add(trial, setting)
    return running


def recorded_curves(trials: int, epochs: int, seed: int) -> np.ndarray:
    """Scores that rise to a level of the trial's own and cross on the way, with ties and a few NaN."""
    rng = np.random.default_rng(seed)
    levels, rates = rng.random((trials, 1)), rng.uniform(0.05, 1, (trials, 1))
    curves = levels * (1 - np.exp(-rates * np.arange(epochs + 1))) + 0.05 * rng.normal(size=(trials, epochs + 1))
    curves = (64 * curves).round() / 64  # sums of these are exact: a running mean is the mean
    curves[rng.random(curves.shape) < 0.02] = np.nan
    return curves


def play(running: Judge, curves: np.ndarray, seed: int, lanes: int = 12) -> list[Report]:
    """All reports, with the answers; the lanes come to their next report in an order of chance."""
    rng = np.random.default_rng(seed)
    waiting = list(range(len(curves)))
    until: dict[int, int] = {}
    reports = []
    while waiting or until:
        while waiting and len(until) < lanes:
            trial = waiting.pop(0)
            until[trial] = running.start(trial)
        trial = int(rng.choice(list(until)))
        epoch, score = until[trial], float(curves[trial, until[trial]])
        decision = running.report(trial, epoch, score)
        reports.append((trial, epoch, score, decision))
        if isinstance(decision, Stop):
            del until[trial]
        else:
            assert decision.until > epoch
            until[trial] = decision.until
    return reports


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


def reference_hyperband(reduction: int, first: int, epochs: int, running: Judge) -> Callable:
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


HALVING = {
    "asha": (asha(), 30, lambda running: reference_asha(1, 3, 30)),
    "asha, last rung one below": (asha(first=1, reduction=2), 17, lambda running: reference_asha(1, 2, 17)),
    "asha, last rung not below": (asha(first=2, reduction=4), 32, lambda running: reference_asha(2, 4, 32)),
    "asha, no rung": (asha(first=9), 9, lambda running: reference_asha(9, 3, 9)),
    "hyperband": (hyperband(), 27, lambda running: reference_hyperband(3, 1, 27, running)),
    "hyperband, rounded": (
        hyperband(reduction=2, first=3),
        25,
        lambda running: reference_hyperband(2, 3, 25, running),
    ),
    "hyperband, one bracket": (hyperband(first=9), 5, lambda running: reference_hyperband(3, 9, 5, running)),
    "median": (median_stopping(), 15, lambda running: reference_median(1, 5, 5, 15)),
    "median, sparse": (
        median_stopping(every=4, grace=1, least=1),
        15,
        lambda running: reference_median(4, 1, 1, 15),
    ),
}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", HALVING)
def test_every_decision_is_the_references(name: str, seed: int) -> None:
    scheduler, epochs, make_reference = HALVING[name]
    running = begin(scheduler, epochs, trials=80)
    reference = make_reference(running)
    reports = play(running, recorded_curves(80, epochs, seed), seed)
    for i, report in enumerate(reports):
        assert report[3] == reference(reports[:i], report), f"report {i}: {report}"
    stopped = sum(isinstance(decision, Stop) and epoch < epochs for _, epoch, _, decision in reports)
    assert 5 < stopped < 80 or "no rung" in name or "one bracket" in name


ALL = {**{name: row[:2] for name, row in HALVING.items()}, "population": (population_based(every=4), 18)}


@pytest.mark.parametrize("name", ALL)
def test_the_same_calls_give_the_same_answers(name: str) -> None:
    scheduler, epochs = ALL[name]
    curves = recorded_curves(60, epochs, 0)
    reports = play(begin(scheduler, epochs, trials=60), curves, 0)
    again = begin(scheduler, epochs, trials=60)
    assert [again.report(trial, epoch, score) for trial, epoch, score, _ in reports] == [
        report[3] for report in reports
    ]


@pytest.mark.parametrize("name", ALL)
def test_every_trial_ends_at_the_last_epoch_at_the_latest(name: str) -> None:
    scheduler, _ = ALL[name]
    assert isinstance(scheduler, Scheduler)
    assert scheduler == type(scheduler)(*scheduler)
    for epochs in (1, 2, 7):
        running = begin(scheduler, epochs, trials=30)
        assert isinstance(running, Judge)
        reports = play(running, recorded_curves(30, epochs, 0), 0)
        assert max(epoch for _, epoch, _, _ in reports) <= epochs
        assert all(report[3] == Stop() for report in reports if report[1] == epochs)


@given(st.permutations(range(30)), st.integers(2, 4), st.integers(1, 3))
def test_asha_never_stops_the_best_trial_where_scores_are_constant(
    order: list[int], reduction: int, first: int
) -> None:
    running = begin(asha(first=first, reduction=reduction), 40)
    for score in order:
        epoch, decision = running.start(score), None
        while not isinstance(decision, Stop):
            decision = running.report(score, epoch, float(score))
            if score == 29:
                assert epoch == 40 or isinstance(decision, Continue)
            epoch = getattr(decision, "until", epoch)


def test_ties_go_on_and_nan_is_the_worst() -> None:
    running = begin(asha(reduction=2), 10)
    scores = [0.5, 0.5, 0.5, math.nan, -1e30, 0.5, math.inf]
    answers = [isinstance(running.report(trial, 1, score), Continue) for trial, score in enumerate(scores)]
    assert answers == [True, True, True, False, False, True, True]
    running = begin(median_stopping(grace=1, least=1), 10)
    answers = [
        isinstance(running.report(trial, 1, score), Continue)
        for trial, score in enumerate([-5.0, math.nan, -5.0, -6.0])
    ]
    assert answers == [True, False, True, False]


def test_hyperband_deals_the_papers_numbers_evenly() -> None:
    brackets = hyperband_brackets(3, 1, 81)
    assert [count for count, _ in brackets] == [5, 8, 15, 34, 81]  # the paper's table 1
    running = begin(hyperband(), 81)
    starts = [running.start(trial) for trial in range(143)]
    for s, (count, rungs) in enumerate(brackets):
        mine = np.array(starts) == (rungs or [81])[0]
        assert mine.sum() == count
        assert starts[0] == 1
        # After any number of trials each bracket has its share, give or take one and a half.
        assert abs(mine.cumsum() - np.arange(1, 144) * count / 143).max() < 1.5, s
    assert [running.start(143 + trial) for trial in range(143)] == starts


# A population -------------------------------------------------------------------------------------------------------


def reference_candidates(fraction: float, settings: list[Setting], past: list[Report], now: Report) -> set[int]:
    """Jaderberg et al. (2017), truncation selection: whom the trial may copy; nobody, if it is not among the worst."""
    epochs, trial = 18, now[0]
    latest: dict[int, float] = {}
    for each, epoch, score, _ in [*past, now]:
        if settings[each].bucket == settings[trial].bucket:
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


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_population_based_decisions_are_the_references(fraction: float) -> None:
    running = begin(population_based(every=4, fraction=fraction), 18, trials=40)
    settings = make_sampler("random", SPACE, jax.random.key(1), 40).ask(40)
    reports = play(running, recorded_curves(40, 18, 0), 0, lanes=40)
    values = {trial: setting.values for trial, setting in enumerate(settings)}
    ups = []
    for i, report in enumerate(reports):
        trial, epoch, _, decision = report
        candidates = reference_candidates(fraction, settings, reports[:i], report)
        if epoch == 18 or not candidates:
            assert decision == (Stop() if epoch == 18 else Continue(min(epoch + 4, 18)))
            continue
        assert isinstance(decision, Copy)
        assert decision.parent in candidates
        assert decision.until == min(epoch + 4, 18)
        distributions = active(SPACE, settings[trial].bucket)
        assert decision.values.keys() == distributions.keys()
        for path, value in decision.values.items():
            options = [moved(values[decision.parent][path], up, distributions[path]) for up in (True, False)]
            assert value in options
            ups.append(value == options[0])
        values[trial] = decision.values
    assert len(ups) > 15
    assert 0.2 < np.mean(ups) < 0.8


def generation(trials: int, fraction: float, order: list[int]) -> dict[int, Decision]:
    """Lanes in step: all are observed, then all are judged, in this order. The trial's number is its score."""
    running = begin(population_based(every=2, fraction=fraction), 10, trials=trials, space={"rate": uniform(0, 1)})
    for trial in range(trials):
        running.observe(trial, float(trial))
    return {trial: running.report(trial, 2, float(trial)) for trial in order}


@pytest.mark.parametrize(
    # 0.28 · 25 is 7.000000000000001, and nobody is among the best and the worst at once.
    ("trials", "fraction", "size"),
    [(20, 0.25, 5), (25, 0.28, 7), (5, 0.5, 2), (5, 0.3, 2), (2, 0.1, 1), (1, 0.5, 0)],
)
def test_lanes_in_step_replace_exactly_the_worst_by_the_best(trials: int, fraction: float, size: int) -> None:
    answers = generation(trials, fraction, list(range(trials)))
    parents = {trial: answer.parent for trial, answer in answers.items() if isinstance(answer, Copy)}
    assert set(parents) == set(range(size))
    assert set(parents.values()) <= set(range(trials - size, trials))
    # Each trial draws for itself, and the same whatever the order in which the others report.
    assert size < 5 or len(set(parents.values())) > 1
    assert generation(trials, fraction, list(range(trials))[::-1]) == answers


def test_every_one_of_the_best_is_copied_in_time_and_another_key_copies_others() -> None:
    parents: dict[int, list[int]] = {}
    for seed in (0, 1):
        running = begin(population_based(every=1), 1000, trials=16, space={"rate": uniform(0, 1)}, seed=seed)
        for trial in range(16):
            running.observe(trial, float(-trial))
        parents[seed] = [running.report(15, epoch, -15.0).parent for epoch in range(1, 100)]
        assert set(parents[seed]) == {0, 1, 2, 3}
    assert parents[0] != parents[1]


def test_values_are_clipped_and_never_stuck_on_a_grid() -> None:
    space = {
        "a": uniform(0.9, 1.0),
        "b": quantized(0, 1, 0.25),
        "c": integers(-3, 3),
        "d": normal(0, 1),
        "w": choice(1),
    }
    running = population_based(every=1).begin(50, space, jax.random.key(0))
    bucket = (("w", 0),)
    running.add(0, Setting(bucket, {"a": 0.95, "b": 0.0, "c": -1.0, "d": 2.0}))
    running.add(1, Setting(bucket, {"a": 0.9, "b": 1.0, "c": 3.0, "d": 0.0}))
    running.report(0, 1, 1.0)
    found = [running.report(1, epoch, 0.0).values for epoch in range(1, 49)]
    assert {each["a"] for each in found} == {0.9, 1.0}
    assert {each["b"] for each in found} == {0.0, 0.25}
    assert {each["c"] for each in found} == {-2.0, 0.0}
    assert {each["d"] for each in found} == {2.0 * 1.2, 2.0 / 1.2}


def test_nobody_copies_a_diverged_or_an_equal_trial_or_another_bucket() -> None:
    space = {"rate": uniform(0, 1), "width": choice(8, 16)}
    running = population_based(every=1, fraction=0.5).begin(9, space, jax.random.key(0))
    for trial, option in enumerate([0, 0, 1, 1]):
        running.add(trial, Setting((("width", option),), {"rate": 0.5}))
    assert running.report(0, 1, math.nan) == running.report(1, 1, math.nan) == Continue(2)
    assert running.report(2, 1, 0.5) == running.report(3, 1, 0.5) == Continue(2)
    answer = running.report(1, 2, 0.1)
    assert answer == Continue(3)
    answer = running.report(0, 2, math.nan)
    assert isinstance(answer, Copy)
    assert answer.parent == 1
    # A trial that is done has given its lane back.
    assert running.report(1, 9, 0.9) == Stop()
    assert running.report(0, 3, math.nan) == Continue(4)


@pytest.mark.parametrize("name", ["asha", "hyperband", "median, sparse", "population"])
def test_thousands_of_trials_are_judged_in_seconds(name: str, as_installed: None) -> None:
    running = begin(ALL[name][0], 20, trials=5000)
    scores, count = np.random.default_rng(0).random(5000).tolist(), 0
    until = {trial: running.start(trial) for trial in range(5000)}
    start = time.process_time()
    while until:
        for trial, epoch in list(until.items()):
            decision, count = running.report(trial, epoch, scores[trial]), count + 1
            if isinstance(decision, Stop):
                del until[trial]
            else:
                until[trial] = decision.until
    assert count > 5000
    assert time.process_time() - start < 3


def added() -> Judge:
    return begin(population_based(every=2), 10, trials=2)


ERRORS = {
    "first": (lambda: asha(first=0), ValueError, "asha: first must be at least 1, not 0"),
    "reduction": (lambda: asha(reduction=1), ValueError, "asha: reduction must be at least 2, not 1"),
    "fractional": (lambda: hyperband(reduction=2.5), TypeError, "hyperband: reduction must be a whole number, not 2.5"),
    "bracket": (lambda: hyperband(first=0), ValueError, "hyperband: first must be at least 1"),
    "every": (lambda: median_stopping(every=0), ValueError, "median_stopping: every must be at least 1, not 0"),
    "grace": (lambda: median_stopping(grace=-1), ValueError, "median_stopping: grace must be at least 1, not -1"),
    "least": (lambda: median_stopping(least=0), ValueError, "median_stopping: least must be at least 1, not 0"),
    "generation": (lambda: population_based(every=0), ValueError, "population_based: every must be at least 1"),
    "fraction": (lambda: population_based(every=1, fraction=0.6), ValueError, r"lie in \(0, 0.5\], not 0.6"),
    "factor": (lambda: population_based(every=1, factor=1.0), ValueError, "factor must be above 1 .* not 1.0"),
    "rung": (
        lambda: begin(asha(), 20).report(4, 2, 0.5),
        ValueError,
        r"trial 4 is judged at .*\[1, 3, 9, 20\], not at 2",
    ),
    "past": (lambda: begin(asha(), 20).report(4, 21, 0.5), ValueError, "not at 21"),
    "stranger": (lambda: added().report(2, 2, 0.5), ValueError, "trial 2 reports, but add"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, as_installed: None) -> None:
    call, kind, message = ERRORS[name]
    with pytest.raises(kind, match=message):
        call()
