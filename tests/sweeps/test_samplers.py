"""Samplers: the key alone decides their sequence, the grid is a full product, and a user's sampler may replace them."""

import itertools
from typing import Any

import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from helpers.call_counts import count_calls
from jaxnn.sweeps.samplers import make_sampler
from jaxnn.sweeps.samplers.base import Sampler, TrialSampler, ask_settings, check_sampler, init_sampler
from jaxnn.sweeps.space.distributions import log_uniform, normal, uniform
from jaxnn.sweeps.space.fill import fill_space
from jaxnn.sweeps.space.integers import Integers, integers
from jaxnn.sweeps.space.space import Setting, choice

SPACE = {
    "rate": log_uniform(1e-4, 1.0),
    "width": choice(8, 16, 32),
    "optimizer": choice("adam", {"momentum": uniform(0, 1), "decay": normal(0, 1)}),
}
CUBE = {name: uniform(0, 1) for name in "abc"}


def make_trial_sampler(name: Any, space: dict = SPACE, seed: int = 0, trials: int = 50) -> TrialSampler:
    return init_sampler(make_sampler(name, trials), space, jax.random.key(seed), lanes=None)


@given(st.sampled_from(["random", "sobol"]), st.lists(st.integers(0, 7), max_size=6), st.integers(1, 99))
def test_the_first_settings_depend_neither_on_trials_nor_on_how_asks_are_divided(
    name: str, counts: list[int], trials: int
) -> None:
    sampler, total = make_trial_sampler(name, trials=trials), sum(counts)
    parts = []
    for count in counts:
        parts += sampler.ask(count)
        sampler.tell([])
    assert len(parts) == total
    assert parts == make_trial_sampler(name).ask(50)[:total]


@pytest.mark.parametrize("name", ["random", "sobol"])
def test_another_key_gives_other_settings(name: str) -> None:
    assert make_trial_sampler(name).ask(5) != make_trial_sampler(name, seed=1).ask(5)


@pytest.mark.parametrize("name", ["random", "sobol"])
def test_every_dimension_follows_its_distribution(name: str) -> None:
    settings = make_trial_sampler(name, {**CUBE, "width": choice(1, 2, 3)}).ask(600)
    for path in CUBE:
        assert scipy.stats.kstest([setting.values[path] for setting in settings], "uniform").pvalue > 1e-3
    counts = np.bincount([setting.choices[0][1] for setting in settings])
    assert scipy.stats.chisquare(counts).pvalue > 1e-3


def test_sobol_fills_every_stratum_at_each_power_of_two() -> None:
    settings = make_trial_sampler("sobol", CUBE).ask(64)
    points = np.array([list(setting.values.values()) for setting in settings])
    for m in range(7):
        assert (np.sort(np.floor(points[: 2**m] * 2**m), axis=0) == np.arange(2**m)[:, None]).all()
    # The dimensions are different sequences.
    assert abs(np.corrcoef(points.T) - np.eye(3)).max() < 0.3


def test_a_space_of_constants_is_one_setting() -> None:
    for name in ("random", "sobol"):
        assert make_trial_sampler(name, {"width": 8}).ask(3) == [Setting((), {})] * 3
    assert make_trial_sampler("grid", {"width": 8}).ask(3) == [Setting((), {})]


def product(space: dict, levels: int) -> list[dict]:
    """Returns the hypers of every combination, in plain Python."""

    def points(node: Any) -> list:
        if isinstance(node, dict):
            return [dict(zip(node, row, strict=True)) for row in itertools.product(*(points(v) for v in node.values()))]
        if hasattr(node, "values"):
            return [point for option in node.values for point in points(option)]
        if hasattr(node, "at"):
            count = min(levels, getattr(node, "points", levels))
            values = node.at((np.arange(count) + 0.5) / count).tolist()
            return [int(value) for value in values] if isinstance(node, Integers) else values
        return [node]

    return points(space)


GRIDS = {
    "conditional": SPACE,
    "one": {"rate": uniform(0, 1)},
    "few values": {"warmup": integers(1, 3), "rate": uniform(0, 1)},
    "only few values": {"warmup": integers(1, 3), "width": choice(1, 2)},
    "choices": {"width": choice(1, 2), "depth": choice(1, 2, 3)},
    "nested": {"o": choice({"s": choice({"rate": uniform(0, 1)}, 2)}, {"s": choice(3, 4), "rate": uniform(0, 2)})},
    "constant": {"rate": uniform(0, 1), "width": 8},
}


