"""Studies of Optuna that choose the settings of sweeps in blocks, and go on in their directories."""

import contextlib
import json
import math
import multiprocessing
import os
import signal
import warnings
from concurrent.futures import ThreadPoolExecutor

import jax
import optuna
import pytest
from optuna.trial import TrialState

import jaxnn as nn
from helpers import optuna_sweeps
from helpers.block_sweeps import assert_same_table
from helpers.optuna_storages import describe_trials, make_study, open_study, tpe
from helpers.resumable_runs import SPACE, InjectedError, sweep
from jaxnn.io.runs.interrupts import CaughtSignal
from jaxnn.sweeps.blocks.calls import BlockCalls
from jaxnn.sweeps.blocks.store import BlockStore

pytestmark = pytest.mark.filterwarnings("ignore:sweep. the sampler learns little")


def search(study, directory=None, *, sampler=tpe, **options):
    return sweep(directory, sampler=nn.integrations.optuna(study, sampler=sampler, ask_limit=4), **options)


SAMPLERS = {
    "journal": tpe,
    # It notes the generation of a trial.
    "memory": lambda seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=4),
}


def test_a_sweep_in_blocks_fills_a_study():
    study = make_study()
    result = optuna_sweeps.sweep(study, block=8, trials=16)
    states = {"finished": "COMPLETE", "stopped": "PRUNED"}
    assert [trial.state.name for trial in study.trials] == [states[trial.status] for trial in result.trials]


@pytest.mark.parametrize("kind", ["journal", "memory"])
def test_blocks_that_go_on_have_the_bits_and_the_study_of_an_uninterrupted_sweep(tmp_path, kind):
    options = {"sampler": SAMPLERS[kind], "block": 4, "scheduler": None, "first": [{"learning_rate": 0.02}]}
    study = make_study()
    expected = search(study, **options, trials=18)
    directory = tmp_path / "run"

    def open_again():
        return open_study(kind, None if kind == "memory" else directory)

    for end_at, trials in ((2, 10), (3, 10), (None, 10), (6, 18)):  # the last block of ten trials has two
        executor = None if end_at == 2 else lambda: ThreadPoolExecutor(1)
        with pytest.raises(InjectedError) if end_at else contextlib.nullcontext():
            search(open_again(), directory, end_at=end_at, trials=trials, executor=executor, **options)
        assert all(trial.state.is_finished() for trial in open_again().trials)
    for _ in range(2):  # once more, when all has ended
        last = open_again()
        assert_same_table(search(last, directory, trials=18, **options), expected)
        assert describe_trials(last) == describe_trials(study)
    with pytest.raises(ValueError, match="the directory holds 18 trials, more than trials=17"):
        search(open_again(), directory, trials=17, **options)


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


def test_blocks_in_memory_go_on_with_their_study():
    study, whole = make_study(), make_study()
    result = search(study, block=4, trials=6).extend(trials=12)
    assert_same_table(result, search(whole, block=4, trials=12))
    assert describe_trials(study) == describe_trials(whole)


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


def test_of_a_block_that_was_asked_for_only_the_rest_is_asked():
    def ask(count, events=()):
        sampler = nn.integrations.optuna(study, sampler=tpe).init(SPACE, jax.random.key(0), None)
        store = BlockStore(None, None, CaughtSignal())
        store.events = list(events)
        return BlockCalls(sampler, SPACE, [], store).ask(0, count), store.events

    study = make_study()
    first, events = ask(3)
    filled, more = ask(5, json.loads(json.dumps(events)))
    assert filled == ask(5)[0]
    assert [event["asked"] for event in more] == [3, 2]
    assert ask(3, more[:1]) == (first, more[:1])


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
    whole = optuna_sweeps.sweep(expected, block=4, trials=16, epochs=3)
    assert_same_table(result, whole)
    assert describe_trials(study) == describe_trials(expected)
