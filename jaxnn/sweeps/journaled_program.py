"""A program whose chunks are written to the journal of a sweep, or read from it."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from jaxnn.io.runs.journal import pack_array
from jaxnn.sweeps.engine.chunk_result import ChunkResult
from jaxnn.sweeps.engine.chunk_runner import EarlierState
from jaxnn.sweeps.engine.lanes import Lanes, LaneUpdates
from jaxnn.sweeps.engine.program import Program


@runtime_checkable
class ProgramJournal(Protocol):
    """What a program needs of the journal; `SweepJournal` documents it."""

    resuming: bool

    def next_chunk_result(self, epochs: int) -> ChunkResult: ...

    def set_lanes(self, lanes: Lanes, chunk: "JournaledChunk | None" = None) -> None: ...


class JournaledChunk(NamedTuple):
    """The result of a chunk, and what changed in the lanes before it.

    Attributes:
        result, updates: of the program.
        continued: the trials whose earlier states were put into lanes, with their first lane.
    """

    result: ChunkResult
    updates: LaneUpdates
    continued: list[tuple[int, int]]

    def describe(self) -> dict[str, Any]:
        """Returns the fields of its event: with starts and limits, a reader finds the curves of each trial."""
        starts = np.flatnonzero(self.updates.starts)
        return {
            "diverged": pack_array(self.result.diverged),
            "curves": pack_array(self.result.curves),
            "stopped": None if self.result.stopped is None else pack_array(self.result.stopped),
            "starts": np.stack([starts, self.updates.trial[starts]], axis=1).tolist(),
            "continued": self.continued,
            "limits": self.updates.limit.tolist(),
        }


class JournaledProgram:
    """A program whose past chunks are read from the journal, and whose new chunks are written to it.

    It has no lookahead: the lanes of a checkpoint are those after the last chunk in the journal.
    """

    lookahead = 0

    def __init__(self, journal: ProgramJournal, program: Program, lanes: Lanes | None) -> None:
        self._journal, self._program, self._lanes = journal, program, lanes
        self._continued: list[tuple[int, int]] = []
        self.size, self.width, self.max_epochs = program.size, program.width, program.max_epochs

    def empty(self) -> Any:
        # Recorded chunks read no lanes; those of the checkpoint are passed on to the first new chunk.
        return self._lanes if self._journal.resuming else self._program.empty()

    def copy(self, lanes: Any, parents: np.ndarray, mask: np.ndarray, values: dict[str, np.ndarray]) -> Any:
        if not self._journal.resuming:
            lanes = self._program.copy(lanes, parents, mask, values)
            self._journal.set_lanes(lanes)
        return lanes

    def put(self, lanes: Any, states: list[EarlierState]) -> Any:
        if self._journal.resuming:
            return lanes
        self._continued = [(trial, rows.start) for trial, rows, _ in states]
        return self._program.put(lanes, states)

    def advance(self, lanes: Any, updates: LaneUpdates, epochs: int) -> tuple[Any, Callable[[], ChunkResult]]:
        if self._journal.resuming:
            return lanes, lambda: self._journal.next_chunk_result(epochs)
        lanes, read = self._program.advance(lanes, updates, epochs)
        continued, self._continued = self._continued, []

        def read_and_record() -> ChunkResult:
            result = read()
            self._journal.set_lanes(lanes, JournaledChunk(result, updates, continued))
            return result

        return lanes, read_and_record
