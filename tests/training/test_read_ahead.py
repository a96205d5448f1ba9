"""read_ahead: the next item is read while this one is used, and errors come where the item would."""

import threading

import jax
import numpy as np
import pytest

from jaxnn.training.read_ahead import read_ahead


def test_the_next_item_is_read_while_this_one_is_used() -> None:
    used, started = threading.Event(), threading.Event()

    def items():
        yield 1
        assert used.wait(10)
        started.set()
        yield 2

    ahead = read_ahead(items())
    assert next(ahead) == [1]
    used.set()
    assert started.wait(10)
    assert list(ahead) == [[2]]


def test_no_more_items_wait_than_are_asked_for() -> None:
    taken = []
    ahead = read_ahead((taken.append(i) or i for i in range(100)), 3)
    groups = [next(ahead) for _ in range(5)]
    ahead.close()
    used = [item for group in groups for item in group]
    assert used == list(range(len(used)))
    assert all(1 <= len(group) <= 3 for group in groups)
    assert len(taken) <= len(used) + 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("jaxnn batches")]


def test_an_error_comes_after_the_items_before_it() -> None:
    def items():
        yield 1
        raise OSError("the disk is gone")

    ahead = read_ahead(items())
    assert next(ahead) == [1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)


def test_the_thread_has_the_precision_of_the_caller() -> None:
    types = (jax.dtypes.canonicalize_dtype(np.float64) for _ in range(2))
    with jax.enable_x64(True):
        assert sum(read_ahead(types), []) == [np.float64] * 2  # noqa: RUF017


def test_ctrl_c_does_not_wait_for_an_item_that_does_not_come() -> None:
    threads, reads, ends = [], threading.Event(), threading.Event()

    def items():
        threads.append(threading.current_thread())
        yield 1
        reads.set()
        ends.wait(60)
        yield 2

    ahead = read_ahead(items())
    assert next(ahead) == [1]
    assert reads.wait(10)
    with pytest.raises(KeyboardInterrupt):
        ahead.throw(KeyboardInterrupt)
    assert not ends.is_set()
    assert threads[0].is_alive()
    ends.set()
    threads[0].join(10)
    assert not threads[0].is_alive()
