"""Population-based training, decision by decision: who copies whom, and what becomes of the values."""

import math

import jax
import numpy as np
import pytest

from helpers.recorded_curves import SPACE, begin, play, random_settings, recorded_curves
from helpers.scheduler_references import moved, reference_candidates
from jaxnn.sweeps.schedulers.base import Continue, Copy, Decision, Stop
from jaxnn.sweeps.schedulers.population_based import population_based
from jaxnn.sweeps.space.distributions import integers, normal, quantized, uniform
from jaxnn.sweeps.space.space import Setting, active_distributions, choice


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_population_based_decisions_are_the_references(fraction: float) -> None:
    running = begin(population_based(perturbation_interval=4, quantile_fraction=fraction), 18, trials=40)
    settings = random_settings(SPACE, 40)
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
        distributions = active_distributions(SPACE, settings[trial].choices)
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
    running = begin(
        population_based(perturbation_interval=2, quantile_fraction=fraction),
        10,
        trials=trials,
        space={"rate": uniform(0, 1)},
    )
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
        running = begin(
            population_based(perturbation_interval=1), 1000, trials=16, space={"rate": uniform(0, 1)}, seed=seed
        )
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
    running = population_based(perturbation_interval=1).init(50, space, jax.random.key(0))
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
    running = population_based(perturbation_interval=1, quantile_fraction=0.5).init(9, space, jax.random.key(0))
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
