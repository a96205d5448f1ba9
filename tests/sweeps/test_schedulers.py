"""Schedulers, decision by decision, against references written from the papers' rules in plain Python."""

import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.recorded_curves import init_scheduler, make_curves, run_trials
from helpers.scheduler_references import hyperband_brackets, reference_asha, reference_hyperband, reference_median
from jaxnn.sweeps.schedulers.base import (
    Continue,
    Copy,
    Scheduler,
    Stop,
    TrialScheduler,
    report_trial,
    start_trial,
    warn_of_late_rungs,
)
from jaxnn.sweeps.schedulers.median_stopping import median_stopping
from jaxnn.sweeps.schedulers.population_based import population_based
from jaxnn.sweeps.schedulers.successive_halving import asha, hyperband
from jaxnn.sweeps.space.space import Setting

HALVING = {
    "asha": (asha(grace_period=1), 30, lambda trial_scheduler: reference_asha(1, 3, 30)),
    "asha, from a ninth": (asha(), 30, lambda trial_scheduler: reference_asha(3, 3, 30)),
    "asha, last rung one below": (
        asha(grace_period=1, reduction_factor=2),
        17,
        lambda trial_scheduler: reference_asha(1, 2, 17),
    ),
    "asha, last rung not below": (
        asha(grace_period=2, reduction_factor=4),
        32,
        lambda trial_scheduler: reference_asha(2, 4, 32),
    ),
    "asha, no rung": (asha(grace_period=9), 9, lambda trial_scheduler: reference_asha(9, 3, 9)),
    "hyperband": (hyperband(), 27, lambda trial_scheduler: reference_hyperband(3, 1, 27, trial_scheduler)),
    "hyperband, rounded": (
        hyperband(reduction_factor=2, grace_period=3),
        25,
        lambda trial_scheduler: reference_hyperband(2, 3, 25, trial_scheduler),
    ),
    "hyperband, one bracket": (
        hyperband(grace_period=9),
        5,
        lambda trial_scheduler: reference_hyperband(3, 9, 5, trial_scheduler),
    ),
    "median": (median_stopping(), 15, lambda trial_scheduler: reference_median(1, 5, 5, 15)),
    "median, sparse": (
        median_stopping(interval=4, grace_period=1, min_trials=1),
        15,
        lambda trial_scheduler: reference_median(4, 1, 1, 15),
    ),
}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", HALVING)
def test_every_decision_matches_the_reference(name: str, seed: int) -> None:
    scheduler, epochs, make_reference = HALVING[name]
    trial_scheduler = init_scheduler(scheduler, epochs, trials=80)
    reference = make_reference(trial_scheduler)
    reports = run_trials(trial_scheduler, make_curves(80, epochs, seed), seed)
    for i, report in enumerate(reports):
        assert report[3] == reference(reports[:i], report), f"report {i}: {report}"
    stopped = sum(isinstance(decision, Stop) and epoch < epochs for _, epoch, _, decision in reports)
    assert 5 < stopped < 80 or "no rung" in name or "one bracket" in name


ALL = {
    **{name: row[:2] for name, row in HALVING.items()},
    "population": (population_based(perturbation_interval=4), 18),
}


@pytest.mark.parametrize("name", ALL)
def test_the_same_reports_give_the_same_decisions(name: str) -> None:
    scheduler, epochs = ALL[name]
    reports = run_trials(init_scheduler(scheduler, epochs, trials=60), make_curves(60, epochs, 0), 0)
    again = init_scheduler(scheduler, epochs, trials=60)
    assert [again.report(trial, epoch, score) for trial, epoch, score, _ in reports] == [
        report[3] for report in reports
    ]


@pytest.mark.parametrize("name", ALL)
def test_every_trial_ends_by_the_last_epoch(name: str) -> None:
    scheduler, _ = ALL[name]
    assert isinstance(scheduler, Scheduler)
    assert scheduler == type(scheduler)(*scheduler)
    for epochs in (1, 2, 7):
        trial_scheduler = init_scheduler(scheduler, epochs, trials=30)
        assert isinstance(trial_scheduler, TrialScheduler)
        reports = run_trials(trial_scheduler, make_curves(30, epochs, 0), 0)
        assert max(epoch for _, epoch, _, _ in reports) <= epochs
        assert all(report[3] == Stop() for report in reports if report[1] == epochs)


@given(st.permutations(range(30)), st.integers(2, 4), st.integers(1, 3))
def test_asha_never_stops_the_best_trial_where_scores_are_constant(
    order: list[int], reduction_factor: int, grace_period: int
) -> None:
    trial_scheduler = init_scheduler(asha(grace_period=grace_period, reduction_factor=reduction_factor), 40)
    for score in order:
        epoch, decision = trial_scheduler.start(score), None
        while not isinstance(decision, Stop):
            decision = trial_scheduler.report(score, epoch, float(score))
            if score == 29:
                assert epoch == 40 or isinstance(decision, Continue)
            epoch = getattr(decision, "until", epoch)


def continues(trial_scheduler: TrialScheduler, scores: list[float]) -> list[bool]:
    """Returns which trials continue, where each reports its score at epoch 1."""
    decisions = [trial_scheduler.report(trial, 1, score) for trial, score in enumerate(scores)]
    return [isinstance(decision, Continue) for decision in decisions]


def test_ties_continue_and_scores_that_are_not_finite_are_the_worst() -> None:
    scores = [0.5, 0.5, 0.5, math.nan, -1e30, 0.5, math.inf]
    trial_scheduler = init_scheduler(asha(reduction_factor=2), 10)
    assert continues(trial_scheduler, scores) == [True, True, True, False, False, True, False]
    trial_scheduler = init_scheduler(median_stopping(grace_period=1, min_trials=1), 10)
    assert continues(trial_scheduler, [-5.0, math.nan, -5.0, -6.0]) == [True, False, True, False]


