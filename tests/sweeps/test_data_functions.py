"""Data as functions that load them: the same bits as arrays, which then do not travel to workers."""

import functools
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import jaxnn as nn
from helpers import block_sweeps
from helpers.block_sweeps import assert_same_table
from helpers.resumable_runs import TRAIN, VALIDATION, InjectedError

sweep = functools.partial(block_sweeps.sweep, trials=12, epochs=2, block=4, scheduler=None)
CALLS = Counter()
# As they travel, in the types of JAX.
BYTES = {name: np.float32(x).tobytes() for name, x in (("train", TRAIN[0]), ("validation", VALIDATION[0]))}


def load_train():
    CALLS["train"] += 1
    return TRAIN


def load_validation():
    CALLS["validation"] += 1
    return VALIDATION


class Threads(ThreadPoolExecutor):
    """Workers in threads, which keep what they were sent."""

    def __init__(self):
        super().__init__(1)
        self.bodies = []

    def submit(self, fn, /, *args, **options):
        self.bodies.append(args[0].envelope.body)
        return super().submit(fn, *args, **options)


@pytest.fixture
def threads():
    with Threads() as executor:
        yield executor


def is_worker():
    return threading.current_thread() is not threading.main_thread()


def test_a_worker_loads_the_data_once_and_the_arrays_do_not_travel(threads):
    arrays = sweep(executor=threads)
    assert BYTES["train"] in threads.bodies[-1]
    CALLS.clear()
    spread = sweep(data=load_train, validation=load_validation, executor=threads)
    assert CALLS == {"train": 2, "validation": 2}  # here, and on the worker for all three blocks
    assert BYTES["train"] not in threads.bodies[-1]
    assert BYTES["validation"] not in threads.bodies[-1]
    assert_same_table(spread, arrays)


@pytest.mark.parametrize("options", [{}, {"validation": None, "folds": 3}], ids=["validation", "folds"])
def test_a_worker_prepares_what_it_loads(threads, options):
    options |= {"prepare": nn.standard_scaling}
    spread = sweep(data=load_train, executor=threads, **options)
    assert BYTES["train"] not in threads.bodies[-1]
    assert_same_table(spread, sweep(**options))


def test_one_process_calls_them_once():
    CALLS.clear()
    result = sweep(data=load_train, validation=load_validation, refit=True)
    assert CALLS == {"train": 1, "validation": 1}
    assert_same_table(result, sweep())
    assert result.refit is not None
    assert len(result.refit.losses) == 2


def test_a_worker_with_other_data_is_refused(threads):
    def load():
        return TRAIN[0] + is_worker() * np.float32(1e-6), TRAIN[1]

    with pytest.raises(ValueError, match=r"the worker .*:\d+ has other data than .*: data\.x is float32 \(105, 4\)"):
        sweep(data=load, executor=threads)


def test_a_directory_goes_on_with_the_same_data_alone(threads, tmp_path):
    sweep(tmp_path, data=load_train, executor=threads)
    assert_same_table(sweep(tmp_path), sweep())  # arrays and functions are the same sweep
    with pytest.raises(ValueError, match=r"data\.x has changed"):
        sweep(tmp_path, data=lambda: (TRAIN[0] + np.float32(1e-6), TRAIN[1]), executor=threads)


def test_data_that_change_between_two_sweeps_are_loaded_again(threads):
    shifts = [0.0]
    CHANGING["load"] = lambda: (TRAIN[0] + np.float32(shifts[0]), TRAIN[1])
    first = sweep(data=load_changing, executor=threads)
    shifts[0] = 1.0
    second = sweep(data=load_changing, executor=threads)
    assert first.best.score != second.best.score
    assert_same_table(second, sweep(data=load_changing))


CHANGING = {}


def load_changing():
    return CHANGING["load"]()


def test_an_exception_on_the_worker_comes_at_once(threads):
    def load():
        if is_worker():
            raise InjectedError("no such file")
        return TRAIN

    with pytest.raises(InjectedError, match="no such file") as caught:
        sweep(data=load, executor=threads)
    assert "raised by the worker" in caught.value.__notes__[0]
    assert len(threads.bodies) <= 2  # the span that failed, and the one that waited behind it


def test_a_function_that_cannot_travel_is_named(threads):
    lock = threading.Lock()
    rule = "sweep: {} cannot be sent to workers: it holds a '_thread.lock'. Make it inside the function"
    with pytest.raises(TypeError, match=rule.format("data")):
        sweep(data=lambda: lock and TRAIN, executor=threads)
    with pytest.raises(TypeError, match=rule.format("validation")):
        sweep(validation=lambda: lock and VALIDATION, executor=threads)
    with pytest.raises(TypeError, match=rule.format("prepare")):
        sweep(data=load_train, prepare=lambda x: lock and nn.standard_scaling(x), executor=threads)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": lambda: TRAIN[0]}, r"sweep: data\(\) must return a pair \(x, targets\), not ndarray"),
        ({"validation": lambda: None}, r"sweep: validation\(\) must return a pair \(x, targets\), not NoneType"),
        ({"data": lambda path: TRAIN}, "sweep: data must be a function without arguments, but <lambda> needs path"),
        ({"data": functools.partial(lambda path, n, *more: TRAIN, 1)}, r"but <lambda>\(1\) needs n"),
    ],
)
def test_functions_that_load_no_data(options, message):
    with pytest.raises(TypeError, match=message):
        sweep(**options)
