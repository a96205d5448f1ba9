"""Sweeps with a study of Optuna that are interrupted and resume, and studies that have trials already."""

import contextlib
import math
import multiprocessing
import os
import signal
import warnings

import optuna
import pytest
from optuna.trial import TrialState

import jaxnn as nn
from helpers import optuna_sweeps
from helpers.block_sweeps import assert_same_table
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


@pytest.mark.filterwarnings("ignore:sweep. the sampler learns little")
def test_a_sweep_in_blocks_fills_a_study():
    study = make_study()
    result = optuna_sweeps.sweep(study, block=8, trials=16)
    states = {"finished": "COMPLETE", "stopped": "PRUNED"}
    assert [trial.state.name for trial in study.trials] == [states[trial.status] for trial in result.trials]


@pytest.mark.filterwarnings("ignore:sweep. the sampler learns little")
@pytest.mark.parametrize("kind", ["journal", "memory"])
def test_blocks_that_go_on_have_the_bits_and_the_study_of_an_uninterrupted_sweep(tmp_path, kind):
    options = {"sampler": SAMPLERS[kind], "block": 4, "scheduler": None, "first": [{"learning_rate": 0.02}]}
    study = make_study()
    expected = search(study, **options, trials=18)
    directory = tmp_path / "run"

    def open_again():
        return open_study(kind, None if kind == "memory" else directory)

    for end_at, trials in ((2, 10), (3, 10), (None, 10), (6, 18)):  # the last block of ten trials has two
        with pytest.raises(InjectedError) if end_at else contextlib.nullcontext():
            search(open_again(), directory, end_at=end_at, trials=trials, **options)
        assert all(trial.state.is_finished() for trial in open_again().trials)
    for _ in range(2):  # once more, when all has ended
        last = open_again()
        assert_same_table(search(last, directory, trials=18, **options), expected)
        assert describe_trials(last) == describe_trials(study)
    with pytest.raises(ValueError, match="the directory holds 18 trials, more than trials=17"):
        search(open_again(), directory, trials=17, **options)


@pytest.mark.filterwarnings("ignore:sweep. the sampler learns little")
def test_a_study_keeps_what_it_was_told_of_a_block_that_is_filled(tmp_path):
    directory = tmp_path / "run"
    options = {"block": 8, "lanes": 8, "scheduler": nn.population_based(perturbation_interval=1), "epochs": 3}
    short = search(open_study("journal", directory), directory, trials=3, **options)
    longer = search(open_study("journal", directory), directory, trials=8, **options)
    assert_same_table(longer, search(make_study(), trials=8, **options))
    scores = [[trial.score for trial in result.trials] for result in (short, longer)]
    assert scores[0] != scores[1][:3]
    trials = sorted(open_study("journal", directory).trials, key=lambda trial: trial.user_attrs["trial"])
    assert [(trial.user_attrs["trial"], trial.value) for trial in trials] == list(enumerate(scores[0] + scores[1][3:]))


@pytest.mark.filterwarnings("ignore:sweep. the sampler learns little")
def test_blocks_in_memory_go_on_with_their_study():
    study, whole = make_study(), make_study()
    result = search(study, block=4, trials=6).extend(trials=12)
    assert_same_table(result, search(whole, block=4, trials=12))
    assert describe_trials(study) == describe_trials(whole)


@pytest.mark.filterwarnings("ignore:sweep. the sampler learns little")
def test_blocks_that_go_on_do_not_ask_again_what_was_answered(tmp_path):
    asked = []

    class Counting(optuna.samplers.RandomSampler):
        def sample_independent(self, *others):
            asked.append(super().sample_independent(*others))
            return asked[-1]

    study = make_study()
    with pytest.raises(InjectedError):
        search(study, tmp_path, sampler=Counting(seed=0), block=4, ahead=2, end_at=9)
    assert len(asked) == 16  # two blocks were done, and two more were asked for
    result = search(study, tmp_path, sampler=Counting(seed=0), block=4, ahead=2)
    rates = [trial.setting.values["learning_rate"] for trial in result.trials]
    assert rates == pytest.approx(asked, rel=1e-12)
    assert len(set(rates)) == len(study.trials) == 18


def sweep_in_blocks(path, end):
    """Runs a sweep in blocks to its end; if `end` is a number, the process kills itself when it is in the middle.

    Args:
        path: of the directory.
        end: ends in the log of a trial, or, if it is negative, while the trials of a block are added to the study.
    """
    study = open_study("journal", path)
    add = study.add_trial

    def add_or_die(trial):
        if len(study.trials) == -end:
            os.kill(os.getpid(), signal.SIGKILL)
        add(trial)

    def log(trial, _):
        if trial == end:
            os.kill(os.getpid(), signal.SIGKILL)

    study.add_trial = add_or_die
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "sweep: the sampler learns little")
        return optuna_sweeps.sweep(study, directory=path, block=4, trials=16, epochs=3, log=log)


@pytest.mark.optimized
def test_a_driver_that_is_killed_loses_no_trial_and_leaves_no_double(tmp_path, monkeypatch):
    # The conditions of the tests.
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "2")
    monkeypatch.setenv("JAX_DEFAULT_MATMUL_PRECISION", "highest")
    spawn, directory = multiprocessing.get_context("spawn"), tmp_path / "run"
    for end in (-6, 9):
        process = spawn.Process(target=sweep_in_blocks, args=(directory, end))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert {trial.state for trial in open_study("journal", directory).trials} <= {
            TrialState.COMPLETE,
            TrialState.PRUNED,
        }
    result = sweep_in_blocks(directory, math.inf)
    study = open_study("journal", directory)
    assert [trial.user_attrs["trial"] for trial in study.trials] == list(range(16))
    expected = make_study()
    with pytest.warns(UserWarning, match="the sampler learns little"):
        whole = optuna_sweeps.sweep(expected, block=4, trials=16, epochs=3)
    assert_same_table(result, whole)
    assert describe_trials(study) == describe_trials(expected)


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
