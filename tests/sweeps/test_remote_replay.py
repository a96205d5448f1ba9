"""Replays on an executor: the bytes of the sweep, where this process computes other bits than its workers."""

import multiprocessing
import threading
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import cloudpickle
import jax
import numpy as np
import pytest

import jaxnn as nn
from helpers.block_sweeps import make_recipe, sweep
from helpers.resumable_runs import TRAIN, VALIDATION, WIDTHS, InjectedError, assert_same_bits, leaf_bytes
from jaxnn.sweeps.blocks import job

pytestmark = [
    pytest.mark.optimized,  # workers compile as users do
    pytest.mark.skipif(
        jax.default_backend() != "cpu", reason="only programs for CPUs differ on one device and several"
    ),
]

OTHER_BITS = "replay: this process computes other bits than the workers of the sweep: devices was one and is several"


@pytest.fixture(scope="module")
def pool():
    """A worker with one device; the tests have two, and compute other bits."""
    context = multiprocessing.get_context("spawn")
    with pytest.MonkeyPatch.context() as patch, ProcessPoolExecutor(1, mp_context=context) as executor:
        patch.setenv("JAX_NUM_CPU_DEVICES", "1")
        yield executor


class Lent(Executor):
    """Passes work on to a pool that goes on after it."""

    def __init__(self, pool):
        self.pool, self.is_open = pool, True

    def submit(self, fn, /, *args, **options):
        assert self.is_open
        return self.pool.submit(fn, *args, **options)

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.is_open = False


@pytest.fixture(scope="module")
def made():
    """The executors that the sweep and its replays have made."""
    return []


@pytest.fixture(scope="module")
def spread(pool, made):
    """A sweep on workers with one device, whose replays need such a worker too."""

    def make_executor():
        made.append(Lent(pool))
        return made[-1]

    return sweep(executor=make_executor, trials=12, space=WIDTHS)


def reopen(result):
    """Returns a result as another process has it."""
    return cloudpickle.loads(cloudpickle.dumps(result))


def assert_replayed(replayed, result, trial):
    assert_same_bits(replayed.params, result.kept[trial])
    assert_same_bits(replayed.curves, result.trials[trial].curves)


def test_a_replay_has_the_bytes_of_the_workers(spread, made):
    trial = spread.best.trial
    before = len(made)
    assert_replayed(spread.replay(trial), spread, trial)
    assert [lent.is_open for lent in made] == [False] * (before + 1)


def test_a_result_without_an_executor_warns_and_replays_here(spread):
    trial, other = spread.best.trial, reopen(spread)
    with pytest.warns(UserWarning, match=rf"{OTHER_BITS}\. .*executor=, such as nn\.executors\.processes"):
        replayed = other.replay(trial)
    left, right = (jax.tree.leaves(jax.tree.map(leaf_bytes, tree)) for tree in (replayed.params, spread.kept[trial]))
    assert left != right
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), replayed.params, spread.kept[trial]
    )


def test_an_executor_of_the_call_replays_too(spread, pool):
    for trial in spread.kept:
        assert_replayed(reopen(spread).replay(trial, executor=pool), spread, trial)


def test_a_worker_of_other_bits_is_refused(spread):
    rule = r"replay: the worker .*:\d+ computes other bits than those of the sweep: devices was one and is several"
    with ThreadPoolExecutor(1) as threads, pytest.raises(ValueError, match=rule):
        spread.replay(spread.best.trial, executor=threads)


def test_an_executor_that_has_ended_is_named(spread):
    with ThreadPoolExecutor(1) as ended:
        pass
    other = spread._replace(workers=spread.workers._replace(executor=ended))
    with pytest.raises(RuntimeError, match=r"takes no more work \(RuntimeError: cannot .*shutdown\)\. Pass a function"):
        other.replay(spread.best.trial)


