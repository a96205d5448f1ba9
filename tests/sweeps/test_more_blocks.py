"""Directories of sweeps in blocks that go on: with more trials, with an executor and without."""

import functools
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import NamedTuple

import cloudpickle
import jax
import pytest

import jaxnn as nn
from helpers import block_sweeps
from helpers.block_sweeps import Listed, assert_same_table, end_after
from helpers.resumable_runs import InjectedError, assert_same_bits
from jaxnn.sweeps.blocks import driver
from jaxnn.sweeps.samplers import GridSampler
from jaxnn.sweeps.space.space import Setting

sweep = functools.partial(block_sweeps.sweep, epochs=3, block=4)
SHORT, LONG = {"trials": 6}, {"trials": 10}


@pytest.mark.parametrize(
    "make_options",
    [
        lambda: {"sampler": "sobol", "scheduler": None},
        lambda: {"sampler": GridSampler(10), "scheduler": nn.hyperband()},
        lambda: {"sampler": Listed(ask_limit=4), "scheduler": nn.median_stopping(grace_period=1)},
        lambda: {"scheduler": nn.population_based(perturbation_interval=1), "lanes": 4},
    ],
    ids=["sobol", "grid", "adaptive", "population"],
)
@pytest.mark.filterwarnings("ignore:sweep. the sampler learns little")
def test_the_last_block_is_filled_with_the_bits_of_one_go(tmp_path, make_options):
    short = sweep(tmp_path, **SHORT, **make_options())
    whole = sweep(**LONG, **make_options())
    assert_same_table(sweep(tmp_path, **LONG, **make_options()), whole)
    assert_same_table(sweep(tmp_path, **LONG, **make_options()), whole)
    # Trials that had ended before have the same curves, as far as both go.
    for before, after in zip(short.trials, whole.trials, strict=False):
        ends = min(before.epochs, after.epochs)
        assert_same_bits(before.curves.scores[:, :ends], after.curves.scores[:, :ends])


def test_a_grid_of_more_trials_is_another_one(tmp_path):
    options = {"scheduler": None, "sampler": "grid"}
    sweep(tmp_path, **SHORT, **options)
    with pytest.raises(ValueError, match=r"sampler was GridSampler\(trials=6\) and is GridSampler\(trials=10\)"):
        sweep(tmp_path, **LONG, **options)


@pytest.mark.optimized
def test_a_directory_goes_on_with_and_without_an_executor(tmp_path):
    whole = sweep(trials=14)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        sweep(tmp_path, trials=5, executor=pool)
        sweep(tmp_path, trials=8)
        assert_same_table(sweep(tmp_path, trials=14, executor=pool), whole)
    # The directory knows its blocks.
    assert_same_table(sweep(tmp_path, trials=14, block=None), whole)


def test_a_directory_without_blocks_goes_on_without_them(tmp_path):
    sweep(tmp_path, **SHORT, block=None, lanes=4)
    rule = "holds a sweep without blocks; leave out block= and executor=, or give another directory"
    with pytest.raises(ValueError, match=rule):
        sweep(tmp_path, **SHORT, lanes=4)


@pytest.fixture
def other_conditions():
    """Sets an option of JAX that counts among the conditions, when it is called."""
    yield functools.partial(jax.config.update, "jax_default_matmul_precision", "float32")
    jax.config.update("jax_default_matmul_precision", "highest")


@pytest.mark.parametrize("executor", [None, lambda: ThreadPoolExecutor(1)], ids=["here", "workers"])
def test_under_other_conditions_the_blocks_that_are_done_stay(tmp_path, monkeypatch, other_conditions, executor):
    monkeypatch.setattr(driver, "LONGEST_SPAN", 1)
    options = {"trials": 14, "executor": executor, "keep": 14}
    with pytest.raises(InjectedError):
        sweep(tmp_path, log=end_after(8), **options)
    before = nn.sweeps.load(tmp_path)
    done = len(before.trials)
    assert 8 <= done < 14
    other_conditions()
    rule = 'matmul_precision was highest and is float32. on_mismatch="continue" keeps the blocks that are done'
    with pytest.raises(ValueError, match=rule):
        sweep(tmp_path, **options)
    assert len(nn.sweeps.load(tmp_path).trials) == done
    after = sweep(tmp_path, on_mismatch="continue", **options)
    elsewhere = ["ran in another environment: jax_default_matmul_precision" in trial.reason for trial in after.trials]
    assert elsewhere == [number < done for number in range(14)]
    for was, now in zip(before.trials, after.trials, strict=False):
        assert now.reason.startswith(was.reason)
        assert_same_bits(now._replace(reason="", seconds=0.0), was._replace(reason="", seconds=0.0))
    undisturbed = sweep(trials=14)
    assert_same_bits(*(
        [trial._replace(seconds=0.0, worker="") for trial in result.trials[done:]] for result in (after, undisturbed)
    ))  # fmt: skip
    # From now on these are the conditions of the directory.
    assert_same_table(sweep(tmp_path, **options), after)
    assert nn.sweeps.load(tmp_path).table() == after.table()


