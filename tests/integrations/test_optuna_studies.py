"""Studies of Optuna as samplers: spaces as parameters both ways, and the states of trials."""

from collections import Counter

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FixedTrial

import jaxnn as nn
from helpers.optuna_storages import make_study
from helpers.optuna_sweeps import HARD, sweep
from jaxnn.integrations.optuna_studies.parameters import Parameters
from jaxnn.sweeps import settings_at
from jaxnn.sweeps.space.space import dimensions

EVERY_KIND = {
    "rate": nn.log_uniform(1e-4, 1.0),
    "decay": nn.uniform(0.0, 0.3),
    "offset": nn.normal(1.0, 2.0),
    "scale": nn.log_normal(0.0, 1.0),
    "tenths": nn.quantized(0, 0.3, 0.1),
    "tens": nn.quantized(10, 45, 10),
    "power": nn.integers(1, 4),
    "seed": nn.seeds(0, 99),
    "width": nn.sizes(8, 512),  # two programs
    "steps": nn.sizes(4, 30, step=4),
    "layers": nn.depth(1, 3),
    "activation": nn.switch(nn.relu, nn.tanh),
    "batch_size": nn.choice(16, 32, None),
    "alike": nn.choice(True, 1),
    "optimizer": nn.choice(
        {"kind": "sgd", "momentum": nn.uniform(0, 0.99)},
        {
            "kind": "adam",
            "momentum": nn.uniform(0.8, 1.0),
            "eps": nn.choice("small", {"value": nn.log_uniform(1e-9, 1)}),
        },
    ),
}


def test_every_kind_of_space_is_mapped_both_ways(rng):
    parameters = Parameters(EVERY_KIND)
    settings = settings_at(EVERY_KIND, rng.random((50, len(dimensions(EVERY_KIND)))))
    names = set()
    for setting in settings:
        params = parameters.params_of(setting)
        again, suggested = parameters.suggest(FixedTrial(params))
        assert suggested == params
        assert again.choices == setting.choices
        assert list(again.values) == list(setting.values)
        for path, value in setting.values.items():
            # Normal distributions go through their quantiles.
            np.testing.assert_allclose(again.values[path], value, rtol=1e-9 if path in ("offset", "scale") else 0)
        assert sorted(parameters.distributions(params)) == sorted(params)
        names |= set(params)
    shared = {"optimizer.momentum [sgd]", "optimizer.momentum [adam]"}
    quantiles = {"offset (quantile)", "scale (quantile)"}
    assert names == {*EVERY_KIND, *shared, *quantiles, "optimizer.eps", "optimizer.eps.value"} - {"offset", "scale"}


def test_parameters_have_the_distributions_of_the_space():
    parameters = Parameters(EVERY_KIND)
    (setting,) = settings_at(EVERY_KIND, np.zeros((1, len(dimensions(EVERY_KIND)))))
    found = parameters.distributions(parameters.params_of(setting))
    assert found == {
        "rate": FloatDistribution(1e-4, 1.0, log=True),
        "decay": FloatDistribution(0.0, 0.3),
        "offset (quantile)": FloatDistribution(0.0, 1.0),
        "scale (quantile)": FloatDistribution(0.0, 1.0),
        "tenths": FloatDistribution(0.0, 0.3, step=0.1),
        "tens": IntDistribution(10, 40, step=10),
        "power": IntDistribution(1, 4),
        "seed": IntDistribution(0, 99),
        "width": IntDistribution(8, 512, log=True),
        "steps": IntDistribution(4, 28, step=4),
        "layers": IntDistribution(1, 3),
        "activation": CategoricalDistribution(("relu", "tanh")),
        "batch_size": CategoricalDistribution((16, 32, None)),
        "alike": CategoricalDistribution(("True", "1")),  # Optuna takes True for 1
        "optimizer": CategoricalDistribution(("sgd", "adam")),
        "optimizer.momentum [sgd]": FloatDistribution(0.0, 0.99),
    }


STATES = {"finished": "COMPLETE", "stopped": "PRUNED", "diverged": "FAIL", "failed": "FAIL"}


@pytest.mark.filterwarnings("ignore:sweep. .* trials failed")
def test_a_study_has_the_states_of_the_sweep():
    study = make_study()
    result = sweep(study, HARD, first=[{"learning_rate": 0.1, "inputs": 4}, {"learning_rate": 1.0, "inputs": 5}])
    statuses = Counter(trial.status for trial in result.trials)
    assert set(statuses) == set(STATES), statuses
    assert sorted(trial.user_attrs["trial"] for trial in study.trials) == list(range(24))
    for trial in study.trials:
        of_sweep = result.trials[trial.user_attrs["trial"]]
        assert trial.state.name == STATES[of_sweep.status]
        assert trial.user_attrs["status"] == of_sweep.status
        assert trial.user_attrs.get("reason", "") == of_sweep.reason
        assert trial.params == result.hypers_of(of_sweep.trial)
        assert trial.values == ([of_sweep.score] if of_sweep.has_params else None)
        scores = of_sweep.curves.scores.mean(axis=0)
        assert trial.intermediate_values == {i + 1: float(s) for i, s in enumerate(scores) if np.isfinite(s)}
    finished = [trial for trial in result.trials if trial.status == "finished"]
    best = max(finished, key=lambda trial: trial.rank)
    assert study.best_trial.user_attrs["trial"] == best.trial
    assert study.best_value == best.score


def test_a_trial_that_its_stopping_rule_ended_is_complete():
    study = make_study()
    result = sweep(study, trials=4, epochs=30, scheduler=None, stop=nn.small_step(1.0))
    assert {trial.status for trial in result.trials} == {"stopped"}
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 4


ERRORS = {
    "study": (lambda: nn.integrations.optuna("tpe"), TypeError, "optuna: study must be a study of Optuna, not 'tpe'"),
    "sampler": (
        lambda: nn.integrations.optuna(make_study(), sampler="tpe"),
        TypeError,
        "a sampler of Optuna, or a function of a seed that makes one, not 'tpe'",
    ),
    "class": (
        lambda: nn.integrations.optuna(make_study(), sampler=optuna.samplers.TPESampler),
        TypeError,
        "or a function of a seed that makes one, not <class",
    ),
    "made": (
        lambda: sweep(make_study(), sampler=lambda seed: seed),
        TypeError,
        r"optuna: sampler\(seed\) must return a sampler of Optuna, not \d+",
    ),
    "direction": (
        lambda: nn.integrations.optuna(make_study(direction="minimize")),
        ValueError,
        'higher is better; make the study with direction="maximize"',
    ),
    "objectives": (
        lambda: nn.integrations.optuna(make_study(), objectives=("score", "size")),
        ValueError,
        "the study has 1 directions, but objectives=",
    ),
    "metric": (
        lambda: sweep(make_study(direction=None, directions=["maximize", "minimize"]), objectives=("score", "size")),
        ValueError,
        r"optuna: the sweep has no metric 'size', but \[\]",
    ),
    "limit": (lambda: nn.integrations.optuna(make_study(), ask_limit=0), ValueError, "ask_limit must be at least 1"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name, as_installed):
    call, kind, message = ERRORS[name]
    with pytest.raises(kind, match=message):
        call()
