"""The blocks that are done, and the programs and conditions that they share."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from jaxnn._checks.warn import warn_user
from jaxnn.io.runs import Log
from jaxnn.io.runs.configuration import find_changes
from jaxnn.io.runs.journal import as_json, pack_array, unpack_array
from jaxnn.sweeps.blocks.block import BlockResult, ProgramRecord, SpanReport
from jaxnn.sweeps.blocks.content import BlockContent, unpack_block
from jaxnn.sweeps.blocks.store import BlockStore
from jaxnn.sweeps.describe import as_choices, describe_result, recipe_error
from jaxnn.sweeps.engine.lane_count import LaneCount
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.stored_trials import add_note, fill_by_name, note_elsewhere
from jaxnn.sweeps.results.tables import list_numbers, make_files
from jaxnn.sweeps.saved_shapes import SavedShapes
from jaxnn.sweeps.space.space import Choices


class DoneBlock(NamedTuple):
    """A block that is done.

    Attributes:
        start, seconds, best, statuses: see `BlockResult`.
        worker: which ran it.
        conditions: of the worker.
        chunks: that it came with.
    """

    start: int
    seconds: np.ndarray
    worker: str
    best: float
    statuses: dict[str, int]
    conditions: dict[str, Any]
    chunks: list[ChunkStats]


class BlockCollector:
    """Collects blocks, which a store holds.

    With `on_mismatch="continue"` the first worker of a call may have other conditions than those of earlier calls. The
    blocks that are done stay, and the reason of their trials says so.

    Attributes:
        blocks: those that are done, by number, in the order in which they ended.
        programs: by their choices, of workers under these conditions.
        conditions: what decides bits on all workers of this call; empty before the first block.
        best: the highest rank of a trial.
        statuses: how many trials have each status.
        goes_on: whether this call goes on from an earlier one.
    """

    def __init__(self, plan: Plan, store: BlockStore, log: Log | None, on_mismatch: str = "raise") -> None:
        self._plan, self._store, self._log = plan, store, log
        self.blocks: dict[int, DoneBlock] = {}
        self.programs: dict[Choices, ProgramRecord] = {}
        self.conditions: dict[str, Any] = {}
        self.best = -np.inf
        self.statuses: Counter[str] = Counter()
        self._first_worker = ""
        # Those of the newest block that is done.
        self._newest: dict[str, Any] = {}
        self._programs: dict[str, dict[Choices, ProgramRecord]] = {}
        self._may_change, self._has_reports = on_mismatch == "continue", False
        self._warned: set[str] = set()
        self.goes_on = bool(store.events)
        for event in store.events:
            self._repeat(event)

    @property
    def trials(self) -> int:
        """The number of trials of the blocks that are done."""
        return self.statuses.total()

    @property
    def shared(self) -> tuple[dict[Choices, LaneCount], dict[str, Any]]:
        """The lanes and the conditions that the next worker must share; none if it may change them."""
        if self._may_change:
            return {}, {}
        return {choices: record.lane_count for choices, record in self.programs.items()}, self.conditions

    @property
    def elsewhere(self) -> dict[int, dict[str, Any]]:
        """The conditions of trials that ran under others than those of this call, by number."""
        return {
            trial: block.conditions
            for block in self.blocks.values()
            if block.conditions != self.conditions
            for trial in range(block.start, block.start + len(block.seconds))
        }

    def add(self, report: SpanReport) -> None:
        """Adds what a worker returned, if its programs and conditions are those of the others.

        Raises:
            ValueError: a worker that computes other bits; the message names it and what differs.
        """
        self.check_conditions(report.worker, report.conditions)
        if report.blocks and self._newest != self.conditions:
            self._store.record("conditions", worker=report.worker, conditions=report.conditions)
            self._newest = self.conditions
        for record in report.programs:
            self._check_program(report.worker, record)
        for text in report.warnings:
            if text not in self._warned:
                self._warned.add(text)
                warn_user(text)
        for place, block in enumerate(report.blocks):
            self._add_block(block, report.worker, report.chunks if place == 0 else [])

    def check_conditions(self, worker: str, conditions: dict[str, Any]) -> None:
        """Checks the conditions of a worker before its results count; the first one sets them."""
        changes = find_changes(self.conditions, conditions)
        if not self.conditions or (changes and self._may_change):
            self._set_conditions(worker, conditions)
        elif changes:
            help_ = (
                "Results of both do not make one table: use equal workers"
                if self._has_reports
                else 'on_mismatch="continue" keeps the blocks that are done, and runs the others under these conditions'
            )
            raise ValueError(
                f"sweep: the worker {worker} computes other bits than {self._first_worker}: "
                f"{'; '.join(changes.values())}. {help_}"
            )
        self._may_change, self._has_reports = False, True

    def read(self, number: int) -> BlockContent:
        """Returns the results and the kept parameters of a block."""
        block = self.blocks[number]
        content = self._store.read_block(number)
        unpacked, note = unpack_block(content, block.seconds, block.worker), self._note(block)
        return unpacked._replace(results=[add_note(result, note) for result in unpacked.results])

    def read_results(self, number: int) -> list[TrialResult]:
        """Returns the results of a block."""
        return self.read(number).results

    def fill(self, best: BestTrials) -> None:
        """Adds all results to `best`, and the parameters of the best trials."""
        shapes = SavedShapes(self._plan)
        for number in sorted(self.blocks):
            content = self.read(number)
            for result in content.results:
                best.drawn[result.trial] = result.setting
                best.add(result, lambda result=result, kept=content.kept: _read_params(result, kept, shapes))
        best.chunks = [chunk for block in self.blocks.values() for chunk in block.chunks]

    def _add_block(self, block: BlockResult, worker: str, chunks: list[ChunkStats]) -> None:
        digest = self._store.write_block(block.number, block.content)
        self._store.record(
            "block", number=block.number, start=block.start, sha256_of_file=digest,
            worker=worker, best=as_json(block.best), statuses=block.statuses,
            seconds_of_trials=pack_array(block.seconds), chunks=chunks,
        )  # fmt: skip
        done = DoneBlock(block.start, block.seconds, worker, block.best, block.statuses, self.conditions, chunks)
        self._count(block.number, done)
        if self._log is not None:
            for result in self.read_results(block.number):
                self._log(result.trial, list_numbers(self._plan.hypers(result.setting), result))

    def _count(self, number: int, done: DoneBlock) -> None:
        """Counts a block, once: one that has run before, maybe with fewer trials, is replaced."""
        if number in self.blocks:
            self.statuses -= Counter(self.blocks.pop(number).statuses)
            self.best = max((block.best for block in self.blocks.values()), default=-np.inf)
        self.blocks[number] = done
        self.best = max(self.best, done.best)
        self.statuses += Counter(done.statuses)

    def _check_program(self, worker: str, record: ProgramRecord) -> None:
        known = self.programs.get(record.choices)
        if known is None:
            self._set_program(record)
            self._store.record("program", **record._asdict())
        elif known.traced != record.traced:
            if self.goes_on:
                raise recipe_error(record.choices)
            raise ValueError(f"sweep: the worker {worker} has traced another program than {self._first_worker}")
        elif known.lane_count != record.lane_count:
            raise ValueError(
                f"sweep: the worker {worker} runs {record.lane_count.tile} of {record.lane_count.width} lanes of a "
                f"device at a time, the others {known.lane_count.tile} of {known.lane_count.width}; give a number of "
                "lanes that all have the memory for, as lanes="
            )

    def _set_conditions(self, worker: str, conditions: dict[str, Any]) -> None:
        """Sets the conditions of this call; under others, programs may be others too."""
        self.conditions, self._first_worker = conditions, worker
        self.programs = self._programs.setdefault(json.dumps(conditions, sort_keys=True), {})
        self._plan.lane_counts.clear()
        self._plan.on_host.clear()
        for record in self.programs.values():
            self._set_program(record)

    def _note(self, block: DoneBlock) -> str:
        """Returns what the reasons of a block's trials say of its conditions."""
        return "" if block.conditions is self._newest else note_elsewhere(block.conditions, self._newest)

    def _set_program(self, record: ProgramRecord) -> None:
        self.programs[record.choices] = record
        self._plan.lane_counts[record.choices] = record.lane_count
        self._plan.on_host[record.choices] = frozenset(record.on_host)

    def _repeat(self, event: dict[str, Any]) -> None:
        """Takes an event of an earlier call."""
        if event["event"] == "conditions":
            self._set_conditions(event["worker"], event["conditions"])
            self._newest = self.conditions
        elif event["event"] == "program":
            count, on_host = LaneCount(*event["lane_count"]), tuple(event["on_host"])
            self._set_program(ProgramRecord(as_choices(event["choices"]), count, event["traced"], on_host))
        elif event["event"] == "block":
            seconds, chunks = unpack_array(event["seconds_of_trials"]), [ChunkStats(*each) for each in event["chunks"]]
            best = float(event["best"])
            done = DoneBlock(
                event["start"], seconds, event["worker"], best, event["statuses"], self.conditions, chunks
            )  # fmt: skip
            self._count(event["number"], done)

    def tables(self, best: BestTrials) -> dict[str, Iterator[str]]:
        """Returns the CSV files: a row for each trial, and one for each of its epochs."""
        return make_files(self._plan.space, best.sorted_results(), tuple(self._plan.metrics))


def _read_params(result: TrialResult, kept: dict[int, Any], shapes: SavedShapes) -> Any:
    """Returns the parameters of a trial; None if its block has better ones."""
    return fill_by_name(kept[result.trial], shapes.params(describe_result(result))) if result.trial in kept else None
