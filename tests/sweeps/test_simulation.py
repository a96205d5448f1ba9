"""A simulated scheduler decides and costs what a sweep with it does, and what its rule says on curves by hand."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.errors import error_message
from helpers.recorded_curves import SPACE as CURVE_SPACE
from helpers.recorded_curves import make_curves, random_settings
from helpers.resumable_runs import TRAIN, VALIDATION, assert_same_bits
from jaxnn.sweeps import Continue, Copy, TrialResult, TrialScheduler
from jaxnn.sweeps.engine.trial import TrialLayout, name_curves
from jaxnn.sweeps.results.load import SavedPlan
from jaxnn.sweeps.results.replay import Programs

ONE_HOT = [(x, np.eye(3, dtype="f")[labels]) for x, labels in (TRAIN, VALIDATION)]
# Large rates diverge; networks with two outputs fail; the others are two programs.
SPACE = {
    "rate": nn.log_uniform(1e-3, 1e6),
    "epochs": nn.integers(5, 9),
    "layers": nn.choice((5, 3), (6, 3), (5, 2)),
}


def make_recipe(hypers):
    model = nn.mlp([4, *hypers["layers"]], activation=nn.tanh)
    return nn.Recipe(model, nn.squared_error, optax.sgd(hypers["rate"]), epochs=hypers.get("epochs"))


def sweep(scheduler=None, space=SPACE, **options):
    return nn.sweep(
        make_recipe, space, ONE_HOT[0], key=jax.random.key(3), scheduler=scheduler, progress=False,
        **({"validation": ONE_HOT[1], "trials": 40, "epochs": 9, "lanes": 4} | options),
    )  # fmt: skip


@pytest.fixture(scope="module")
def full():
    with pytest.warns(UserWarning, match="trials failed"):
        return sweep()


SCHEDULERS = (
    nn.asha(),
    nn.asha(grace_period=2, reduction_factor=2),
    nn.hyperband(),
    nn.median_stopping(grace_period=2, min_trials=2),
)


def assert_same_as_sweep(simulation, swept):
    assert_same_bits(*([trial._replace(seconds=0.0) for trial in each.trials] for each in (simulation, swept)))
    assert (simulation.trial, simulation.score) == (swept.best.trial, swept.best.score)
    assert simulation.epochs == sum(trial.epochs for trial in swept.trials)


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=str)
def test_it_is_the_sweep_with_that_scheduler(full, scheduler):
    simulation = nn.sweeps.simulate(scheduler, full)
    with pytest.warns(UserWarning, match="trials failed"):
        swept = sweep(scheduler)
    assert {trial.status for trial in swept.trials} == {"finished", "stopped", "diverged", "failed"}
    assert_same_as_sweep(simulation, swept)
    assert simulation.regret == full.best.score - swept.best.score
    assert all(np.isnan(trial.seconds) for trial in simulation.trials if trial.status != "failed")


def test_repeats_stopping_rules_best_epochs_and_loaded_results(tmp_path):
    space = {"rate": nn.log_uniform(1e-2, 3.0), "layers": (5, 3)}
    options = {"repeats": 2, "stop": nn.no_improvement(patience=1), "keep_epoch": "best", "space": space, "trials": 20}
    full, swept = sweep(**options), sweep(nn.asha(), **options)
    assert sum("stopped by the stopping rule" in trial.reason for trial in full.trials) > 1
    assert_same_as_sweep(nn.sweeps.simulate(nn.asha(), full), swept)
    options |= {"stop": None, "repeats": 1}
    full = sweep(**options, directory=tmp_path / "full")
    simulation = nn.sweeps.simulate(nn.asha(), nn.sweeps.load(tmp_path / "full"))
    assert_same_bits(simulation.trials, nn.sweeps.simulate(nn.asha(), full).trials)


def recorded(curves):
    """Returns a result as `load` gives it, with one lane a trial."""
    trials, epochs = np.shape(curves)
    settings = random_settings(CURVE_SPACE, trials)
    results = []
    for number, curve in enumerate(np.asarray(curves, "f")):
        table = np.stack([*np.zeros((2, epochs), "f"), curve])[:, None]
        results.append(TrialResult(
            number, settings[number], "finished", epochs, float(curve[-1]), 0.0, 1.0,
            name_curves(table, ()), (), epochs,
        ))  # fmt: skip
    plan: Any = SavedPlan(CURVE_SPACE, TrialLayout(1, 1, epochs), {}, Path())
    return nn.SweepResult(tuple(results), {}, (), plan, Programs())


CURVES = [[0.5, 0.5, 0.5, 0.5], [0.4, 0.6, 0.6, 0.7], [0.6, 0.3, 0.9, 0.2], [0.1, 0.1, 0.8, 0.9]]


def test_costs_choice_and_regret_by_hand():
    """Rungs at 1 and 2, where the best half continues: trials 1 and 3 stop at the first, trial 2 at the second."""
    simulation = nn.sweeps.simulate(nn.asha(grace_period=1, reduction_factor=2), recorded(CURVES))
    assert [trial.epochs for trial in simulation.trials] == [4, 1, 2, 1]
    assert [trial.status for trial in simulation.trials] == ["finished", "stopped", "stopped", "stopped"]
    assert (simulation.epochs, simulation.full_epochs, simulation.share) == (8, 16, 0.5)
    assert (simulation.trial, simulation.score) == (0, 0.5)
    assert simulation.regret == pytest.approx(0.4)
    assert repr(simulation) == (
        "Simulation of Asha(grace_period=1, reduction_factor=2): 4 trials (3 stopped, 1 finished)\n"
        "  epochs: 8 of 16 (50.0%)\n"
        "  best: trial 0, score 0.5 after epoch 4, regret 0.4"
    )


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=str)
def test_lanes_change_no_decision(scheduler):
    result = recorded(make_curves(60, 30, 0)[:, 1:])
    one, *others = (nn.sweeps.simulate(scheduler, result, lanes=lanes).trials for lanes in (1, 7, 60))
    for trials in others:
        assert_same_bits(one, trials)
    assert 60 * 30 > sum(trial.epochs for trial in one) > 60


class Copies(TrialScheduler):
    """Copies from the first trial, though it calls itself no population."""

    def start(self, trial):
        return 1

    def report(self, trial, epoch, score):
        return Copy(0, {"rate": 0.1, "warmup": 1.0}, epoch + 1) if trial else Continue(epoch + 1)

    def init(self, epochs, space, key):
        return Copies()


def test_what_was_not_recorded_is_refused(full, as_installed):
    def message(scheduler, result, kind: Any = ValueError):
        return error_message(kind, lambda: nn.sweeps.simulate(scheduler, result))

    result = recorded(CURVES)
    assert message(nn.population_based(perturbation_interval=1), result).startswith(
        "simulate: PopulationBased copies parameters between trials and changes their hypers;"
    )
    assert message(Copies(), result).startswith("simulate: the scheduler copies parameters from trial to trial")
    rule = "simulate: result must be what sweep or nn.sweeps.load returned, not 'night'"
    assert message(nn.asha(), "night", TypeError) == rule
    assert message(None, result, TypeError) == "simulate: give a scheduler, such as asha(...), not None"
    assert message("asha", result, TypeError).startswith("sweep: scheduler must be asha(...)")
    stopped = result._replace(trials=nn.sweeps.simulate(nn.asha(), result).trials)
    assert message(nn.asha(), stopped) == (
        "simulate: the curves must be those of a sweep without a scheduler, but 2 of 4 trials were stopped"
    )
    unfinished = result.trials[3]._replace(status="unfinished")
    assert message(nn.asha(), result._replace(trials=(*result.trials[:3], unfinished))) == (
        "simulate: 1 of 4 trials are unfinished; let the sweep end first"
    )
    gaps = sweep(space={"rate": nn.log_uniform(1e-2, 1.0), "layers": (5, 3)}, evaluate_at="rungs", trials=4)
    assert message(nn.asha(), gaps).startswith(
        "simulate: the curves have gaps; the sweep must evaluate after every epoch"
    )


@pytest.mark.skipif(jax.device_count() == 1, reason="one device takes any number of lanes")
def test_each_device_simulates_as_many_lanes(full):
    assert error_message(ValueError, lambda: nn.sweeps.simulate(nn.asha(), full, lanes=3)) == (
        "simulate: lanes must be a multiple of the number of devices, 2, not 3"
    )
