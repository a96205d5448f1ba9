"""Sweeps in blocks on worker processes: the bytes of one process, errors by name, and workers that die."""

import json
import multiprocessing
import os
import sys
import threading
import types
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import jax
import numpy as np
import pytest

import jaxnn as nn
from helpers.block_sweeps import RATES, WIDTHS, Listed, assert_same_table, end_after, make_recipe, sweep
from helpers.resumable_runs import InjectedError
from jaxnn.sweeps.blocks import driver, job, worker

# Workers compile as users do.
pytestmark = pytest.mark.optimized

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def pool():
    """Two workers, which all tests share; they have three devices, and the tests two."""
    with pytest.MonkeyPatch.context() as patch, ProcessPoolExecutor(2, mp_context=SPAWN) as executor:
        patch.setenv("JAX_NUM_CPU_DEVICES", "3")
        yield executor


@pytest.fixture(scope="module")
def alone():
    """The sweep in one process."""
    return sweep()


def test_workers_give_the_bytes_of_one_process(pool, alone):
    spread = sweep(executor=pool)
    assert_same_table(spread, alone)
    workers = {row["worker"] for row in spread.table()}
    assert workers.isdisjoint({row["worker"] for row in alone.table()})
    assert_same_table(sweep(executor=pool), alone)  # with what the workers have compiled


def test_functions_of_all_kinds_travel(pool):
    def score(outputs, targets):  # NumPy, on the worker
        return float((np.asarray(outputs).argmax(-1) == np.asarray(targets)).mean())

    factor = 2.0
    options = {
        "make": lambda hypers: make_recipe({"learning_rate": factor * hypers["learning_rate"]}), "score": score,
        "metrics": {"twice": lambda outputs, targets: 2.0 * nn.accuracy(outputs, targets)}, "evaluate_at": "rungs",
        "trials": 8, "epochs": 3,
    }  # fmt: skip
    spread = sweep(executor=pool, **options)
    assert_same_table(spread, sweep(**options))
    curves = spread.replay(5).curves
    np.testing.assert_array_equal(curves.scores, spread.trials[5].curves.scores)


def test_an_exception_of_the_users_code_comes_at_once_with_its_text(pool):
    def make(hypers):
        raise InjectedError(f"mine in {os.getpid()}")

    with pytest.raises(InjectedError, match="mine in") as caught:
        sweep(executor=pool, make=make)
    assert str(os.getpid()) not in str(caught.value)
    assert "raised by the worker" in caught.value.__notes__[0]
    assert "in make\n" in caught.value.__notes__[0]


def test_an_exception_of_a_class_that_is_not_here_comes_as_text(pool):
    def make(hypers):
        module = types.ModuleType("only_there")
        exec("class OurError(Exception): pass", module.__dict__)
        sys.modules["only_there"] = module
        raise module.OurError("theirs")

    with pytest.raises(RuntimeError, match=r"only_there.OurError: theirs"):
        sweep(executor=pool, make=make)


def test_workers_take_the_options_of_jax_of_each_sweep(pool):
    def make(hypers):
        raise InjectedError(f"precision {jax.config.jax_default_matmul_precision}")

    for precision in ("highest", "tensorfloat32"):
        with jax.default_matmul_precision(precision), pytest.raises(InjectedError, match=f"precision {precision}"):
            sweep(executor=pool, make=make)


@pytest.mark.parametrize(("name", "options"), [
    ("make_recipe", lambda lock: {"make": lambda hypers: lock and make_recipe(hypers)}),
    ("score", lambda lock: {"score": lambda outputs, targets: lock and nn.accuracy(outputs, targets)}),
    ("space", lambda lock: {"space": RATES | {"lock": nn.choice(lock, 1)}}),
])  # fmt: skip
def test_what_cannot_travel_is_named(pool, name, options):
    rule = f"sweep: {name} cannot be sent to workers: it holds a '_thread.lock'. Make it inside the function"
    with pytest.raises(TypeError, match=rule):
        sweep(executor=pool, **options(threading.Lock()))


def test_a_sweep_is_packed_once(pool):
    class Counted:
        """A part of `make_recipe` that notes how often it is packed."""

        packed = 0

        def __reduce__(self):
            Counted.packed += 1
            return int, ()

    part = Counted()
    sweep(executor=pool, trials=8, epochs=3, make=lambda hypers: (part, make_recipe(hypers))[1])
    assert Counted.packed == 1


