"""An executor: the user's, or one that a function of the user makes, and makes anew when it breaks."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from jaxnn.sweeps.blocks.worker import Task, run_span

# The number of workers of an executor that does not tell it.
_UNKNOWN = 4
# Seconds after which a worker that was asked to end is killed.
_PATIENCE = 5.0


class Pool:
    """Submits spans; what it has made itself it also ends."""

    def __init__(self, executor: Any) -> None:
        self._make: Callable[[], Any] | None = None
        self._has_worked = False
        if isinstance(executor, Executor):
            self._executor = _check(executor)
        else:
            self._make = executor
            self._executor = _check(executor())

    @property
    def workers(self) -> int:
        """The number of workers, or a guess."""
        for name in ("_max_workers", "num_workers", "max_workers"):
            count = getattr(self._executor, name, None)
            if isinstance(count, int) and count > 0:
                return count
        client: Any = getattr(self._executor, "_client", None)  # of Dask
        return max(len(client.nthreads()), 1) if hasattr(client, "nthreads") else _UNKNOWN

    @property
    def can_be_remade(self) -> bool:
        """Whether a function makes the executor."""
        return self._make is not None

    def submit(self, task: Task) -> Future[Any]:
        """Sends a span."""
        future = self._executor.submit(run_span, task)
        self._has_worked = True
        return future

    def remake(self, reason: BaseException) -> None:
        """Makes a new executor after this one has lost a worker.

        Raises:
            RuntimeError: it has never taken work, and so would a new one not.
        """
        assert self._make is not None
        if not self._has_worked:
            raise RuntimeError(f"sweep: executor() returned an executor that takes no work: {reason}") from reason
        self.close(kill=True)
        self._executor, self._has_worked = _check(self._make()), False

    def close(self, *, kill: bool = False) -> None:
        """Ends an executor that was made here: waits for its workers, or ends them too."""
        if self._make is None:
            return
        processes = [*(getattr(self._executor, "_processes", None) or {}).values()] if kill else []
        with contextlib.suppress(Exception):  # a broken executor may not shut down
            self._executor.shutdown(wait=not kill, cancel_futures=kill)
        for process in processes:
            with contextlib.suppress(Exception):
                process.terminate()
        for process in processes:
            with contextlib.suppress(Exception):
                process.join(_PATIENCE)
                process.kill()


def _check(executor: Any) -> Any:
    """Refuses processes that would start as copies of this one: JAX has threads, which a copy lacks."""
    if not isinstance(executor, Executor):
        raise TypeError(f"sweep: executor() must return a concurrent.futures.Executor, not {executor!r}")
    context = getattr(executor, "_mp_context", None)
    if context is not None and context.get_start_method() == "fork":
        raise ValueError(
            "sweep: this executor forks the process, in which JAX runs threads, and can hang; use "
            'nn.executors.processes(...), or ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))'
        )
    return executor
