"""Runs all blocks of a sweep on an executor, also where workers die.

A pool that has lost a worker does not say which span it ran. Those that were running then run one at a time, each alone
in a new pool, so that no innocent block is blamed. Engines that know which task has lost its worker, such as Dask and
Ray, have run it again by themselves; what they give up is given up.
"""

import contextlib
import queue
from collections import Counter, deque
from concurrent.futures import BrokenExecutor, CancelledError, Future
from typing import Any

from jaxnn.sweeps.blocks.block import Block, SpanReport
from jaxnn.sweeps.blocks.collector import BlockCollector
from jaxnn.sweeps.blocks.conditions import check_versions
from jaxnn.sweeps.blocks.job import Envelope
from jaxnn.sweeps.blocks.pool import Pool
from jaxnn.sweeps.blocks.queue import BlockQueue
from jaxnn.sweeps.blocks.watch import Watch
from jaxnn.sweeps.blocks.worker import Failed, MissingBody, ReportFile, Task

# How often a block may lose its worker while it runs alone.
_MOST_LOSSES = 3
# How often blocks that run alone may lose their workers before the first result: then none can start.
_MOST_LOSSES_AT_FIRST = 2 * _MOST_LOSSES
# The most blocks of a span, and about how many seconds it may take: results are saved at its end.
_LONGEST_SPAN = 8
_SPAN_SECONDS = 15.0
# Seconds between two looks at signals and limits.
_LOOK = 0.1
# The exceptions of engines that have run a task again, and lost a worker each time.
_LOST_WORKERS = {"KilledWorker", "WorkerCrashedError", "NodeDiedError", "OutOfMemoryError", "LocalRayletDiedError"}