@pytest.mark.parametrize("trials", [6, 7, 40, 100])
@pytest.mark.parametrize("name", GRIDS)
def test_the_grid_is_the_largest_product_that_fits(name: str, trials: int) -> None:
    space = GRIDS[name]
    settings = make_trial_sampler("grid", space, trials=trials).ask(trials + 1)
    levels = 1
    while levels < trials and len(product(space, levels + 1)) <= trials:
        levels += 1
    expected = product(space, levels)
    actual = [fill_space(space, *setting) for setting in settings]
    assert sorted(map(repr, actual)) == sorted(map(repr, expected))
    assert len(settings) <= trials
    # Settings with equal choices are consecutive.
    runs = list(itertools.groupby(setting.choices for setting in settings))
    assert len(runs) == len({setting.choices for setting in settings})


def test_a_grid_can_be_asked_for_in_parts_and_ends() -> None:
    whole = make_trial_sampler("grid", CUBE, trials=30).ask(30)
    assert len(whole) == 27
    sampler = make_trial_sampler("grid", CUBE, trials=30)
    assert [*sampler.ask(20), *sampler.ask(20), *sampler.ask(20)] == whole
    assert sampler.ask(1) == []


@pytest.mark.parametrize("name", ["random", "sobol", "grid"])
def test_ten_thousand_settings_take_a_few_function_calls_each(name: str, as_installed: None) -> None:
    make_trial_sampler(name).ask(1)  # the first call imports SciPy and compiles the draws
    count, settings = count_calls(lambda: make_trial_sampler(name, trials=10_000).ask(10_000))
    assert len(settings) > 8_000
    assert count < 10 * 10_000


class FixedSampler(TrialSampler):
    """A user's sampler with a fixed answer, which may be a wrong one."""

    def __init__(self, settings: Any = None, ask_limit: Any = 32) -> None:
        self.settings, self.ask_limit = settings, ask_limit

    def init(self, space: dict, key: jax.Array, lanes: int | None) -> Any:
        return self

    def ask(self, n: int) -> Any:
        return [Setting((), {"rate": 0.5})] * n if self.settings is None else self.settings


def test_a_users_sampler_is_initialized_and_asked() -> None:
    sampler = FixedSampler()
    assert make_sampler(sampler, trials=3) is sampler
    assert init_sampler(sampler, SPACE, jax.random.key(0), lanes=8) is sampler
    assert ask_settings(sampler, {}, 2) == [Setting((), {"rate": 0.5})] * 2


def test_the_builtin_samplers_have_no_ask_limit() -> None:
    for name in ("random", "sobol", "grid"):
        assert isinstance(make_sampler(name, trials=9), Sampler)
        assert make_trial_sampler(name).ask_limit is None


class NotASampler:
    """An object whose init does not return a sampler."""

    def init(self, space: dict, key: jax.Array, lanes: int | None) -> Any:
        return []


ERRORS = {
    "name": (lambda: check_sampler("bayes"), ValueError, "'grid', 'sobol', nn.* or an object .* not 'bayes'"),
    "object": (lambda: check_sampler(3), TypeError, "an object with init, not 3"),
    "class": (lambda: check_sampler(FixedSampler), TypeError, "an object with init, not <class"),
    "init": (
        lambda: make_trial_sampler(NotASampler()),
        TypeError,
        r"sampler.init must return a TrialSampler, .* not \[\]",
    ),
    "limit": (
        lambda: make_trial_sampler(FixedSampler(ask_limit=0)),
        ValueError,
        "sampler.ask_limit must be at least 1, not 0",
    ),
    "too many": (
        lambda: ask_settings(FixedSampler([Setting((), {})] * 3), {}, 2),
        ValueError,
        r"sampler.ask\(2\) must return at most 2 settings, not 3",
    ),
    "not a setting": (
        lambda: ask_settings(FixedSampler([0.5]), {}, 2),
        TypeError,
        "must return Settings or dicts of hypers, not 0.5",
    ),
    "grid": (lambda: make_trial_sampler("grid", trials=5), ValueError, "make 6 combinations, more than trials=5"),
    "huge": (
        lambda: make_trial_sampler("grid", dict.fromkeys("abcdefghij", choice(*range(99)))),
        ValueError,
        "combinations",
    ),
    "count": (lambda: make_trial_sampler("random").ask(-1), ValueError, "n must be at least 0, not -1"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, as_installed: None) -> None:
    call, kind, message = ERRORS[name]
    with pytest.raises(kind, match=message):
        call()
