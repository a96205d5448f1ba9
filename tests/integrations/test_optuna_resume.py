"""Sweeps with a study of Optuna that are interrupted and resume, and studies that have trials already."""

import optuna
import pytest

import jaxnn as nn
from helpers import optuna_sweeps
from helpers.optuna_storages import describe_trials, make_study, open_study, tpe
from helpers.resumable_runs import InjectedError, assert_same_sweep, sweep


def search(study, directory=None, *, sampler=tpe, ask_limit=4, **options):
    return sweep(directory, sampler=nn.integrations.optuna(study, sampler=sampler, ask_limit=ask_limit), **options)


SAMPLERS = {
    "journal": tpe,
    "sqlite": tpe,
    "memory": lambda seed: optuna.samplers.NSGAIISampler(
        seed=seed, population_size=4
    ),  # notes the generation of a trial
}


@pytest.mark.parametrize("kind", SAMPLERS)
def test_a_resumed_sweep_has_the_bits_and_the_study_of_an_uninterrupted_one(tmp_path, kind):
    study, sampler = make_study(), SAMPLERS[kind]
    expected = search(study, sampler=sampler)
    directory = tmp_path / "run"

    def open_again():
        return open_study(kind, None if kind == "memory" else directory)

    for end_at in (5, 4, 3):
        with pytest.raises(InjectedError):
            search(open_again(), directory, sampler=sampler, end_at=end_at)
        assert all(trial.state.is_finished() for trial in open_again().trials)
    last = open_again()
    assert_same_sweep(search(last, directory, sampler=sampler), expected)
    assert describe_trials(last) == describe_trials(study)
    # Once more, when all has ended.
    again = open_again()
    assert_same_sweep(search(again, directory, sampler=sampler), expected)
    assert describe_trials(again) == describe_trials(study)


def test_a_ready_made_sampler_is_told_what_it_answered_and_goes_on_with_other_numbers(tmp_path):
    with pytest.raises(InjectedError):
        search(make_study(), tmp_path, sampler=optuna.samplers.RandomSampler(seed=0), end_at=9)
    study = make_study(optuna.samplers.RandomSampler(seed=0))
    result = search(study, tmp_path, sampler=None)
    rates = [trial.setting.values["learning_rate"] for trial in result.trials]
    assert len(set(rates)) == len(rates) == len(study.trials) == 18
    expected = search(make_study(), sampler=optuna.samplers.RandomSampler(seed=0))
    assert [trial._replace(seconds=0.0).setting for trial in expected.trials[:4]] == [
        t.setting for t in result.trials[:4]
    ]


def test_a_study_has_the_trials_that_the_sweep_has_saved(tmp_path):
    counts = {}

    def count(name):
        def log(trial, values):
            counts.setdefault(name, []).append(len(study.trials))

        return log

    for name, options in {"memory": {}, "directory": {"directory": tmp_path / "run", "save_every": 1e9}}.items():
        study = make_study()
        optuna_sweeps.sweep(study, log=count(name), **options)
        assert len(study.trials) == 24
    assert counts["directory"] == [0] * 24
    assert counts["memory"][-1] > 0


def test_a_sweep_that_fails_before_its_first_checkpoint_leaves_its_study_as_it_was(tmp_path):
    study = make_study()

    def log(trial, values):
        if study.trials or trial >= 3:
            raise InjectedError

    # Trial 0 has failed, and the sampler was told, before the first chunk.
    first = [{"learning_rate": 0.1, "inputs": 5}]
    with pytest.raises(InjectedError):
        optuna_sweeps.sweep(study, optuna_sweeps.HARD, first=first, log=log, directory=tmp_path / "run", scheduler=None)
    assert not study.trials


def test_the_sampler_knows_the_trials_that_the_study_had():
    seen = []

    class Watching(optuna.samplers.RandomSampler):
        def sample_independent(self, study, trial, *others):
            seen.append([each.value for each in study.get_trials(states=[optuna.trial.TrialState.COMPLETE])])
            return super().sample_independent(study, trial, *others)

    study = make_study(Watching(seed=0))
    study.enqueue_trial({"learning_rate": 0.01})  # waits for the user's own calls
    first = search(study, sampler=None, trials=4, scheduler=None)
    search(study, sampler=None, trials=4, scheduler=None)
    scores = sorted(trial.score for trial in first.trials)
    assert seen[:4] == [[]] * 4
    assert [sorted(values) for values in seen[4:]] == [scores] * 4
    assert [trial.state.name for trial in study.trials] == ["WAITING"] + ["COMPLETE"] * 8
    # The user's own calls go on with the same study.
    study.optimize(lambda trial: trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True), n_trials=2)
    assert study.trials[0].params == {"learning_rate": 0.01}


def test_a_sampler_without_more_settings_ends_the_sweep():
    grid = optuna.samplers.GridSampler({"learning_rate": [1e-3, 1e-2, 1e-1]})
    result = search(make_study(), sampler=grid, space=optuna_sweeps.SPACE, scheduler=None, trials=8, ask_limit=1)
    assert sorted(trial.setting.values["learning_rate"] for trial in result.trials) == [1e-3, 1e-2, 1e-1]


def test_several_objectives_are_the_score_and_metrics():
    study = optuna.create_study(directions=["maximize", "minimize"])
    chosen = nn.integrations.optuna(
        study,
        objectives=("score", "error"),
        sampler=lambda seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=4),
    )
    error = {"error": lambda outputs, labels: 1 - nn.accuracy(outputs, labels)}
    result = sweep(sampler=chosen, metrics=error, scheduler=None, trials=12)
    values = [[trial.score, trial.metrics["error"]] for trial in result.trials]
    assert [trial.values for trial in sorted(study.trials, key=lambda trial: trial.user_attrs["trial"])] == values
    best = {trial.user_attrs["trial"] for trial in study.best_trials}
    dominated = [any(s > score and e < error for s, e in values) for score, error in values]
    assert best <= {number for number, is_worse in enumerate(dominated) if not is_worse}


def test_a_sweep_that_goes_on_with_more_epochs_and_trials_keeps_its_study(tmp_path):
    directory, options = tmp_path / "run", {"scheduler": None, "keep_states": True}
    short = search(open_study("journal", directory), directory, trials=6, **options)
    longer = search(open_study("journal", directory), directory, trials=8, epochs=12, **options)
    assert [trial.setting for trial in longer.trials[:6]] == [trial.setting for trial in short.trials]
    assert [trial.epochs for trial in longer.trials] == [12] * 8
    study = open_study("journal", directory)
    # The study keeps what the sampler was told of the first six.
    assert [trial.user_attrs["epochs"] for trial in study.trials] == [9] * 6 + [12] * 2
    assert_same_sweep(search(study, directory, trials=8, epochs=12, **options), longer)
    assert len(open_study("journal", directory).trials) == 8


def test_a_study_that_takes_no_trials_ends_the_sweep():
    study = make_study()

    def log(trial, values):
        if trial == 0:
            optuna.delete_study(study_name=study.study_name, storage=study._storage)

    with pytest.raises(RuntimeError, match=r"optuna: trial \d+ could not be added to the study: KeyError"):
        optuna_sweeps.sweep(study, log=log)