class Dispatcher:
    """Sends spans to workers and collects what they return.

    Args:
        pool: the executor.
        envelope: the job; `body` is sent to workers that cannot read its file.
        body: of the job.
        waiting: gives the blocks.
        collector: collects the results.
        watch: ends the sweep at a limit or a signal.
    """

    def __init__(
        self,
        pool: Pool,
        envelope: Envelope,
        body: bytes | None,
        waiting: BlockQueue,
        collector: BlockCollector,
        watch: Watch,
    ) -> None:
        self._pool, self._envelope, self._body = pool, envelope, body
        self._waiting, self._collector, self._watch = waiting, collector, watch
        self._running: dict[Future[Any], list[Block]] = {}
        self._news: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self._runs_suspect = False
        self._suspects: deque[list[Block]] = deque()
        self._losses: Counter[int] = Counter()  # of blocks that ran alone
        self._lost = 0
        self._given_up: dict[int, Block] = {}
        self._seconds_of_block: dict[str, float] = {}

    def run(self) -> None:
        """Runs all blocks, up to the last, a limit or a signal.

        Raises:
            RuntimeError: blocks that lost their worker again and again, after the others have run; or no worker starts.
            Exception: one of a function of the user, or of the executor.
        """
        try:
            while not self._is_hopeless() and self._send():
                self._receive()
                if self._watch.has_ended():
                    return
        finally:
            for future in self._running:  # an executor of the user's goes on after the sweep
                future.cancel()
        if self._is_hopeless():
            names = ", ".join(f"block {number}" for number in sorted(self._losses))
            raise RuntimeError(
                f"sweep: {names} lost workers {self._losses.total()} times before any result; what these print may "
                'tell why. A script whose workers are processes needs `if __name__ == "__main__":`; they import it'
            )
        if self._given_up:
            names = ", ".join(block.name for _, block in sorted(self._given_up.items()))
            times = max(self._losses[number] for number in self._given_up)
            raise RuntimeError(f"sweep: {names} lost its worker {times} times; all others that could run have ended")

    def _is_hopeless(self) -> bool:
        """Returns whether workers die again and again, and none has returned a result."""
        return self._losses.total() >= _MOST_LOSSES_AT_FIRST and not self._seconds_of_block

    def _send(self) -> bool:
        """Sends spans as long as workers want some; returns whether any runs."""
        while len(self._running) < self._count_wanted():
            self._runs_suspect = bool(self._suspects)
            span = self._suspects.popleft() if self._suspects else self._waiting.take(self._choose_length())
            if not span:
                break
            self._submit(span)
        return bool(self._running)

    def _submit(self, span: list[Block]) -> None:
        """Sends a span."""
        counts, conditions = self._collector.shared
        try:
            future = self._pool.submit(Task(self._envelope, span, counts, conditions))
        except BrokenExecutor as error:
            self._suspects.append(span)  # another has broken the executor
            self._recover([], error)
            return
        self._running[future] = span
        future.add_done_callback(self._news.put)

    def _count_wanted(self) -> int:
        """Returns how many spans may run: one more than workers, so that none waits; a suspect runs alone."""
        return 1 if self._suspects or self._runs_suspect else self._pool.workers + 1

    def _choose_length(self) -> int:
        """Returns the number of blocks of the next span: more where they are quick, one at the end of the sweep."""
        if not self._seconds_of_block:
            return 1
        quick = int(_SPAN_SECONDS / max(*self._seconds_of_block.values(), 1e-3))
        share = self._watch.count_left() // (2 * self._pool.workers)
        return max(min(quick, share, _LONGEST_SPAN), 1)

    def _receive(self) -> None:
        """Waits a moment for the result of a span."""
        try:
            future = self._news.get(timeout=_LOOK)
        except queue.Empty:
            return
        if future not in self._running:
            return  # it broke together with another
        span = self._running.pop(future)
        try:
            answer = future.result()
        except BrokenExecutor as error:
            self._recover([span], error)
        except (CancelledError, Exception) as error:
            if type(error).__name__ not in _LOST_WORKERS:
                error.add_note(f"sweep: raised by the executor, not by a worker, for {span[0].name}")
                raise
            # The engine has run it again by itself.
            self._losses[span[0].number] = _MOST_LOSSES - 1
            self._lose(span, alone=True)
        else:
            self._take(answer, span)
        self._watch.show(self._collector.trials, len(self._running), self._lost)

    def _take(self, answer: Any, span: list[Block]) -> None:
        """Takes what a worker returned."""
        answer = answer.read() if isinstance(answer, ReportFile) else answer
        if isinstance(answer, MissingBody):
            # Other spans that were sent before may get the same answer.
            self._envelope = self._envelope._replace(body=self._body)
            self._submit(span)
        elif isinstance(answer, Failed):
            raise answer.make_error(", ".join(block.name for block in span))
        elif not isinstance(answer, SpanReport):
            raise TypeError(f"sweep: a worker returned {answer!r}; use the same version of jaxnn there")
        else:
            check_versions(answer.worker, answer.conditions)
            self._collector.check_conditions(answer.worker, answer.conditions)
            _check_blocks(answer, span)
            self._collector.add(answer)
            self._seconds_of_block[answer.worker] = answer.seconds / max(len(span), 1)
            for block in answer.blocks:
                self._losses.pop(block.number, None)
                self._waiting.mark_done(block.number)

    def _recover(self, lost: list[list[Block]], error: BaseException) -> None:
        """Goes on after an executor has broken: takes the results that came through, and suspects all other spans."""
        for future, span in self._running.items():
            answer: Any = None
            with contextlib.suppress(BaseException):
                answer = future.result(timeout=_LOOK)
            if isinstance(answer, SpanReport | ReportFile):
                self._take(answer, span)
            else:
                lost = [*lost, span]
        self._running.clear()
        if not self._pool.can_be_remade:
            raise RuntimeError(
                "sweep: the executor has lost a worker and takes no more work. Pass a function that makes an "
                "executor as executor=, so that a new one goes on; with directory= the same call goes on too"
            ) from error
        for span in lost:
            self._lose(span, alone=len(lost) == 1)
        self._pool.remake(error)

    def _lose(self, span: list[Block], *, alone: bool) -> None:
        """Notes that a span has lost its worker; one that was alone is run in single blocks, or given up."""
        self._lost += 1
        first = span[0]
        if not alone:
            self._suspects.append(span)
        elif len(span) > 1:
            self._suspects.extendleft([block] for block in reversed(span))
        else:
            self._losses[first.number] += 1
            if self._losses[first.number] < _MOST_LOSSES:
                self._suspects.append(span)
            else:
                self._given_up[first.number] = first


def _check_blocks(report: SpanReport, span: list[Block]) -> None:
    """Checks that a worker returned the blocks that it was sent, with all their trials.

    Raises:
        RuntimeError: others, as of an executor that mixes up its tasks; the message names them.
    """
    sent, returned = [block.name for block in span], [block.name for block in report.blocks]
    if sorted(returned) != sorted(sent):
        raise RuntimeError(
            f"sweep: the worker {report.worker} was sent {', '.join(sent)} and returned "
            f"{', '.join(returned) or 'no block'}; the executor must return what each call of its own returned"
        )