def test_a_file_that_is_open_cannot_travel(pool, tmp_path):
    rule = "sweep: make_recipe cannot be sent to workers: it holds a file that is open. Make it inside the function"
    with (tmp_path / "log").open("w") as file, pytest.raises(TypeError, match=rule):
        sweep(executor=pool, make=lambda hypers: file.name and make_recipe(hypers))


def test_executors_that_cannot_run_a_sweep(as_installed):
    with pytest.raises(ValueError, match=r"forks the process.*get_context\(\"spawn\"\)"):
        sweep(executor=ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")))
    with pytest.raises(TypeError, match=r"executor\(\) must return a concurrent.futures.Executor, not 4"):
        sweep(executor=lambda: 4)
    with pytest.raises(TypeError, match=r"executor must be a concurrent.futures.Executor, a function"):
        sweep(executor=4)


@pytest.mark.filterwarnings("ignore:sweep. the sampler learns little")
def test_blocks_are_asked_for_in_the_order_of_blocks(pool):
    """The sampler proposes what it has been told, which depends on the order of calls."""
    samplers = []
    for executor in (None, pool):
        samplers.append(Listed(ask_limit=4))
        samplers[-1].table = sweep(executor=executor, sampler=samplers[-1], block=4, ahead=2, trials=16, epochs=3)
    assert samplers[0].calls == samplers[1].calls
    assert [call[0] for call in samplers[0].calls] == ["ask", "ask", "tell", "ask", "tell", "ask", "tell", "tell"]
    assert_same_table(samplers[0].table, samplers[1].table)


def test_a_directory_goes_on_with_workers(pool, alone, tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "LONGEST_SPAN", 1)
    with pytest.raises(InjectedError):
        sweep(tmp_path, log=end_after(16))
    resumed = sweep(tmp_path, executor=pool)
    assert_same_table(resumed, alone)
    workers = [row["worker"] for row in resumed.table()]
    assert set(workers[:24]).isdisjoint(workers[24:])  # the log raises after the third block


class FarWorkers(ThreadPoolExecutor):
    """Workers that cannot read the files of the driver, as on another computer."""

    def submit(self, fn, task):
        return super().submit(fn, task._replace(envelope=task.envelope._replace(path=None, folder="elsewhere")))


def test_workers_that_cannot_read_the_file_of_the_job_get_its_bytes(alone, monkeypatch):
    monkeypatch.setattr(job, "_LONGEST_BODY", 0)
    with FarWorkers(2) as executor:  # three spans are sent before the first answer
        assert_same_table(sweep(executor=executor), alone)


class OtherUsers(ThreadPoolExecutor):
    """Workers that cannot write to the folder of the driver, as those of another user on the same computer."""

    def submit(self, fn, task):
        return super().submit(fn, task._replace(envelope=task.envelope._replace(folder="/proc")))


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a folder to which nobody can write")
def test_workers_that_cannot_write_a_report_send_it(alone, monkeypatch):
    monkeypatch.setattr(worker, "_LONGEST_MESSAGE", 0)
    with OtherUsers(1) as executor:
        assert_same_table(sweep(executor=executor), alone)


def test_a_sweep_that_an_exception_ends_leaves_no_span_to_its_executor():
    sent = []

    class Shared(Executor):  # does not tell that it has one worker, so that spans wait
        def submit(self, fn, task):
            sent.append(threads.submit(fn, task))
            return sent[-1]

    def log(trial, _):
        raise InjectedError

    with ThreadPoolExecutor(1) as threads, pytest.raises(InjectedError):
        sweep(executor=Shared(), log=log)
    assert sent[-1].cancelled()


class Pools:
    """Makes pools, and kills a worker of the last one."""

    def __init__(self, workers=2, context=SPAWN):
        self.workers, self.context, self.made = workers, context, []

    def __call__(self):
        self.made.append(ProcessPoolExecutor(self.workers, mp_context=self.context))
        return self.made[-1]

    def kill(self):
        for process in list((self.made[-1]._processes or {}).values())[:1]:
            process.kill()


def test_a_worker_that_dies_changes_no_bit(alone, tmp_path):
    # A fork server stands between the driver and its workers.
    pools = Pools(context=multiprocessing.get_context("forkserver"))
    killed, before = [], set(multiprocessing.active_children())

    def log(trial, _):
        if not killed:
            killed.append(trial)
            pools.kill()

    result = sweep(executor=pools, log=log, directory=tmp_path / "run")
    assert_same_table(result, alone)
    assert len(pools.made) == 2
    assert set(multiprocessing.active_children()) <= before
    events = [json.loads(line) for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines()]
    assert sorted(event["number"] for event in events if event["event"] == "block") == list(range(4))


def test_a_block_that_always_kills_its_worker_is_named(alone):
    def choose(number, setting):
        return setting._replace(choices=(("width", int(number == 9)),))

    settings = [choose(number, trial.setting) for number, trial in enumerate(alone.trials)]
    with pytest.raises(RuntimeError, match=r"block 1 \(trials 8 … 15\) lost its worker 3 times") as caught:
        sweep(executor=Pools(1), sampler=Listed(settings), space=WIDTHS)
    statuses = [trial.status for trial in caught.value.sweep_result.trials]
    assert {number for number, status in enumerate(statuses) if status == "unfinished"} == set(range(8, 16))


def test_a_given_executor_that_breaks_cannot_be_made_anew():
    class Broken(Executor):
        def submit(self, *_):
            raise BrokenExecutor

    with pytest.raises(RuntimeError, match="Pass a function that makes an executor"):
        sweep(executor=Broken())


def test_a_function_that_makes_broken_executors_is_not_called_for_ever():
    class Broken(Executor):
        def submit(self, *_):
            raise BrokenExecutor("no queue")

    made = []
    with pytest.raises(RuntimeError, match=r"executor\(\) returned an executor that takes no work: no queue"):
        sweep(executor=lambda: made.append(Broken()) or made[-1])
    assert len(made) == 1


def test_workers_that_never_start_end_the_sweep_after_a_few_blocks():
    class Dying(Executor):
        def submit(self, *_):
            future = Future()
            future.set_exception(BrokenExecutor())
            return future

    made = []
    rule = (
        r"sweep: block 0, block 1, block .* lost workers 6 times before any result; .* A script .* needs `if __name__"
    )
    with pytest.raises(RuntimeError, match=rule):
        sweep(executor=lambda: made.append(Dying()) or made[-1], block=1)
    assert len(made) < 10


def test_executors_of_jaxnn_are_checked(monkeypatch):
    with pytest.raises(ValueError, match="processes: workers must be at least 1, not 0"):
        nn.executors.processes(0)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match="pip install 'ray"):
        nn.executors.ray(num_gpus=1)


