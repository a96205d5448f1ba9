"""Runs spans through the lanes of this process, which keeps plan and compiled programs from one span to the next."""

import os
import socket
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, NamedTuple, cast

import jax
import numpy as np

from jaxnn.io.runs.run import NoRun
from jaxnn.sweeps.blocks.block import Block, BlockResult, ProgramRecord
from jaxnn.sweeps.blocks.content import pack_block
from jaxnn.sweeps.blocks.scheduler import BlockSchedulers
from jaxnn.sweeps.engine.plan import SCHEDULER_KEY, Plan
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.replay import Programs, replay
from jaxnn.sweeps.resume import SweepJournal
from jaxnn.sweeps.running import Search, Waiting, run_batch
from jaxnn.sweeps.schedulers.base import Scheduler
from jaxnn.sweeps.shape_check import ShapeCheck


class SpanStep(NamedTuple):
    """A chunk, or the end of a part of the span.

    Attributes:
        chunk: its statistics; None at the end of a part.
        progress: the trials that have ended in the span, and the sum of the progress of those that run.
        ended: the blocks that are done since the last step.
    """

    chunk: ChunkStats | None
    progress: int | float
    ended: list[BlockResult]


class SpanRunner:
    """Runs spans of one sweep."""

    def __init__(self, plan: Plan, scheduler: Scheduler | None, keep: int, programs: Programs) -> None:
        self.plan, self.programs = plan, programs
        self._scheduler, self._keep = scheduler, keep
        self._shapes = ShapeCheck(plan)
        self._journal = SweepJournal(NoRun(), plan, BestTrials(keep), None)
        self._records: dict[Any, ProgramRecord] = {}

    def run(self, blocks: Sequence[Block]) -> Generator[SpanStep, None, None]:
        """Runs blocks whose trials share the lanes; yields after each chunk.

        The trials of each combination of choices run together, in an order that is the same for every span. A
        population trains at the same time, so that its blocks run one after another.
        """
        # Frozen lanes hold NaN. The journal looks for that of trials, and names the trial.
        with jax.debug_nans(False):
            schedulers = self._make_schedulers(blocks)
            alone = schedulers is not None and schedulers.population
            done = 0
            for part in [[block] for block in blocks] if alone else [list(blocks)]:
                for step in self._run_part(part, schedulers):
                    yield step._replace(progress=done + step.progress)
                done += sum(len(block.settings) for block in part)

    def replay(self, trial: int, results: dict[int, TrialResult], on_host: frozenset[str]) -> bytes:
        """Replays a trial, and returns it as the content of a block.

        Args:
            trial: its number.
            results: of it and of the trials from which it copied.
            on_host: the names of the functions that the host computes.
        """
        own = results[trial]
        self.plan.on_host.setdefault(own.setting.choices, on_host)
        replayed = replay(self.plan, self.programs, results, [trial])[trial]
        ended = own._replace(curves=replayed.curves, epochs=own.score_epoch)
        return pack_block([ended], {trial: replayed.params})

    @property
    def records(self) -> list[ProgramRecord]:
        """The programs so far."""
        for choices, program in self.programs.items():
            if choices not in self._records:
                on_host = tuple(sorted(self.plan.on_host.get(choices, ())))
                self._records[choices] = ProgramRecord(choices, program.lane_count, program.digest_of_device, on_host)
        return list(self._records.values())

    def _make_schedulers(self, blocks: Sequence[Block]) -> BlockSchedulers | None:
        if self._scheduler is None:
            return None
        key = jax.random.fold_in(self.plan.key, SCHEDULER_KEY)
        return BlockSchedulers(self._scheduler, blocks, self.plan.layout.epochs, self.plan.space, key)

    def _run_part(self, blocks: list[Block], schedulers: BlockSchedulers | None) -> Iterator[SpanStep]:
        best, waiting = _BestOfBlocks(blocks, self._keep), list(blocks)
        self._journal.best = best
        members = sorted((each for block in blocks for each in block.members), key=lambda each: each[1].choices)
        members = self._shapes.drop_failed(members, self._journal)
        search = Search(
            self.plan, self.programs, [], cast(Any, None), self._scheduler, schedulers, self._journal
        )  # fmt: skip
        for chunk in run_batch(search, members):
            if isinstance(chunk, Waiting):
                continue
            ended = [block for block in waiting if best.has_ended(block)]
            waiting = [block for block in waiting if block not in ended]
            chunk = chunk._replace(worker=name_worker())
            yield SpanStep(chunk, best.count() + chunk.progress, [self._end(block, best) for block in ended])
        yield SpanStep(None, best.count(), [self._end(block, best) for block in waiting])

    def _end(self, block: Block, best: "_BestOfBlocks") -> BlockResult:
        own = best.take(block)
        for trial, replayed in replay(self.plan, self.programs, own.results, own.missing_params()).items():
            own.kept[trial] = replayed.params
        results = own.sorted_results()
        return BlockResult(
            number=block.number,
            start=block.start,
            content=pack_block(list(results), own.kept),
            seconds=np.array([result.seconds for result in results]),
            best=max((result.rank for result in results if result.has_params), default=-np.inf),
            statuses=dict(Counter(result.status for result in results)),
        )


class _BestOfBlocks(BestTrials):
    """The best trials of each of some blocks."""

    def __init__(self, blocks: Sequence[Block], keep: int) -> None:
        super().__init__(keep)
        self._blocks = {block.number: BestTrials(keep) for block in blocks}
        self._block_of = {
            trial: self._blocks[block.number]
            for block in blocks
            for trial in range(block.start, block.start + len(block.settings))
        }
        self._taken = 0

    def add(self, result: TrialResult, read_params: Callable[[], Any]) -> None:
        self._block_of[result.trial].add(result, read_params)

    def has_ended(self, block: Block) -> bool:
        """Returns whether all trials of a block have ended."""
        return len(self._blocks[block.number].results) == len(block.settings)

    def take(self, block: Block) -> BestTrials:
        """Returns the results of a block, and forgets them."""
        own = self._blocks.pop(block.number)
        self._taken += len(own.results)
        return own

    def count(self) -> int:
        """Returns how many trials have ended."""
        return self._taken + sum(len(best.results) for best in self._blocks.values())


def name_worker() -> str:
    """Names this process: the computer, and the number of the process."""
    return f"{socket.gethostname()}:{os.getpid()}"
