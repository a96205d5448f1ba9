"""Searches whose sampler is asked for settings as lanes become free, while other trials still run.

Settings wait in a queue for each program. A program runs until its queue and its lanes are empty and the sampler may
not be asked for more. The program of the trial that has waited longest is next. The order of the questions, and of the
results that the sampler was told before each, depends on the results of the chunks alone; a resumed sweep repeats it.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator

from jaxnn.sweeps.batches import ask_batch, run_earlier
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.source import TrialSource
from jaxnn.sweeps.running import Event, Search, run_source
from jaxnn.sweeps.samplers.base import AsynchronousSampler, TrialSampler
from jaxnn.sweeps.schedulers.base import TrialScheduler
from jaxnn.sweeps.shape_check import ShapeCheck
from jaxnn.sweeps.space.space import Choices, Setting


def is_asynchronous(sampler: TrialSampler, scheduler: TrialScheduler | None) -> bool:
    """Returns whether a search asks as lanes become free; a population starts together."""
    return isinstance(sampler, AsynchronousSampler) and not (scheduler is not None and scheduler.population)


def limit_lanes(plan: Plan, sampler: TrialSampler, scheduler: TrialScheduler | None) -> Plan:
    """Returns a plan with lanes for no more trials than the sampler may be asked for before it is told results."""
    return plan._replace(at_once=sampler.ask_limit) if is_asynchronous(sampler, scheduler) else plan


def run_asynchronously(search: Search, shapes: ShapeCheck) -> Generator[Event, None, None]:
    """Runs all trials of a search, one program at a time; tells the sampler results also when it ends early."""
    if search.earlier is not None:
        yield from run_earlier(search, search.earlier, shapes)
    asked = AskedTrials(search, shapes)
    try:
        while (setting := asked.choose_program()) is not None:
            yield from run_source(search, setting, asked)
    finally:
        asked.tell()


def commit_saved(search: Search, events: Iterable[Event]) -> Iterator[Event]:
    """Passes events on, and tells the sampler when a checkpoint has been saved after one."""
    for event in events:
        yield event
        # The next results are told after this.
        if isinstance(search.sampler, AsynchronousSampler) and search.journal.is_saved:
            search.sampler.commit()


def end_sampler(sampler: TrialSampler, chunks: Generator[Event, None, None], *, loses_chunk: bool) -> None:
    """Ends the chunks, which tells the sampler the last results, and then the sampler.

    Args:
        sampler: of the search.
        chunks: its generator.
        loses_chunk: whether the last results may not be in the checkpoint.
    """
    chunks.close()
    if isinstance(sampler, AsynchronousSampler):
        if not loses_chunk:
            sampler.commit()
        sampler.close()


class AskedTrials(TrialSource):
    """Gives trials to one program after another, and asks the sampler when there are too few."""

    def __init__(self, search: Search, shapes: ShapeCheck) -> None:
        self._search, self._shapes = search, shapes
        self._queues: dict[Choices, deque[tuple[int, Setting]]] = {}
        self._current: Choices = ()
        # Trials whose results the sampler was not told.
        self._open: set[int] = set()
        self._has_more = True

    @property
    def waiting(self) -> int:
        left = self._search.plan.trials - len(self._search.journal.best.drawn) if self._has_more else 0
        return left + sum(map(len, self._queues.values()))

    def choose_program(self) -> Setting | None:
        """Returns a setting of the program that runs next; None at the end of the search."""
        while not any(self._queues.values()) and self._ask(1):
            pass
        waiting = [queue[0] for queue in self._queues.values() if queue]
        if not waiting:
            return None
        setting = min(waiting, key=lambda numbered: numbered[0])[1]
        self._current = setting.choices
        return setting

    def take(self, count: int) -> list[tuple[int, Setting]]:
        queue = self._queues[self._current]
        while len(queue) < count and self._ask(count - len(queue)):
            pass
        return [queue.popleft() for _ in range(min(count, len(queue)))]

    def tell(self) -> None:
        """Tells the sampler the results of the trials that have ended since the last call."""
        results = self._search.journal.best.results
        ended = sorted(self._open & results.keys())
        self._open -= set(ended)
        if ended:
            self._search.sampler.tell([results[number] for number in ended])

    def _ask(self, count: int) -> bool:
        """Asks for at most `count` settings, if the sampler may be asked; returns whether there were any."""
        self.tell()
        search, limit = self._search, self._search.sampler.ask_limit
        count = count if limit is None else min(count, limit - len(self._open))
        if not self._has_more or count < 1 or not self._may_ask():
            return False
        batch = ask_batch(search, count)
        self._has_more = bool(batch)
        self._open |= {number for number, _ in batch}
        for number, setting in self._shapes.drop_failed(batch, search.journal):
            self._queues.setdefault(setting.choices, deque()).append((number, setting))
        return bool(batch)

    def _may_ask(self) -> bool:
        """Returns whether trials are left to draw; while resuming, whether the sampler was asked at this point.

        It was not where a sweep that goes on with more trials had drawn all that it had then.
        """
        search = self._search
        if search.journal.resuming:
            return search.journal.next_call(0) is not None
        return len(search.journal.best.drawn) < search.plan.trials