def test_a_replay_knows_the_conditions_of_each_trial(tmp_path, other_conditions):
    sweep(tmp_path, **SHORT)
    other_conditions()
    after = sweep(tmp_path, **LONG, on_mismatch="continue")
    assert_same_bits(after.replay(9).curves, after.trials[9].curves)
    for result in (after, pickle.loads(cloudpickle.dumps(after))):
        with pytest.warns(UserWarning, match="computes other bits .*: jax_default_matmul_precision was highest and is"):
            result.replay(0)
    jax.config.update("jax_default_matmul_precision", "highest")
    assert_same_bits(after.replay(0).curves, after.trials[0].curves)


def test_where_nothing_is_left_to_run_the_conditions_stay(tmp_path, other_conditions):
    done = sweep(tmp_path, **SHORT)
    other_conditions()
    assert_same_table(sweep(tmp_path, **SHORT, on_mismatch="continue"), done)
    jax.config.update("jax_default_matmul_precision", "highest")
    assert_same_table(sweep(tmp_path, **SHORT), done)


def test_a_result_goes_on_in_memory():
    whole, short = sweep(**LONG), sweep(**SHORT, executor=lambda: ThreadPoolExecutor(1))
    extended = short.extend(trials=10)
    assert_same_table(extended, whole)
    assert len(short.trials) == 6
    assert_same_table(short.extend(trials=10), whole)
    assert_same_table(extended.extend(trials=14), sweep(trials=14))
    assert_same_bits(extended.replay(9).curves, whole.trials[9].curves)
    with pytest.raises(ValueError, match="trials must be at least 11, not 10"):
        extended.extend(trials=10)
    with pytest.raises(ValueError, match="cannot train on; call sweep with more epochs="):
        extended.extend(epochs=9)


class Rates(NamedTuple):
    """A sampler that begins anew in each sweep, unlike `Listed`."""

    rates: tuple

    def init(self, space, key, lanes):
        return Listed([Setting((), {"learning_rate": rate}) for rate in self.rates])


class Crowded(nn.sweeps.TrialScheduler):
    """Stops all trials of a block of more than two after an epoch, except in the first block."""

    def __init__(self):
        self.trials = []

    def init(self, epochs, space, key):
        return Crowded()

    def add(self, trial, setting):
        self.trials.append(trial)

    def start(self, trial):
        return 1

    def report(self, trial, epoch, score):
        is_crowded = min(self.trials) > 0 and len(self.trials) > 2
        return nn.sweeps.Stop() if is_crowded or epoch == 40 else nn.sweeps.Continue(40)


def test_a_best_trial_that_the_result_before_did_not_keep_has_parameters():
    """Trial 4 of six is the best, until its block is full."""
    sampler = Rates(tuple({3: 1e-3, 4: 0.03}.get(number, 1e-5) for number in range(8)))
    options = {"scheduler": Crowded(), "sampler": sampler, "score": None, "keep": 1, "epochs": 40}
    short = sweep(**SHORT, **options)
    assert list(short.kept) == [4]
    extended, whole = short.extend(trials=8), sweep(trials=8, **options)
    assert list(whole.kept) == [3]
    assert_same_table(extended, whole)


def test_a_result_with_unfinished_blocks_or_no_more_settings_does_not_go_on(monkeypatch):
    monkeypatch.setattr(driver, "LONGEST_SPAN", 1)
    with pytest.raises(ValueError, match="extend: 6 of 10 trials are unfinished"):
        sweep(**LONG, seconds=1e-9).extend(trials=16)
    with pytest.warns(UserWarning, match="extend: the sampler has no more settings"):
        assert len(sweep(**SHORT, sampler="grid").extend(trials=8).trials) == 6
