"""Executors for `sweep(executor=…)`, beside those of `concurrent.futures`, Dask, MPI and others.

`processes` starts workers on this computer, and `ray` on a cluster of Ray. Any other `concurrent.futures.Executor`
serves as it is: `client.get_executor()` of Dask, `mpi4py.futures.MPIPoolExecutor`, loky's.
"""

import functools
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from jaxnn._checks.arrays import check_whole
from jaxnn.sweeps.blocks.orphans import end_with

__all__ = ["processes", "ray"]


def processes(workers: int) -> Callable[[], Executor]:
    """Returns a function that starts worker processes on this computer.

    They end with the sweep, and if its process is killed. A script that uses them needs `if __name__ == "__main__":`,
    since workers import it. Each of them has all cores. A computer with GPUs needs no workers: a sweep uses all cards
    of its process.

    Args:
        workers: the number of processes.

    Example:
        >>> import jaxnn as nn
        >>> nn.sweep(..., executor=nn.executors.processes(2))  # doctest: +SKIP
    """
    import multiprocessing  # it takes a while, as the next one does
    from concurrent.futures import ProcessPoolExecutor

    check_whole("processes", "workers", workers, least=1)
    context = multiprocessing.get_context("spawn")
    return functools.partial(
        ProcessPoolExecutor, workers, mp_context=context, initializer=end_with, initargs=(os.getpid(),)
    )


def ray(**remote_options: Any) -> Executor:
    """Returns an executor that runs each span as a task of Ray.

    Args:
        remote_options: of `ray.remote`, such as `num_gpus=1`, which pins a card to each worker, or `num_cpus=8`.

    Raises:
        ImportError: Ray is not installed.

    Example:
        >>> import jaxnn as nn
        >>> nn.sweep(..., executor=nn.executors.ray(num_gpus=1))  # doctest: +SKIP
    """
    try:
        import ray as engine  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ImportError("nn.executors.ray needs Ray: pip install 'ray[default]'") from error
    return _RayExecutor(engine, remote_options)


class _RayExecutor(Executor):
    """Runs functions as tasks of Ray, which runs those of a lost worker again by itself."""

    def __init__(self, engine: Any, options: dict[str, Any]) -> None:
        if not engine.is_initialized():
            engine.init()
        self._engine, self._options = engine, {"num_cpus": 1, "max_retries": 2} | options
        self._tasks: dict[Future[Any], Any] = {}

    @property
    def num_workers(self) -> int:
        """How many tasks the cluster runs at a time."""
        wanted = {"CPU": self._options.get("num_cpus"), "GPU": self._options.get("num_gpus")}
        resources = self._engine.cluster_resources()
        counts = [int(resources.get(name, 0) // each) for name, each in wanted.items() if each]
        return max(min(counts, default=1), 1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        task = self._engine.remote(**self._options)(fn).remote(*args, **kwargs)
        future = task.future()
        self._tasks[future] = task
        future.add_done_callback(self._forget)
        return future

    def _forget(self, future: Future[Any]) -> None:
        """Lets Ray forget a result, which it keeps as long as its task, and ends a task that was cancelled."""
        task = self._tasks.pop(future, None)
        if future.cancelled():
            self._engine.cancel(task)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for future, task in list(self._tasks.items()):
            if cancel_futures and not future.done():
                self._engine.cancel(task)
            elif wait:
                future.exception()