def test_a_finished_directory_opens_under_other_conditions(pool, tmp_path):
    options = {"trials": 8, "epochs": 3}
    spread = sweep(tmp_path, executor=pool, **options)
    opened = sweep(tmp_path, **options)
    trial = spread.best.trial
    assert_same_bits(opened.kept, spread.kept)
    with pytest.warns(UserWarning, match=OTHER_BITS):
        opened.replay(trial)
    assert_replayed(opened.replay(trial, executor=pool), spread, trial)


@pytest.mark.parametrize(
    "options",
    [
        {"scheduler": nn.population_based(perturbation_interval=3), "lanes": 8},
        {
            "scheduler": None,
            "evaluate_at": "rungs",
            "metrics": {"labels": lambda outputs, targets: float(np.asarray(outputs).argmax(-1).max())},
            "keep_epoch": "best",
        },
    ],
    ids=["populations", "functions of the host"],
)
def test_trials_of_all_kinds_are_replayed(pool, options):
    spread = sweep(executor=pool, trials=8, epochs=6, **options)
    for trial in spread.kept:
        assert_same_bits(spread.replay(trial).params, spread.kept[trial])


class FarWorkers(ThreadPoolExecutor):
    """Workers that cannot read the files of the driver, as on another computer."""

    def submit(self, fn, /, *args, **options):
        task = args[0]
        return super().submit(fn, task._replace(envelope=task.envelope._replace(path=None, folder="elsewhere")))


def test_a_replay_on_workers_of_this_process(monkeypatch):
    result = sweep(trials=8, epochs=3)
    trial = result.best.trial
    with ThreadPoolExecutor(1) as threads:
        assert_replayed(result.replay(trial, executor=threads), result, trial)
    monkeypatch.setattr(job, "_LONGEST_BODY", 0)
    with FarWorkers(1) as far:  # they ask for the bytes of the job
        assert_replayed(result.replay(trial, executor=far), result, trial)


def test_workers_know_the_job_of_the_sweep():
    loaded = []
    LOADERS["count"] = lambda: loaded.append(threading.current_thread())
    with ThreadPoolExecutor(1) as threads:
        result = sweep(data=load, executor=threads, trials=8, epochs=3)
        for trial in (1, 2):
            result.replay(trial, executor=threads)
    assert len(loaded) == 2  # here and on the worker


LOADERS = {}


def load():
    LOADERS["count"]()
    return TRAIN


def test_an_exception_of_a_replay_comes_with_its_text():
    def make(hypers):
        if threading.current_thread() is not threading.main_thread():
            raise InjectedError("mine")
        return make_recipe(hypers)

    result = sweep(make=make, trials=8, epochs=3)
    with ThreadPoolExecutor(1) as threads, pytest.raises(InjectedError, match="mine") as caught:
        result.replay(3, executor=threads)
    assert "in a replay of trial 3\n" in caught.value.__notes__[0]


def test_a_replay_that_loses_its_worker_is_named():
    class Broken(Executor):
        def submit(self, fn, /, *args, **options):
            future = Future()
            future.set_exception(BrokenExecutor())
            return future

    result = sweep(trials=8, epochs=3)
    with pytest.raises(RuntimeError, match="replay: the trial lost its worker"):
        result.replay(3, executor=Broken())


def test_executors_that_replay_nothing(as_installed):
    result = sweep(trials=8, epochs=3)
    with pytest.raises(TypeError, match=r"replay: executor must be a concurrent\.futures\.Executor"):
        result.replay(3, executor="dask")  # pyright: ignore[reportArgumentType]
    alone = nn.sweep(
        make_recipe, {"learning_rate": nn.uniform(0, 1)}, TRAIN, key=jax.random.key(0), trials=2, epochs=1,
        validation=VALIDATION, progress=False,
    )  # fmt: skip
    with ThreadPoolExecutor(1) as threads, pytest.raises(ValueError, match="this sweep had none, see its block="):
        alone.replay(1, executor=threads)
