"""A block of trials, and what a worker returns of blocks."""

from typing import Any, NamedTuple

import numpy as np

from jaxnn.sweeps.engine.lane_count import LaneCount
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.space.space import Choices, Setting


class Block(NamedTuple):
    """Trials that follow one another.

    Attributes:
        number: of the block.
        start: the number of its first trial.
        settings: of its trials.
    """

    number: int
    start: int
    settings: list[Setting]

    @property
    def members(self) -> list[tuple[int, Setting]]:
        """The settings with the numbers of their trials."""
        return list(enumerate(self.settings, self.start))

    @property
    def name(self) -> str:
        """The block and its trials, for messages."""
        return _name_block(self.number, self.start, len(self.settings))


class ProgramRecord(NamedTuple):
    """A program of a worker, which must be the same on all workers.

    Attributes:
        choices: of its trials.
        lane_count: lanes of a device, and of a tile.
        traced: what it computes, as a digest.
        on_host: the names of the functions that the host computes.
    """

    choices: Choices
    lane_count: LaneCount
    traced: str
    on_host: tuple[str, ...]


class BlockResult(NamedTuple):
    """What a worker returns of a block.

    Attributes:
        number: of the block.
        start: the number of its first trial.
        content: see `content.py`; the same bytes whoever ran the block.
        seconds: of each trial.
        best: the highest rank of a trial; minus infinity without one.
        statuses: how many trials have each status.
    """

    number: int
    start: int
    content: bytes
    seconds: np.ndarray
    best: float
    statuses: dict[str, int]

    @property
    def name(self) -> str:
        """The block and its trials, as those of the `Block`."""
        return _name_block(self.number, self.start, len(self.seconds))


class SpanReport(NamedTuple):
    """What a worker returns of a span.

    Attributes:
        blocks: the results of its blocks.
        programs: those that the worker has made so far.
        chunks: the statistics of the chunks.
        worker: its computer and process.
        conditions: see `conditions.py`.
        seconds: that the span took.
        warnings: their texts.
        replayed: the trial that was replayed, as the content of a block; None of a span.
    """

    blocks: list[BlockResult]
    programs: list[ProgramRecord]
    chunks: list[ChunkStats]
    worker: str
    conditions: dict[str, Any]
    seconds: float
    warnings: tuple[str, ...] = ()
    replayed: bytes | None = None


def _name_block(number: int, start: int, trials: int) -> str:
    return f"block {number} (trials {start} … {start + trials - 1})"
