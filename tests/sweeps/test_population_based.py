"""Population-based training, decision by decision: the parents of copies, and how values are perturbed."""

import math

import jax
import numpy as np
import pytest

from helpers.recorded_curves import SPACE, init_scheduler, make_curves, random_settings, run_trials
from helpers.scheduler_references import perturb, reference_parents
from jaxnn.sweeps.schedulers.base import Continue, Copy, Decision, Stop
from jaxnn.sweeps.schedulers.population_based import population_based
from jaxnn.sweeps.space.distributions import normal, quantized, uniform
from jaxnn.sweeps.space.fill import active_distributions
from jaxnn.sweeps.space.integers import integers
from jaxnn.sweeps.space.space import Setting, choice


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_every_decision_matches_the_reference(fraction: float) -> None:
    scheduler = population_based(perturbation_interval=4, quantile_fraction=fraction)
    settings = random_settings(SPACE, 40)
    reports = run_trials(init_scheduler(scheduler, 18, trials=40), make_curves(40, 18, 0), 0, lanes=40)
    values = {trial: setting.values for trial, setting in enumerate(settings)}
    ups = []
    for i, report in enumerate(reports):
        trial, epoch, _, decision = report
        parents = reference_parents(fraction, settings, reports[:i], report)
        if epoch == 18 or not parents:
            assert decision == (Stop() if epoch == 18 else Continue(min(epoch + 4, 18)))
            continue
        assert isinstance(decision, Copy)
        assert decision.parent in parents
        assert decision.until == min(epoch + 4, 18)
        distributions = active_distributions(SPACE, settings[trial].choices)
        assert decision.values.keys() == distributions.keys()
        for path, value in decision.values.items():
            options = [perturb(values[decision.parent][path], up, distributions[path]) for up in (True, False)]
            assert value in options
            ups.append(value == options[0])
        values[trial] = decision.values
    assert len(ups) > 15
    assert 0.2 < np.mean(ups) < 0.8


def decide_in_step(trials: int, fraction: float, order: list[int]) -> dict[int, Decision]:
    """Returns the decisions where all trials arrive at once: all are observed, then reported in this order.

    The score of a trial is its number.
    """
    trial_scheduler = init_scheduler(
        population_based(perturbation_interval=2, quantile_fraction=fraction),
        10,
        trials=trials,
        space={"rate": uniform(0, 1)},
    )
    for trial in range(trials):
        trial_scheduler.observe(trial, float(trial))
    return {trial: trial_scheduler.report(trial, 2, float(trial)) for trial in order}


@pytest.mark.parametrize(
    # 0.28 · 25 is 7.000000000000001, and no trial is among the best and the worst at once.
    ("trials", "fraction", "size"),
    [(20, 0.25, 5), (25, 0.28, 7), (5, 0.5, 2), (5, 0.3, 2), (2, 0.1, 1), (1, 0.5, 0)],
)
def test_trials_in_step_replace_exactly_the_worst_by_the_best(trials: int, fraction: float, size: int) -> None:
    decisions = decide_in_step(trials, fraction, list(range(trials)))
    parents = {trial: decision.parent for trial, decision in decisions.items() if isinstance(decision, Copy)}
    assert set(parents) == set(range(size))
    assert set(parents.values()) <= set(range(trials - size, trials))
    # The trials draw their parents independently, and the order of the reports does not matter.
    assert size < 5 or len(set(parents.values())) > 1
    assert decide_in_step(trials, fraction, list(range(trials))[::-1]) == decisions


def test_all_of_the_best_are_copied_over_time_and_the_key_decides_which() -> None:
    parents: dict[int, list[int]] = {}
    for seed in (0, 1):
        trial_scheduler = init_scheduler(
            population_based(perturbation_interval=1), 1000, trials=16, space={"rate": uniform(0, 1)}, seed=seed
        )
        for trial in range(16):
            trial_scheduler.observe(trial, float(-trial))
        parents[seed] = [trial_scheduler.report(15, epoch, -15.0).parent for epoch in range(1, 100)]
        assert set(parents[seed]) == {0, 1, 2, 3}
    assert parents[0] != parents[1]


def test_perturbed_values_are_clipped_and_always_leave_a_grid_point() -> None:
    space = {
        "a": uniform(0.9, 1.0),
        "b": quantized(0, 1, 0.25),
        "c": integers(-3, 3),
        "d": normal(0, 1),
        "w": choice(1),
    }
    trial_scheduler = population_based(perturbation_interval=1).init(50, space, jax.random.key(0))
    choices = (("w", 0),)
    trial_scheduler.add(0, Setting(choices, {"a": 0.95, "b": 0.0, "c": -1.0, "d": 2.0}))
    trial_scheduler.add(1, Setting(choices, {"a": 0.9, "b": 1.0, "c": 3.0, "d": 0.0}))
    trial_scheduler.report(0, 1, 1.0)
    copied = [trial_scheduler.report(1, epoch, 0.0).values for epoch in range(1, 49)]
    assert {values["a"] for values in copied} == {0.9, 1.0}
    assert {values["b"] for values in copied} == {0.0, 0.25}
    assert {values["c"] for values in copied} == {-2.0, 0.0}
    assert {values["d"] for values in copied} == {2.0 * 1.2, 2.0 / 1.2}


def test_no_copies_of_diverged_or_equal_trials_or_of_other_choices() -> None:
    space = {"rate": uniform(0, 1), "width": choice(8, 16)}
    scheduler = population_based(perturbation_interval=1, quantile_fraction=0.5)
    trial_scheduler = scheduler.init(9, space, jax.random.key(0))
    for trial, option in enumerate([0, 0, 1, 1]):
        trial_scheduler.add(trial, Setting((("width", option),), {"rate": 0.5}))
    assert trial_scheduler.report(0, 1, math.nan) == trial_scheduler.report(1, 1, math.nan) == Continue(2)
    assert trial_scheduler.report(2, 1, 0.5) == trial_scheduler.report(3, 1, 0.5) == Continue(2)
    assert trial_scheduler.report(1, 2, 0.1) == Continue(3)
    decision = trial_scheduler.report(0, 2, math.nan)
    assert isinstance(decision, Copy)
    assert decision.parent == 1
    # A trial that has ended is not copied: it has left its lanes.
    assert trial_scheduler.report(1, 9, 0.9) == Stop()
    assert trial_scheduler.report(0, 3, math.nan) == Continue(4)