def test_a_task_of_ray_ends_with_its_future(monkeypatch):
    """Stands in for Ray: a task whose future is cancelled before the sweep shuts the executor down."""
    ended, made = [], []
    task = types.SimpleNamespace(future=lambda: made.append(Future()) or made[-1])
    function = types.SimpleNamespace(remote=lambda: task)
    engine = types.SimpleNamespace(
        is_initialized=lambda: True, remote=lambda **_: lambda _: function, cancel=ended.append
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "ray", engine)
    executor = nn.executors.ray()
    done, dropped = executor.submit(print), executor.submit(print)
    done.set_result(None)
    dropped.cancel()
    executor.shutdown(wait=False, cancel_futures=True)
    assert ended == [task]


@pytest.mark.parametrize("place", ["make_recipe", "score"])
def test_a_worker_that_the_users_code_ends_is_an_error_of_that_code(pool, place):
    def leave(*_):
        sys.exit("no GPU here")

    options = {"make": leave} if place == "make_recipe" else {"score": leave, "evaluate_at": "rungs"}
    with pytest.raises(RuntimeError, match=r"in leave\n(.*\n)*SystemExit: no GPU here") as caught:
        sweep(executor=pool, **options)
    assert "raised by the worker" in caught.value.__notes__[0]


class Mixed(ThreadPoolExecutor):
    """Returns what a function makes of each report."""

    def __init__(self, change):
        super().__init__(1)
        self.change = change

    def submit(self, fn, task):
        def run(task):
            answer = fn(task)
            return self.change(answer.read() if hasattr(answer, "read") else answer)

        return super().submit(run, task)


@pytest.mark.parametrize(
    ("change", "returned"),
    [
        (lambda report: report._replace(blocks=[]), "no block"),
        (lambda report: report._replace(blocks=[report.blocks[0]._replace(number=7)]), r"block 7 \(trials 0 … 7\)"),
        (lambda report: report._replace(blocks=report.blocks * 2), r"block 0 \(trials 0 … 7\), block 0 \(trials 0"),
    ],
)
def test_blocks_that_were_not_asked_for_are_named(change, returned):
    rule = rf"the worker .* was sent block 0 \(trials 0 … 7\) and returned {returned}"
    with Mixed(change) as executor, pytest.raises(RuntimeError, match=rule):
        sweep(executor=executor, trials=16, epochs=2)
