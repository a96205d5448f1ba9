"""Samplers that are asked as lanes become free: what they are told and when, occupancy, several programs, resuming."""

import numpy as np
import pytest

import jaxnn as nn
from helpers.resumable_runs import WIDTHS, InjectedError, assert_same_sweep, sweep
from jaxnn.sweeps import AsynchronousSampler, settings_at
from jaxnn.sweeps.space.space import dimensions


class _Climber(AsynchronousSampler):
    """Samples around the quantiles of the best trial so far, and writes down all calls."""

    ask_limit = 5

    def __init__(self, space, calls):
        self.space, self.calls, self.quantiles, self.best = space, calls, [], (-np.inf, 0)
        self.generator = np.random.default_rng(0)

    def add(self, settings):
        self.calls.append(("add", len(settings)))
        self.quantiles += [np.full(len(dimensions(self.space)), 0.5)] * len(settings)

    def ask(self, n):
        self.calls.append(("ask", n))
        center = self.quantiles[self.best[1]] if self.quantiles else 0.5
        noise = self.generator.normal(0, 0.2, (n, len(dimensions(self.space))))
        quantiles = np.clip(center + noise, 0, 0.999)
        self.quantiles += list(quantiles)
        return settings_at(self.space, quantiles)

    def tell(self, results):
        self.calls.append(("tell", [result.trial for result in results]))
        self.best = max([self.best, *((result.rank, result.trial) for result in results)])

    def close(self):
        self.calls.append(("close", 0))


class Climber:
    def __init__(self, calls):
        self.calls = calls

    def init(self, space, key, lanes):
        self.calls.clear()
        return _Climber(space, self.calls)


def climb(directory=None, calls=None, **options):
    return sweep(directory, sampler=Climber([] if calls is None else calls), **options)


def check_calls(calls, first, trials, limit):
    """Checks the calls of one sweep: no more open trials than the limit, and each told once."""
    drawn = told = 0
    for kind, what in calls:
        if kind in ("add", "ask"):
            drawn += what
            assert drawn - told <= max(limit, first + 1)
        elif kind == "tell":
            assert what == sorted(what)
            assert max(what) < drawn
            told += len(what)
    assert drawn == told == trials
    assert sorted(number for kind, what in calls if kind == "tell" for number in what) == list(range(trials))
    assert calls[-1] == ("close", 0)


def test_a_sampler_is_asked_for_each_lane_that_becomes_free():
    calls = []
    result = climb(calls=calls)
    check_calls(calls, 0, 18, 5)
    assert calls[:2] == [("ask", 1), ("ask", 3)]  # the lanes are known with the first program
    # Some lanes go on while it is asked for others.
    assert {n for kind, n in calls if kind == "ask"} >= {1, 2}
    assert result.occupancy == 1.0
    assert result.chunks[0].waiting == 14
    assert result.chunks[-1].waiting == 0


def test_the_settings_of_several_programs_wait_and_first_ones_come_first():
    calls, first = [], [{"learning_rate": 0.01, "width": 6}, {"learning_rate": 0.02, "width": 5}]
    result = climb(calls=calls, space=WIDTHS, first=first)
    check_calls(calls, 2, 18, 5)
    assert calls[0] == ("add", 2)
    assert [result.hypers_of(trial) for trial in (0, 1)] == first
    assert {trial.setting.choices[0][1] for trial in result.trials} == {0, 1}


def test_lanes_are_no_more_than_open_trials():
    assert climb(lanes="auto", trials=40).chunks[0].running <= 5


@pytest.mark.parametrize("space", [WIDTHS, {"learning_rate": WIDTHS["learning_rate"]}], ids=["two", "one"])
def test_a_sweep_resumes_to_the_same_bits_and_goes_on_with_more_trials(tmp_path, space):
    expected = climb(space=space)
    for end_at in (3, 9, 4):
        with pytest.raises(InjectedError):
            climb(tmp_path, end_at=end_at, space=space)
    assert_same_sweep(climb(tmp_path, space=space), expected)
    longer = climb(tmp_path, trials=24, space=space)
    assert [trial.setting for trial in longer.trials[:18]] == [trial.setting for trial in expected.trials]
    assert_same_sweep(climb(tmp_path, trials=24, space=space), longer)


def test_a_search_in_memory_is_extended():
    calls = []
    result = climb(calls=calls, scheduler=None).extend(trials=24)
    assert len(result.trials) == 24
    calls.remove(("close", 0))  # of the first part
    check_calls(calls, 0, 24, 5)


def test_a_population_starts_together():
    calls = []
    climb(calls=calls, scheduler=nn.population_based(perturbation_interval=2), lanes=8, trials=10)
    assert [n for kind, n in calls if kind == "ask"] == [5, 5]


def test_trials_that_ended_before_an_exception_are_told():
    calls = []
    with pytest.raises(InjectedError):
        climb(calls=calls, end_at=9)
    assert sum(len(what) for kind, what in calls if kind == "tell") >= 8
    assert calls[-1] == ("close", 0)
