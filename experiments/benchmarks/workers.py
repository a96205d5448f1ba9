"""Workers: a process for every core, and one that has them all, for tools that would not share ours.

A tool that runs one small model on one core gets all cores by a worker on each. The processes are spawned, never
forked, and live from round to round: what they import counts once, outside of the rounds.
"""

import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

# Of libraries that would start a thread for every core, whatever the worker is pinned to.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# On a GPU: JAX in several processes must not reserve most of the memory in each.
_SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}

# With `few`, one process does the work of all: what a quick run saves is the imports of the others.
few = False

_pools: dict[int | None, ProcessPoolExecutor] = {}


def cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


class Done(NamedTuple):
    """What workers bring back, and the seconds of the slowest by its own clock: the way there is not counted."""

    results: list[Any]
    seconds: float


def on_each_core(function: Callable[..., Any], common: Sequence[Any], shares: Sequence[Any]) -> Done:
    """`function(*common, share)` for every share, side by side, the first share on the first core."""
    places: list[int | None] = [None] if few else [*cores()]
    futures = [
        _pool(places[i % len(places)]).submit(_clocked, function, *common, share) for i, share in enumerate(shares)
    ]
    results, seconds = zip(*[future.result() for future in futures], strict=True)
    return Done(list(results), max(seconds))


def on_all_cores(function: Callable[..., Any], *arguments: Any) -> Done:
    """`function(*arguments)` in one process that may use every core: one result."""
    result, seconds = _pool(None).submit(_clocked, function, *arguments).result()
    return Done([result], seconds)


def _clocked(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    begun = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - begun


def shares(count: int) -> list[list[int]]:
    """The numbers 0 … count - 1, dealt out to the cores in turn, so that each has as much to do."""
    number = 1 if few else min(len(cores()), count)
    return [list(range(first, count, number)) for first in range(number)]


def hands(count: int) -> str:
    """How many processes share so many trainings, in words."""
    number = len(shares(count))
    return f"{number} process{'es' * (number > 1)}"


def close() -> None:
    """End the processes."""
    while _pools:
        _pools.popitem()[1].shutdown()


def _pool(core: int | None) -> ProcessPoolExecutor:
    if core not in _pools:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(1, mp_context=context, initializer=_settle, initargs=(core,))
        with _environment(_SHARED if core is None else _SHARED | _ONE_THREAD):
            pool.submit(os.getpid).result()  # the process starts with the first task, and inherits what is set now
        _pools[core] = pool
    return _pools[core]


def _settle(core: int | None) -> None:
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
