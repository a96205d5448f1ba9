"""Workers: one process per core, and one process that may use all cores, for tools other than JAX in this process.

A tool that trains one small model on one core uses all cores through one worker on each. The processes are spawned, not
forked, and are reused in all rounds, so that their imports are not timed.
"""

import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

# For libraries that otherwise start a thread per core, even in a process that is pinned to one core.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# On a GPU, JAX must not reserve most of the memory in each of several processes.
_SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}

# Quick runs set this: one process does the work of all, which saves the imports in the others.
single_process = False

_pools: dict[int | None, ProcessPoolExecutor] = {}


def cores() -> list[int]:
    """Returns the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


class WorkerResult(NamedTuple):
    """The results of the workers, and the seconds of the slowest by its own clock, without communication."""

    results: list[Any]
    seconds: float


def run_on_each_core(function: Callable[..., Any], common: Sequence[Any], shares: Sequence[Any]) -> WorkerResult:
    """Runs `function(*common, share)` for every share in parallel, the first share on the first core."""
    pools: list[int | None] = [None] if single_process else [*cores()]
    futures = [
        _get_pool(pools[i % len(pools)]).submit(_time_call, function, *common, share) for i, share in enumerate(shares)
    ]
    results, seconds = zip(*[future.result() for future in futures], strict=True)
    return WorkerResult(list(results), max(seconds))


def run_on_all_cores(function: Callable[..., Any], *arguments: Any) -> WorkerResult:
    """Runs `function(*arguments)` in one process that may use every core."""
    result, seconds = _get_pool(None).submit(_time_call, function, *arguments).result()
    return WorkerResult([result], seconds)


def _time_call(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    started = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - started


def split_trials(count: int) -> list[list[int]]:
    """Splits the trials 0 … count - 1 evenly among the cores, round-robin."""
    number = 1 if single_process else min(len(cores()), count)
    return [list(range(first, count, number)) for first in range(number)]


def describe_processes(count: int) -> str:
    """Returns, as text, how many processes share `count` trainings."""
    number = len(split_trials(count))
    return f"{number} process{'es' * (number > 1)}"


def close() -> None:
    """Ends the processes."""
    while _pools:
        _pools.popitem()[1].shutdown()


def _get_pool(core: int | None) -> ProcessPoolExecutor:
    if core not in _pools:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(1, mp_context=context, initializer=_pin, initargs=(core,))
        with _set_environment(_SHARED if core is None else _SHARED | _ONE_THREAD):
            pool.submit(os.getpid).result()  # the first task starts the process, which inherits the environment
        _pools[core] = pool
    return _pools[core]


def _pin(core: int | None) -> None:
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def _set_environment(values: dict[str, str]) -> Iterator[None]:
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