def test_hyperband_deals_trials_to_brackets_in_the_papers_proportions() -> None:
    brackets = hyperband_brackets(3, 1, 81)
    assert [count for count, _ in brackets] == [5, 8, 15, 34, 81]  # the paper's table 1
    trial_scheduler = init_scheduler(hyperband(), 81)
    starts = [trial_scheduler.start(trial) for trial in range(143)]
    assert starts[0] == 1
    for s, (count, rungs) in enumerate(brackets):
        in_bracket = np.array(starts) == (rungs or [81])[0]
        assert in_bracket.sum() == count
        # After any number of trials each bracket has its share, to within one and a half trials.
        assert abs(in_bracket.cumsum() - np.arange(1, 144) * count / 143).max() < 1.5, s
    assert [trial_scheduler.start(143 + trial) for trial in range(143)] == starts


@pytest.mark.parametrize("name", ["asha", "hyperband", "median, sparse", "population"])
def test_thousands_of_trials_take_seconds(name: str, as_installed: None) -> None:
    trial_scheduler = init_scheduler(ALL[name][0], 20, trials=5000)
    scores, count = np.random.default_rng(0).random(5000).tolist(), 0
    next_reports = {trial: trial_scheduler.start(trial) for trial in range(5000)}
    start = time.process_time()
    while next_reports:
        for trial, epoch in list(next_reports.items()):
            decision, count = trial_scheduler.report(trial, epoch, scores[trial]), count + 1
            if isinstance(decision, Stop):
                del next_reports[trial]
            else:
                next_reports[trial] = decision.until
    assert count > 5000
    assert time.process_time() - start < 3


def with_two_trials() -> TrialScheduler:
    return init_scheduler(population_based(perturbation_interval=2), 10, trials=2)


class Fixed(TrialScheduler):
    """A scheduler of a user, with one answer to everything."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def start(self, trial: int) -> Any:
        return self.answer

    def report(self, trial: int, epoch: int, score: float) -> Any:
        return self.answer


def test_valid_answers_of_a_users_scheduler_pass() -> None:
    assert start_trial(Fixed(3), 0, Setting((), {})) == 3
    for decision in (Stop(), Continue(8), Copy(1, {}, 9)):
        assert report_trial(Fixed(decision), 0, 7, 0.5) == decision


ERRORS = {
    "start": (
        lambda: start_trial(Fixed(0), 0, Setting((), {})),
        ValueError,
        r"scheduler.start\(trial\) must be at least 1, not 0",
    ),
    "no decision": (
        lambda: report_trial(Fixed(None), 0, 7, 0.5),
        TypeError,
        "scheduler.report must return Continue, Stop or Copy, not None",
    ),
    "until now": (
        lambda: report_trial(Fixed(Continue(7)), 0, 7, 0.5),
        ValueError,
        "until, the epoch of the next report, must be at least 8, not 7",
    ),
    "grace period": (lambda: asha(grace_period=0), ValueError, "asha: grace_period must be at least 1, not 0"),
    "reduction factor": (
        lambda: asha(reduction_factor=1),
        ValueError,
        "asha: reduction_factor must be at least 2, not 1",
    ),
    "fractional reduction factor": (
        lambda: hyperband(reduction_factor=2.5),
        TypeError,
        "hyperband: reduction_factor must be a whole number, not 2.5",
    ),
    "hyperband grace period": (
        lambda: hyperband(grace_period=0),
        ValueError,
        "hyperband: grace_period must be at least 1",
    ),
    "interval": (
        lambda: median_stopping(interval=0),
        ValueError,
        "median_stopping: interval must be at least 1, not 0",
    ),
    "median grace period": (
        lambda: median_stopping(grace_period=-1),
        ValueError,
        "median_stopping: grace_period must be at least 1, not -1",
    ),
    "min trials": (
        lambda: median_stopping(min_trials=0),
        ValueError,
        "median_stopping: min_trials must be at least 1, not 0",
    ),
    "perturbation interval": (
        lambda: population_based(perturbation_interval=0),
        ValueError,
        "population_based: perturbation_interval must be at least 1",
    ),
    "quantile fraction": (
        lambda: population_based(perturbation_interval=1, quantile_fraction=0.6),
        ValueError,
        r"lie in \(0, 0.5\], not 0.6",
    ),
    "perturbation factor": (
        lambda: population_based(perturbation_interval=1, perturbation_factor=1.0),
        ValueError,
        "perturbation_factor must be above 1 .* not 1.0",
    ),
    "between rungs": (
        lambda: init_scheduler(asha(grace_period=1), 20).report(4, 2, 0.5),
        ValueError,
        r"trial 4 reports at .*\[1, 3, 9, 20\], not at 2",
    ),
    "after the end": (lambda: init_scheduler(asha(grace_period=1), 20).report(4, 21, 0.5), ValueError, "not at 21"),
    "unknown trial": (lambda: with_two_trials().report(2, 2, 0.5), ValueError, "trial 2 reports, but add"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, as_installed: None) -> None:
    call, kind, message = ERRORS[name]
    with pytest.raises(kind, match=message):
        call()


def test_a_grace_period_that_no_trial_reaches_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="the scheduler stops no trial: its grace_period=9 must be below epochs=9"):
        warn_of_late_rungs(asha(grace_period=9), 9)
    for scheduler in (None, asha(grace_period=8), asha(), population_based(perturbation_interval=9)):
        warn_of_late_rungs(scheduler, 9)
